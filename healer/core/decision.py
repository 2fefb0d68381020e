"""What can be decided of an incident: one class for each outcome, with what it rests on.

Escalate stands in healer.core.plan, where a ladder that leads nowhere ends in it. Rule: no decision without its
grounds, whatever it says.
"""

from dataclasses import dataclass

from healer.core.facts import Proposal
from healer.core.guards.people import NEEDED
from healer.core.incident import Asked
from healer.core.plan import Escalate
from healer.core.verdict import Verdict

FINAL = frozenset({"unknown_target", "control_plane", "own_node", "pre_existing"})
"""Reasons of a hold for which no yes to the step would help."""


@dataclass(frozen=True, slots=True)
class Act:
    """Begin this. Every guard allowed it."""

    proposal: Proposal
    expect: str
    ledger_id: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing now; `hold` is the first refusal, `verdicts` every guard's answer."""

    proposal: Proposal
    hold: Verdict
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Mitigate:
    """It is out of harm's way on every balancer that lives: a person repairs it by day."""

    detail: str


@dataclass(frozen=True, slots=True)
class Close:
    """It is over, and that was seen on fresh data."""

    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Stay:
    """Nothing to decide: a person has it."""


Decision = Act | Hold | Mitigate | Escalate | Close | Stay


def awaited_yes(held: Hold) -> Asked | None:
    """Return the step for which a person's yes is asked; None where none is, or where it would be of no use."""
    proposal, refused = held.proposal, {one.reason for one in held.verdicts}
    if NEEDED not in refused or not proposal.expectation or not FINAL.isdisjoint(refused):
        return None
    return Asked(
        proposal.ladder.name,
        proposal.ladder.digest,
        proposal.rung_index,
        proposal.rung.action,
        proposal.target,
        proposal.gate,
        proposal.expectation,
    )
