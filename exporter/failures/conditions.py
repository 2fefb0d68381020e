"""What fails now, by what was told: a condition begins with a line and ends with its recovery, or when its time is up.

Rule: time is the wall clock's, since conditions outlive a restart; one that was told in the future begins now, and
when the clock is set they are moved with it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from exporter.failures.classifier import Verdict
from exporter.failures.kinds import Failure, Witness

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

LASTS: Mapping[Failure, float] = MappingProxyType(
    {
        # Errors of failing hardware come hours apart: at the next scrub, backup or warm afternoon.
        Failure.DISK: DAY,
        Failure.FILESYSTEM: DAY,
        Failure.MEMORY_HW: DAY,
        Failure.CPU_HW: DAY,
        Failure.THERMAL_POWER: HOUR,
        Failure.KERNEL_PANIC_HANG: HOUR,
        Failure.NETWORK_LINK: 10 * MINUTE,
        Failure.TIME_SYNC: HOUR,
        # These are over with the line itself; their time is what an alert and a person need to see them.
        Failure.OOM: 10 * MINUTE,
        Failure.PROCESS_CRASH: 10 * MINUTE,
        Failure.SERVICE_FAILED: 10 * MINUTE,
        Failure.AUTH_SECURITY: 10 * MINUTE,
    }
)
"""Seconds after its last line that a condition goes on without a recovery."""

OUTLIVE_A_BOOT = frozenset({Failure.DISK, Failure.FILESYSTEM, Failure.MEMORY_HW, Failure.CPU_HW})
"""What is broken stays broken; the rest was the former kernel's, and the new one tells of it anew."""

MOST = 200
"""Conditions at once. Devices' names may come from strangers, so some make room (`_standing`), and are counted."""

LONGEST_DEVICE = 64

Key = tuple[Failure, str, bool]

COMES_AND_GOES = re.compile(r"(?:sr|fd)\d+")
"""Devices whose errors are minor whatever they are: what was laid in is bad, or the BMC's virtual medium is gone."""

NUMBERED = re.compile(r"\d+,? \((?P<name>.*)\)|(?P<comm>.+)(?<!\.[ch]):\d+")
"""How the kernel writes a process, `40112 (postgres)` or `postgres:40112`: a number makes each time a new series."""

TRANSIENT = re.compile(r"run-.*|.*\.scope|systemd-coredump@.*")
"""Units that are made for one command, container or login, and are never there again (systemd-run(1))."""

RANDOM = re.compile(r"[0-9a-f]{12,}|\d+")
"""What tells one of these from the next."""

OF_PROCESSES = frozenset({Failure.OOM, Failure.PROCESS_CRASH, Failure.KERNEL_PANIC_HANG})
"""The types of which the device is a process."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that fails.

    Attributes:
        device: As the lines name it; empty where they name none.
        cause: Of the first line, so that its series stays one.
        entry: Likewise.
        witness: The most believable of those who told.
        minor: Whether it takes nothing from the node; what does of the same device is a condition of its own.
        began_at: Epoch seconds of the first line.
        seen_at: Of the newest.
    """

    type: Failure
    device: str
    cause: str
    entry: str
    began_at: float
    seen_at: float
    witness: Witness
    minor: bool = False

    @property
    def key(self) -> Key:
        """What tells it from all others that are open."""
        return self.type, self.device, self.minor

    @property
    def weight(self) -> str:
        """How much it takes from the node, in the word of the label: `minor`, or `grave`."""
        return "minor" if self.minor else "grave"

    @property
    def ends_at(self) -> float:
        """When its time is up, epoch seconds."""
        return self.seen_at + LASTS[self.type]


class Conditions:
    """All that fail now."""

    def __init__(self) -> None:
        self._open: dict[Key, Condition] = {}
        self.crowded_out = 0

    @property
    def open(self) -> tuple[Condition, ...]:
        """Those that go on, in the order in which they began."""
        return tuple(self._open.values())

    def newest(self) -> tuple[Condition, ...]:
        """Return of each type and device the one that was told of last."""
        found = {(one.type, one.device): one for one in sorted(self.open, key=_seen_at)}
        return tuple(found.values())

    def hear(self, verdict: Verdict, at: float, now: float) -> bool:
        """Take in what a line told at a moment; return whether something began, ended or is believed more."""
        device, at = _device(verdict), min(at, now)
        if verdict.clears:
            return self._clear(verdict, device)
        if verdict.type is None or verdict.part or at + LASTS[verdict.type] <= now:
            return False
        minor = verdict.minor or COMES_AND_GOES.fullmatch(device) is not None
        heard = Condition(
            *(verdict.type, device, verdict.cause, verdict.entry, at, at, verdict.witness, minor)
        )
        known = self._open.get(heard.key)
        if known is not None:
            self._open[heard.key] = _prolonged(known, heard)
            return self._open[heard.key].witness is not known.witness
        if len(self._open) >= MOST:
            least = min((*self.open, heard), key=_standing)
            self.crowded_out += 1
            if least is heard:
                return False
            del self._open[least.key]
        self._open[heard.key] = heard
        return True

    def expire(self, now: float) -> bool:
        """End those whose time is up; return whether there were any."""
        over = [key for key, one in self._open.items() if one.ends_at <= now]
        for key in over:
            del self._open[key]
        return bool(over)

    def shift(self, seconds: float) -> None:
        """Move all in time, since the clock was set by so much: they are as old as before."""
        self._open = {
            key: replace(one, began_at=one.began_at + seconds, seen_at=one.seen_at + seconds)
            for key, one in self._open.items()
        }

    def booted(self) -> None:
        """End what a new boot ends."""
        self._open = {key: one for key, one in self._open.items() if key[0] in OUTLIVE_A_BOOT}

    def _clear(self, recovery: Verdict, device: str) -> bool:
        """End what is over; of what the kernel or a daemon told one of them has to say so, and no stranger."""
        over = [
            key
            for key, one in self._open.items()
            if one.type in recovery.clears
            and (recovery.everywhere or one.device == device)
            and (one.witness is Witness.OTHER or recovery.witness is not Witness.OTHER)
        ]
        for key in over:
            del self._open[key]
        return bool(over)

    def saved(self) -> list[dict[str, Any]]:
        """Return what `restore` takes."""
        return [
            {
                "type": one.type.value,
                "device": one.device,
                "cause": one.cause,
                "entry": one.entry,
                "began_at": one.began_at,
                "seen_at": one.seen_at,
                "witness": one.witness.value,
                "minor": one.minor,
            }
            for one in self.open
        ]

    def restore(self, saved: list[dict[str, Any]], now: float) -> None:
        """Go on with what a former life saved.

        Raises:
            ValueError, KeyError, TypeError: It is not what `saved` gives; nothing was changed.
        """
        found = {}
        for raw in saved[:MOST]:
            device, cause, entry = (str(raw[name]) for name in ("device", "cause", "entry"))
            began_at, seen_at = (min(float(raw[name]), now) for name in ("began_at", "seen_at"))
            if not math.isfinite(began_at) or not math.isfinite(seen_at):
                raise ValueError(f"{device}: no time")  # its own would never be up
            kind, witness = Failure(raw["type"]), Witness(raw["witness"])
            minor = bool(raw.get("minor", cause.startswith("corrected ")))  # older files have none
            one = Condition(kind, device, cause, entry, began_at, seen_at, witness, minor)
            found[one.key] = one
        self._open = found
        self.expire(now)


def _device(verdict: Verdict) -> str:
    """Return what a condition calls a device: a disk without its folder, a process without its number.

    Of a login that was refused it is nothing: thousands try each day, and what they type is somebody's name or, too
    early, a password. Whoever scrapes would read it.
    """
    if verdict.type is Failure.AUTH_SECURITY:
        return ""
    name = verdict.device.removeprefix("/dev/")
    if TRANSIENT.fullmatch(name):
        name = RANDOM.sub("N", name)
    if verdict.type in OF_PROCESSES and (found := NUMBERED.fullmatch(name)) is not None:
        name = found["name"] or found["comm"]
    return name[:LONGEST_DEVICE]


def _seen_at(condition: Condition) -> float:
    return condition.seen_at


def _standing(condition: Condition) -> tuple[bool, float, float]:
    """Return by what one makes room for others, the least first: what strangers say, what is soon over, what is old.

    Any user may log of a thousand disks, and crash a thousand programs of any names; neither ends what the kernel told.
    """
    one = condition
    return one.witness is not Witness.OTHER, LASTS[one.type], one.seen_at


def _prolonged(known: Condition, heard: Condition) -> Condition:
    """Return a condition of which one more line told; no stranger makes last longer what others told."""
    if heard.witness is Witness.OTHER and known.witness is not Witness.OTHER:
        return known
    witness = max(heard.witness, known.witness, key=list(Witness).index)
    return replace(known, seen_at=max(heard.seen_at, known.seen_at), witness=witness)
