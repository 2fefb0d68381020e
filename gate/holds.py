"""Holds: a person at the node says that nothing may be touched, with no network needed.

A hold is a file in the gate's state. If that disk cannot be written the hold goes to /run, where it
lasts until the next boot. A file that cannot be understood counts as a hold.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from gate.clock import NANO, Clock, utc
from gate.strict_json import Json, object_of
from gate.words import Reason, Refused

NAME = "hold.json"
REASON_LIMIT = 200
_KEYS = {"v", "reason", "until_wall", "until_boottime", "boot_id"}


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold in force.

    Attributes:
        until: RFC 3339 by the wall clock as it goes now, None for one that only `release` ends.
    """

    reason: str
    until: str | None


@dataclass(frozen=True, slots=True)
class Holds:
    """The holds of this node.

    Attributes:
        state: Directory that survives a boot.
        run: Directory that does not, for when `state` cannot be written.
    """

    state: Path
    run: Path
    clock: Clock

    def in_force(self) -> tuple[Hold, ...]:
        """Read the holds that count now. Whatever cannot be read or understood counts."""
        found = (self._read(directory / NAME) for directory in (self.state, self.run))
        return tuple(hold for hold in found if hold is not None)

    def insist_on_none(self) -> None:
        """Insist that no person holds this node.

        Raises:
            Refused: held.
        """
        for hold in self.in_force():
            until = "until released" if hold.until is None else f"until {hold.until}"
            raise Refused(Reason.HELD, f"{hold.reason} ({until})")

    def place(self, reason: str, seconds: float | None) -> Path:
        """Hold every verb, in place of an earlier hold; return the file that says so.

        Args:
            reason: For the people and healers that will ask why.
            seconds: How long, or None for until released.

        Raises:
            OSError: neither directory could be written; there is no new hold.
        """
        text = json.dumps(
            {
                "v": 1,
                "reason": reason[:REASON_LIMIT],
                "boot_id": str(self.clock.boot_id()),
                "until_wall": self._until(self.clock.wall(), seconds),
                "until_boottime": self._until(self.clock.boottime(), seconds),
            }
        )
        try:
            return _write(self.state / NAME, text)
        except PermissionError:
            raise
        except OSError:
            return _write(self.run / NAME, text)

    def release(self) -> bool:
        """End every hold, damaged ones too; say whether there was one.

        Raises:
            OSError: a file could not be removed; that hold stays.
        """
        found = False
        for directory in (self.state, self.run):
            try:
                (directory / NAME).unlink()
                found = True
            except FileNotFoundError:
                continue
            _sync_directory(directory)
        return found

    def _read(self, path: Path) -> Hold | None:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return Hold(f"{path} cannot be read ({error.strerror}), which counts as a hold", None)
        try:
            return self._parse(text)
        except ValueError as error:
            return Hold(f"{path} is damaged ({error}), which counts as a hold", None)

    def _parse(self, text: bytes) -> Hold | None:
        found = object_of(text)
        if set(found) != _KEYS or found["v"] != 1:
            raise ValueError(f"want the keys {', '.join(sorted(_KEYS))} and v 1")
        reason, boot = found["reason"], found["boot_id"]
        if not isinstance(reason, str) or not isinstance(boot, str):
            raise ValueError("reason and boot_id: want text")
        end, boottime = _moment(found["until_wall"]), _moment(found["until_boottime"])
        if end is None or boottime is None:
            return Hold(reason, None)
        now = self.clock.wall()
        if UUID(boot) == self.clock.boot_id():
            # In the boot that set it no jump of the wall clock ends a hold early: not before its seconds have
            # passed, nor before the time that was told. After another boot that time is all there is.
            end = max(end, now + boottime - self.clock.boottime())
        return None if now >= end else Hold(reason, utc(end))

    @staticmethod
    def _until(now: int, seconds: float | None) -> int | None:
        return None if seconds is None else now + int(seconds * NANO)


def _moment(value: Json) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value < 2**62):
        raise ValueError("until: want nanoseconds or null")
    return value


def _write(path: Path, text: str) -> Path:
    """Replace a file so that a crash leaves the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync_directory(path.parent)
    return path


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
