"""What `pgbackrest info --output=json` says of one stanza.

Source: pgBackRest 2.45, src/command/info/info.c. Rule: with a wrong key pgBackRest ends with status 0 all the same, so
only its status of the repository counts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backup.words import Failed, Reason

ACCEPTED = "hale-drop-accepted"
"""The annotation of a backup that a person believed although it is much smaller than the one before."""

_OK, _NO_BACKUPS = 0, 2


@dataclass(frozen=True, slots=True)
class Copy:
    """One backup.

    Attributes:
        label: pgBackRest's name of it.
        began: Unix seconds.
        ended: Likewise; restored without any more log it is as of then.
        kind: `full`, `diff` or `incr`.
        size: Bytes of the database.
        damaged: Whether pgBackRest found pages in it whose checksum is wrong.
        accepted: Whether a person believed it.
        told: What pgBackRest says of it, word for word.
    """

    label: str
    began: float
    ended: float
    kind: str
    size: int
    damaged: bool
    accepted: bool
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Info:
    """A stanza.

    Attributes:
        copies: Oldest first.
        newest_wal: The last file of the write-ahead log in the archive; empty where there is none.
        told: pgBackRest's own words.
    """

    copies: tuple[Copy, ...]
    newest_wal: str
    told: Mapping[str, Any]

    def believed(self, size_drop: float) -> tuple[Copy, ...]:
        """Return the backups that are not much smaller than the last one that was believed, oldest first.

        All nodes come to the same by what is in the repository alone, whichever led when a backup was made.
        """
        good: list[Copy] = []
        for one in self.copies:
            if not good or one.accepted or one.size >= good[-1].size * (1 - size_drop):
                good.append(one)
        return tuple(good)

    def report(self, believed: tuple[Copy, ...]) -> str:
        """Write what the exporter reads: pgBackRest's words, without the backups that are not believed."""
        return json.dumps([{**self.told, "backup": [one.told for one in believed]}]) + "\n"


def parse(text: bytes, stanza: str) -> Info:
    """Read it.

    Raises:
        Failed: repository_unusable; pgBackRest could not use it, or said something else.
    """
    try:
        (told,) = [
            one for one in json.loads(text.decode("utf-8", "replace")) if one["name"] == stanza
        ]
        broken = [
            one["status"] for one in told["repo"] if one["status"]["code"] not in (_OK, _NO_BACKUPS)
        ]
        if broken:
            # What a wrong key makes of a file follows on the next lines.
            said = str(broken[0]["message"]).splitlines()[0]
            raise Failed(Reason.REPOSITORY_UNUSABLE, said)
        copies = sorted((_copy(one) for one in told["backup"]), key=lambda one: one.ended)
        archives = sorted(told["archive"], key=lambda one: one["database"]["id"])
        newest = (archives[-1]["max"] or "") if archives else ""
        return Info(tuple(copies), newest, told)
    except (ValueError, KeyError, TypeError) as error:
        raise Failed(Reason.REPOSITORY_UNUSABLE, f"info: {error!r}") from error


def _copy(told: Mapping[str, Any]) -> Copy:
    return Copy(
        label=str(told["label"]),
        began=float(told["timestamp"]["start"]),
        ended=float(told["timestamp"]["stop"]),
        kind=str(told["type"]),
        size=int(told["info"]["size"]),
        damaged=bool(told["error"]),
        accepted=ACCEPTED in (told.get("annotation") or {}),
        told=told,
    )
