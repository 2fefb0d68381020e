"""What people let us do: the owners' mode, and a person's yes where it is asked for."""

from healer.core.actions import RESTORE, UNFENCE
from healer.core.facts import Facts, Proposal
from healer.core.guards.restores import found, said
from healer.core.incident import EXPLAINED
from healer.core.ladder import Mode
from healer.core.verdict import Verdict, allow, hold

NEEDED = "approval_needed"
"""Why nothing is done where a person has to agree."""


def approved(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold in explain mode, and until a person agreed where the ladder or the mode asks."""
    name, mode = "approved", proposal.mode
    if mode is Mode.EXPLAIN:
        return hold(
            name,
            EXPLAINED,
            have="mode explain",
            need="mode act of the ladder and of every group",
            sentence=f"Out of the box Hale explains: it would now do {proposal.rung.action} on {proposal.target}.",
        )
    if proposal.rung.action == UNFENCE and proposal.incident.admitted_by is None:
        return hold(
            name,
            "not_admitted",
            have="nobody admits it",
            need=f"a person who admits {proposal.target.node}",
            sentence=f"What was fenced stays off. To switch it on: hale-healer admit {proposal.target.node}",
        )
    if proposal.gives_back:
        return allow(name, have="gives back what was agreed to", need="a mode other than explain")
    if mode is Mode.ACT and not proposal.rung.approve:
        return allow(name, have="mode act", need="mode act")
    need = f"a yes to {proposal.rung.action} on {proposal.target} as it is now"
    if proposal.rung.action == RESTORE and (seen := found(proposal, facts)) is not None:
        need = f"{need}: {said(seen)}"
    for yes in proposal.incident.approvals:
        same = (yes.ladder, yes.rung, yes.target, yes.expectation) == (
            proposal.ladder.name,
            proposal.rung_index,
            proposal.target,
            proposal.expectation,
        )
        if same and proposal.expectation and yes.given_at <= facts.steady < yes.until:
            return allow(name, have=f"yes by {yes.by}", need=need)
    who = "An owner" if proposal.rung.by_owner else "A person"
    return hold(
        name,
        NEEDED,
        have="no yes, or one for another state",
        need=need,
        sentence=f"{who} decides here: hale-healer approve {proposal.incident.id}",
    )
