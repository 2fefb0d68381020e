"""Who may own a mark, by the way they came in: incidents and locks over the wire, people at the node.

A healer that could speak for people could also let go for them, and a person's own drain must stay.
"""

from gate.mark import UNKNOWN_PERSON, Mark, is_owner
from gate.strict_json import Json
from gate.words import Reason, Refused

PERSON = "person:"


def from_healer(value: Json) -> str:
    """Take the owner that a request names.

    Raises:
        Refused: bad_argument.
    """
    if not isinstance(value, str) or not is_owner(value) or value.startswith(PERSON):
        raise Refused(
            Reason.BAD_ARGUMENT,
            "args.owner: want incident:NAME or lock:NAME; people mark with hale-gate on the node",
        )
    return value


def of_person(login: str) -> str:
    """Name a person by a login name, whatever that holds."""
    plain = "".join(one if one.isascii() and one.isalnum() else "_" for one in login)
    owner = f"{PERSON}{plain.lstrip('_') or 'root'}"
    return owner[:64]


def to_add(owner: str, mark: Mark | None, by_hand: bool) -> tuple[str, ...]:
    """Return the owners to add: of what somebody did by hand before Hale came, that somebody too."""
    return (owner, UNKNOWN_PERSON) if mark is None and by_hand else (owner,)


def left(mark: Mark, owner: str | None) -> tuple[str, ...]:
    """Return who still owns a mark when one lets go; with a person go those who left no name.

    Args:
        mark: The mark.
        owner: Who lets go; None when a person says so for everybody.
    """
    if owner is None:
        return ()
    gone = {owner, UNKNOWN_PERSON} if owner.startswith(PERSON) else {owner}
    return tuple(one for one in mark.owners if one not in gone)
