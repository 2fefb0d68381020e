"""Why this node booted last, and whether it runs the newest of its kernels.

A cause is only named where something proves it: a watchdog's own status, a crash that firmware kept, the record of an
orderly shutdown. Rule: without proof the cause is unknown, and never a guess.
"""

import os
import re
import struct
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from exporter import sysfiles
from exporter.blocking import Blocking
from exporter.collector import Absent
from exporter.exposition import Family, Kind, block, line
from exporter.files import beginning, end, whole

CAUSE = Family("hale_boot_cause_info", Kind.GAUGE, "Why this node booted last; 1.")
NEWEST = Family(
    "hale_kernel_newest_info", Kind.GAUGE, "The newest installed kernel of the running flavour; 1."
)
PENDING = Family(
    "hale_kernel_reboot_pending",
    Kind.GAUGE,
    "Whether a newer kernel is installed than the one that runs.",
)

# linux/watchdog.h: what the last reset was, by the watchdog's own bits of GETBOOTSTATUS.
WDIOF_OVERHEAT, WDIOF_POWERUNDER, WDIOF_CARDRESET = 0x01, 0x10, 0x20

# bits/utmp.h. Architectures of 64 bits that have no older one of 32 beside them keep wider times.
RUN_LVL, BOOT_TIME = 1, 2
NARROW = ("x86_64", "i686", "armv7l", "ppc64le", "ppc64", "s390x", "mips64")
NARROW_BYTES, WIDE_BYTES = 384, 400
USER = slice(44, 76)
# Bytes of the end of wtmp that are read: more than a hundred records.
TAIL = 64 * 1024
MOST_BYTES = 256  # of a release, which has 64 at the most (linux/utsname.h)


class Cause(Enum):
    """Why a node booted."""

    SHUTDOWN = "shutdown"  # in order, by a person or a program
    PANIC = "panic"
    WATCHDOG = "watchdog"
    OVERHEAT = "overheat"
    POWER = "power"
    UNCLEAN = (
        "unclean"  # the life before it ended without a shutdown: a reset, a power cut, a crash
    )
    UNKNOWN = "unknown"


class Traces(NamedTuple):
    """What the life before left.

    Attributes:
        watchdog: The bits of every watchdog's boot status, together.
        crashes: Crash records that firmware kept until this boot.
        orderly: Whether it was shut down; None when that was not recorded.
    """

    watchdog: int
    crashes: int
    orderly: bool | None


def cause(traces: Traces) -> Cause:
    """Judge by the strongest trace: a crash record says more than that a watchdog ended its silence."""
    if traces.crashes:
        return Cause.PANIC
    for bit, found in (
        (WDIOF_CARDRESET, Cause.WATCHDOG),
        (WDIOF_OVERHEAT, Cause.OVERHEAT),
        (WDIOF_POWERUNDER, Cause.POWER),
    ):
        if traces.watchdog & bit:
            return found
    match traces.orderly:
        case None:
            return Cause.UNKNOWN
        case True:
            return Cause.SHUTDOWN
        case False:
            return Cause.UNCLEAN


def orderly(wtmp: bytes, machine: str) -> bool | None:
    """Tell from wtmp(5) whether the life before this one was shut down; None when it is not told.

    Args:
        wtmp: The end of the file, whole records.
        machine: As uname(2) names it, which decides how long a record is.
    """
    size = NARROW_BYTES if machine in NARROW else WIDE_BYTES
    kinds = []
    for at in range(len(wtmp) % size, len(wtmp), size):
        record = wtmp[at : at + size]
        kind: int = struct.unpack_from("<h" if machine not in ("s390x", "ppc64") else ">h", record)[
            0
        ]
        if kind == BOOT_TIME or (kind == RUN_LVL and record[USER].startswith(b"shutdown\0")):
            kinds.append(kind)
    if kinds.count(BOOT_TIME) < 2:  # what came before the only boot is not recorded
        return None
    last = len(kinds) - 1 - kinds[::-1].index(BOOT_TIME)
    return kinds[last - 1] == RUN_LVL


def flavour(release: str) -> str:
    """Return the part of a kernel's name behind its version: `amd64`, `cloud-amd64`, `generic`; often empty."""
    match = re.fullmatch(r"[0-9.]+(?:-[0-9.]+|-rc[0-9]+)*(?:\+[^-]*)?-?(.*)", release)
    return match[1] if match else ""


def newest(releases: Sequence[str], running: str) -> str | None:
    """Return the newest of the installed kernels that are of the running one's flavour; None for none."""
    alike = [one for one in releases if flavour(one) == flavour(running)]
    return max(alike, key=_order, default=None)


def _order(release: str) -> list[tuple[int, int | str]]:
    # Debian compares numbers as numbers and has ~ before everything (deb-version(7)); -rc as Linux means it.
    parts = re.findall(r"\d+|[^\d.\-]+", release.replace("-rc", "~rc"))
    return [
        (2, int(one)) if one.isdigit() else (0 if one.startswith("~") else 3, one) for one in parts
    ] + [(1, 0)]


class Boot:
    """Serves hale_boot_cause_info and hale_kernel_*."""

    name = "boot"
    interval = 300.0
    deadline = 10.0

    def __init__(self, root: Path, procfs: Path, sysfs: Path, blocking: Blocking) -> None:
        """Look at nothing yet.

        Args:
            root: The node's /.
            procfs: Where /proc is.
            sysfs: Where /sys is.
            blocking: Runs what waits for a disk or a watchdog's driver.
        """
        self._root = root
        self._procfs = procfs
        self._sysfs = sysfs
        self._blocking = blocking
        self._cause: Cause | None = None

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Look at what the life before left, once; and at the kernels each time.

        Raises:
            Absent: Not even the time of the boot is known here.
            OSError: A file is there and cannot be read.
        """
        publish(await self._blocking.call("boot", self._look))

    def _look(self) -> bytes:
        booted_at = self._booted_at()
        if self._cause is None:  # it does not change while the node runs
            self._cause = cause(self._traces(booted_at))
        about = [block(CAUSE, [line(CAUSE.series(cause=self._cause.value), 1)])]
        release = beginning(self._procfs / "sys/kernel/osrelease", MOST_BYTES)
        running = release.decode("utf-8", "replace").strip()
        images = {
            image.name.removeprefix("vmlinuz-"): image
            for image in (self._root / "boot").glob("vmlinuz-*")
        }
        latest = newest(list(images), running)
        if latest is not None:
            replaced = latest == running and images[latest].stat().st_mtime > booted_at
            pending = latest != running or replaced
            about.append(block(NEWEST, [line(NEWEST.series(release=latest), 1)]))
            about.append(block(PENDING, [line(PENDING.series(), pending)]))
        return b"".join(about)

    def _booted_at(self) -> float:
        match = re.search(rb"^btime (\d+)$", whole(self._procfs / "stat"), re.MULTILINE)
        if match is None:
            raise Absent("/proc/stat has no btime")
        return float(match[1])

    def _traces(self, booted_at: float) -> Traces:
        bits = 0
        for file in (self._sysfs / "class/watchdog").glob("watchdog*/bootstatus"):
            bits |= max(0, sysfiles.whole(file) or 0)
        return Traces(bits, self._crashes(booted_at), self._orderly())

    def _crashes(self, booted_at: float) -> int:
        """Count the records that firmware holds, and those that systemd-pstore(8) put away at this boot."""
        held = list(_listed(self._sysfs / "fs/pstore"))
        kept = [
            one
            for one in _listed(self._root / "var/lib/systemd/pstore")
            if one.stat().st_mtime >= booted_at
        ]
        return len([one for one in held if one.name.startswith("dmesg")]) + len(kept)

    def _orderly(self) -> bool | None:
        try:
            return orderly(end(self._root / "var/log/wtmp", TAIL), os.uname().machine)
        except OSError:  # Debian 13 has none
            return None


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # root alone may look, or there is none
        return []
