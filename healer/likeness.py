"""What a person saw when they decided, as one word: what they say is refused where it is not so any more.

Two people look at one page; one of them is first. Pure functions over what the journal knows.
"""

import hashlib
from collections.abc import Iterable

from healer.core import events as ev
from healer.core.incident import Incident
from healer.core.roll import Roll
from healer.core.upkeep import Upkeep

NOBODY = "nobody"
"""Of a node that no upkeep keeps away."""


def of_incident(incident: Incident) -> str:
    """Return a word for how an incident stands and what comes next; it changes when a person should look again."""
    last = incident.attempts[-1] if incident.attempts else None
    hold = incident.hold
    return _word(
        incident.id,
        incident.state,
        incident.cause.fingerprint,
        incident.ladder,
        len(incident.attempts),
        last and last.outcome,
        hold and (hold.guard, hold.reason),
        incident.asked,
        len(incident.approvals),
        incident.adopted_at,
        incident.settled_by,
    )


def of_freezes(freezes: Iterable[ev.Frozen]) -> str:
    """Return a word for who froze Hale, and why."""
    return _word(*sorted((one.reason, one.by, one.owner) for one in freezes))


def of_holds(node: str, holds: Iterable[ev.NodeHeld]) -> str:
    """Return a word for who holds a node, why and until when."""
    return _word(
        node, *sorted((one.by, one.reason, str(one.until)) for one in holds if one.node == node)
    )


def of_upkeep(upkeep: Upkeep | None) -> str:
    """Return a word for whose upkeep keeps a node away: another one is another person's, who may be inside."""
    if upkeep is None:
        return NOBODY
    return _word(upkeep.id, upkeep.kind, upkeep.node, upkeep.by)


def of_roll(roll: Roll) -> str:
    """Return a word for a roll and its state."""
    return _word(roll.id, roll.group, roll.state, roll.since)


def _word(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
