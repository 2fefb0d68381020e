"""One thing that is taken away on purpose, and for whom; to JSON and back. Nothing here touches the disk."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gate.strict_json import Json, JsonObject, object_of

DRAIN, DECLINE, LOCK, BAR = "pool.drain", "address.decline", "node.lock", "database.bar"
FENCE, STANDBY = "node.fence", "pacemaker.standby"
_KINDS = (DRAIN, DECLINE, LOCK, BAR, FENCE, STANDBY)
UNKNOWN_PERSON = "person:unknown"
"""Owns what was already so when Hale came: somebody did it by hand, and only people undo it."""

_OWNER = re.compile(r"(?=.{1,64}\Z)(incident|person|lock):[A-Za-z0-9][A-Za-z0-9._-]*")
_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}")

_KEYS = {"mark", "subject", "owners", "since"}

Key = tuple[str, str]
"""Kind and subject, which tell a mark from every other one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark.

    Attributes:
        mark: The verb that takes it away: pool.drain, address.decline, node.lock, database.bar, node.fence or
            pacemaker.standby.
        subject: POOL/MEMBER, the name of an address, a database or a Pacemaker cluster, this node's own name, or
            another node's.
        owners: Who wants it so, sorted: `incident:...`, `person:...` or `lock:...`. Never empty.
        since: RFC 3339, the wall clock when the first owner came.
    """

    mark: str
    subject: str
    owners: tuple[str, ...]
    since: str

    @property
    def key(self) -> Key:
        """What tells it from every other mark."""
        return self.mark, self.subject

    def without(self, owner: str) -> tuple[str, ...]:
        """Return the owners that are left when one lets go."""
        return tuple(one for one in self.owners if one != owner)


def is_owner(text: str) -> bool:
    """Tell whether a text names an owner."""
    return _OWNER.fullmatch(text) is not None


def as_json(marks: Mapping[Key, Mark]) -> list[Json]:
    """Write marks as the file and the exporters' copy have them."""
    return [one_as_json(mark) for _, mark in sorted(marks.items())]


def one_as_json(mark: Mark) -> JsonObject:
    """Write one mark."""
    return {
        "mark": mark.mark,
        "subject": mark.subject,
        "owners": list(mark.owners),
        "since": mark.since,
    }


def parse(text: bytes) -> dict[Key, Mark]:
    """Read the text of the marks' file.

    Raises:
        ValueError: it is damaged; then nothing of it is known.
    """
    found = object_of(text)
    listed = found.get("marks")
    if set(found) != {"v", "marks"} or found["v"] != 1 or not isinstance(listed, list):
        raise ValueError("want v 1 and a list of marks")
    marks = {mark.key: mark for mark in map(_mark, listed)}
    if len(marks) != len(listed):
        raise ValueError("one mark stands there twice")
    return marks


def _mark(value: Json) -> Mark:
    if not isinstance(value, dict) or set(value) != _KEYS:
        raise ValueError(f"want {', '.join(sorted(_KEYS))}, got {value!r:.200}")
    match value["mark"], value["subject"], value["owners"], value["since"]:
        case str(mark), str(subject), [*owners], str(since) if owners:
            names = tuple(one for one in owners if isinstance(one, str) and is_owner(one))
            known = mark in _KINDS and _SUBJECT.fullmatch(subject) is not None
            if known and len(names) == len(owners):
                return Mark(mark, subject, names, since)
    raise ValueError(f"not a mark: {value!r:.200}")
