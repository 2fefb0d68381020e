"""The gate's clocks and the boot they belong to.

Ages and time limits are of CLOCK_BOOTTIME: nobody can set it, and unlike CLOCK_MONOTONIC it goes
on while the machine is suspended, so a nonce or a least spacing cannot be slept through.
The wall clock only labels records for people.
"""

import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

NANO = 1_000_000_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
FIRST_PROCESS = Path("/proc/1/stat")


class Clock(Protocol):
    """All the times that the gate reads."""

    def boottime(self) -> int:
        """Nanoseconds since boot, suspend included; never set by anyone."""
        ...

    def monotonic(self) -> int:
        """Nanoseconds on the clock that systemd's ...Monotonic properties are of."""
        ...

    def wall(self) -> int:
        """Nanoseconds since 1970 in UTC, as the node believes."""
        ...

    def boot_id(self) -> uuid.UUID:
        """Name this boot of this node."""
        ...

    def booted(self) -> int:
        """Nanoseconds of `boottime` at which this boot of this node began."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The kernel's clocks."""

    def boottime(self) -> int:
        """Nanoseconds since boot, suspend included."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def monotonic(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def wall(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def boot_id(self) -> uuid.UUID:
        """Read the kernel's boot id, see random(4)."""
        return uuid.UUID(BOOT_ID.read_text(encoding="ascii").strip())

    def booted(self) -> int:
        """Return when PID 1 started: in a container that is later than the kernel's start.

        Where it cannot be read the boot counts as begun just now, which is the careful answer.
        """
        try:
            # proc(5): starttime is field 22, in clock ticks since boot; the name before it may hold anything.
            fields = FIRST_PROCESS.read_text(encoding="utf-8").rpartition(")")[2].split()
            return int(fields[19]) * NANO // os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):
            return self.boottime()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on CLOCK_BOOTTIME, in nanoseconds."""

    at: int
    clock: Clock

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> "Deadline":
        """Set the moment that is `seconds` from now."""
        return cls(clock.boottime() + int(seconds * NANO), clock)

    def left(self) -> float:
        """Seconds until then, never below zero."""
        return max(0.0, (self.at - self.clock.boottime()) / NANO)


def utc(wall_ns: int) -> str:
    """Write a wall clock time as `2026-01-02T03:04:05.678Z` (RFC 3339)."""
    seconds, rest = divmod(wall_ns, NANO)
    moment = time.gmtime(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{rest // 1_000_000:03d}Z"
