"""How much is enough: budgets, cooldown, flapping and the success record, all from one history."""

from collections.abc import Iterable

from healer.core.actions import GIVING_BACK
from healer.core.facts import Facts, Past, Proposal
from healer.core.incident import Outcome
from healer.core.verdict import Verdict, allow, hold

POOR_RECORD = 3
"""So many attempts in a row that did not help mean that this action does not help this target."""


def budget(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold when node, group or cluster has had as many actions as one window allows."""
    name, numbers = "budget", facts.topology.numbers
    if proposal.gives_back:
        return allow(name, have="gives back", need="-")
    recent = [
        past
        for past in _sent(facts.past)
        if past.attempt.began_at > facts.now - numbers.budget_window
    ]
    node, groups = proposal.target.node, proposal.footprint.groups
    spent = [
        (
            f"node {node}",
            sum(past.attempt.target.node == node for past in recent),
            numbers.budget_node,
        ),
        *(
            (
                f"group {group}",
                sum(group in past.attempt.footprint.groups for past in recent),
                numbers.budget_group,
            )
            for group in sorted(groups)
        ),
        ("cluster", len(recent), numbers.budget_cluster),
    ]
    need = f"fewer than the budget within {numbers.budget_window:g} s"
    for what, used, most in spent:
        if used >= most:
            return hold(
                name,
                "budget",
                have=f"{used} actions in {what}",
                need=f"fewer than {most} within {numbers.budget_window:g} s",
                sentence="Hale has acted here as often as its budget allows; what is wrong needs a person.",
            )
    return allow(
        name, have=", ".join(f"{what} {used}/{most}" for what, used, most in spent), need=need
    )


def attempts(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold on a target that was just treated, that flaps, or that this action has not helped."""
    name, numbers = "attempts", facts.topology.numbers
    if proposal.gives_back:
        return allow(name, have="gives back", need="-")
    same = [
        past
        for past in _sent(facts.past)
        if (past.attempt.target, past.attempt.action, past.attempt.gate)
        == (proposal.target, proposal.rung.action, proposal.gate)
    ]
    need = f"{numbers.cooldown:g} s since another incident's, fewer than {numbers.flapping} in a window"
    ends = [
        past.attempt.ended_at or past.attempt.began_at
        for past in same
        if past.incident != proposal.incident.id
    ]
    if ends and abs(facts.now - max(ends)) < numbers.cooldown:
        return hold(
            name,
            "cooldown",
            have=f"{facts.now - max(ends):.0f} s ago",
            need=f"{numbers.cooldown:g} s",
            sentence="The same was done here a short while ago; it has to show first that it lasts.",
            passing=True,
        )
    recent = [past for past in same if past.attempt.began_at > facts.now - numbers.flapping_window]
    if len(recent) >= numbers.flapping:
        return hold(
            name,
            "flapping",
            have=f"{len(recent)} times",
            need=f"fewer than {numbers.flapping} within {numbers.flapping_window:g} s",
            sentence="It keeps failing after being repaired: the cause lies deeper.",
        )
    return _record(same, need, adopted=proposal.incident.adopted_at)


def _record(same: list[Past], need: str, adopted: float) -> Verdict:
    name = "attempts"
    proved = [
        past.attempt.outcome is Outcome.VERIFIED
        for past in same
        if past.attempt.outcome is not None and past.attempt.began_at >= adopted
    ]
    tail = proved[-POOR_RECORD:]
    if len(tail) == POOR_RECORD and not any(tail):
        return hold(
            name,
            "poor_record",
            have=f"last {POOR_RECORD} did not help",
            need="one of them proved",
            sentence="This action has not helped this target before.",
        )
    return allow(name, have=f"{len(same)} so far, {sum(proved)} helped", need=need)


def _sent(past: Iterable[Past]) -> list[Past]:
    return [one for one in past if one.attempt.touched and one.attempt.action not in GIVING_BACK]
