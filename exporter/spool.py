"""Answers that a helper with more rights left in a folder of /run, one file for each device.

The helper (exporter/privileged) asks the hardware and writes down what came, word for word; the exporter, which has
no rights, takes it apart. Rule: a file is replaced whole, so it is read whole or not at all.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path

from exporter.collector import Malformed
from exporter.files import whole

VERSION = 1
SUFFIX = ".json"
# The file that tells of a round as a whole: whether devices could be looked for.
ROUND = "round"
# Seconds after which an answer says nothing any more, and after which the helper should have begun a round: its timer
# begins one every five minutes, and a round may take ten.
OLD = 1800.0
# Bytes of one file; smartctl says some hundred KiB of a disk with all its logs.
MOST_BYTES = 8 * 1024 * 1024


class Outcome(Enum):
    """What came of asking one device."""

    ANSWERED = "answered"
    STANDBY = "standby"  # it sleeps and was not woken; the answer is an older one, if there is any
    TIMED_OUT = "timed_out"  # unknown, never "down"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one device said, and when.

    Attributes:
        device: What it is called in series.
        path: What it is called where it was asked; `type` how.
        asked: When it was asked last, in seconds of CLOCK_MONOTONIC, which all processes of a boot share.
        answered: Likewise, when `output` came, which may be a round before; None when it never did.
        answered_at: The same in Unix seconds, to be shown.
        output: What the program wrote.
        reason: Why there is no new output; empty when there is.
    """

    device: str
    path: str
    type: str
    outcome: Outcome
    asked: float
    answered: float | None
    answered_at: float | None
    output: str
    reason: str


def file_name(device: str) -> str:
    """Return what the file of a device is called."""
    return re.sub(r"[^A-Za-z0-9+:,_.-]", "_", device)[:128] + SUFFIX


def write(folder: Path, answer: Answer) -> None:
    """Put an answer in the place of the one before.

    Raises:
        OSError: It could not be written; the one before is still there.
    """
    data = {"v": VERSION, **asdict(answer), "outcome": answer.outcome.value}
    path = folder / file_name(answer.device)
    new = path.with_name(f".{path.name}")
    new.write_text(json.dumps(data), encoding="utf-8")
    new.chmod(0o644)
    new.replace(path)


def parse(data: bytes) -> Answer:
    """Read one file.

    Raises:
        Malformed: It is none of these, or of another version.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    match found:
        case {
            "v": int(version),
            "device": str(),
            "path": str(),
            "type": str(),
            "outcome": str(),
            "asked": int() | float(),
            "answered": int() | float() | None,
            "answered_at": int() | float() | None,
            "output": str(),
            "reason": str(),
        } if version == VERSION:
            return _answer(found)
    raise Malformed(f"wanted an answer of version {VERSION}, saw {str(found)[:80]}")


def _answer(found: dict[str, object]) -> Answer:
    known = {field.name: found[field.name] for field in fields(Answer)}
    try:
        return Answer(**{**known, "outcome": Outcome(known["outcome"])})  # type: ignore[arg-type]
    except ValueError as error:
        raise Malformed(str(error)) from error


def read(path: Path) -> Answer:
    """Read the answer that is in a file.

    Raises:
        FileNotFoundError: There is none.
        Malformed: It is none.
        OSError: It could not be read.
    """
    data = whole(path, MOST_BYTES)
    try:
        return parse(data)
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from error


def judge(round_: Answer | None, now: float, helper: str) -> None:
    """Raise what there is to say against a round.

    Args:
        round_: What the helper says of it; None when it never said anything.
        now: Seconds of CLOCK_MONOTONIC.
        helper: The unit that should have written it.

    Raises:
        Malformed: It was too long ago, or came to nothing.
    """
    if round_ is None or now - round_.asked > OLD:
        raise Malformed(f"{helper} has not run for long; see systemctl status")
    if round_.outcome is not Outcome.ANSWERED:
        raise Malformed(f"devices could not be looked for: {round_.reason}")


def listed(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Return the files of a folder, each with what changes when it is replaced.

    Raises:
        FileNotFoundError: There is no such folder.
        OSError: It could not be read.
    """
    with os.scandir(folder) as found:
        entries = sorted(
            (one.name, one.stat(follow_symlinks=False))
            for one in found
            if one.name.endswith(SUFFIX) and not one.name.startswith(".")
        )
    return {folder / name: (at.st_mtime_ns, at.st_ino, at.st_size) for name, at in entries}
