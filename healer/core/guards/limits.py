"""How much is enough: budgets, cooldown, flapping and the success record, all from one history."""

from collections.abc import Iterable

from healer.core.actions import GIVING_BACK
from healer.core.attempt import Outcome
from healer.core.facts import Facts, Past, Proposal
from healer.core.topology import Numbers
from healer.core.verdict import Verdict, allow, hold

UNPROVED = (None, Outcome.DONE, Outcome.UNKNOWN)
"""Outcomes of attempts of which it is not known yet whether they helped."""


def budget(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold when node, group or cluster has had as many actions as one window allows."""
    name, numbers = "budget", facts.topology.numbers
    if proposal.gives_back:
        return allow(name, have="gives back", need="-")
    recent = _within_budget(facts)
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
    return _left(spent, numbers)


def cluster_budget(facts: Facts) -> Verdict:
    """Hold everything when the cluster has had as many actions as one window allows."""
    numbers = facts.topology.numbers
    return _left([("cluster", len(_within_budget(facts)), numbers.budget_cluster)], numbers)


def _within_budget(facts: Facts) -> list[Past]:
    begin = facts.steady - facts.topology.numbers.budget_window
    return [past for past in _sent(facts.past) if past.attempt.began > begin]


def _left(spent: list[tuple[str, int, int]], numbers: Numbers) -> Verdict:
    """Hold where one of them has none left; each is what it is of, how many were used and how many there are."""
    name, window = "budget", numbers.budget_window
    for what, used, most in spent:
        if used >= most:
            return hold(
                name,
                "budget",
                have=f"{used} actions in {what}",
                need=f"fewer than {most} within {window:g} s",
                sentence="Hale has acted here as often as its budget allows; what is wrong needs a person.",
            )
    have = ", ".join(f"{what} {used}/{most}" for what, used, most in spent)
    return allow(name, have=have, need=f"fewer than the budget within {window:g} s")


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
    ends = [past.attempt.over for past in same if past.incident != proposal.incident.id]
    if ends and abs(facts.steady - max(ends)) < numbers.cooldown:
        return hold(
            name,
            "cooldown",
            have=f"{facts.steady - max(ends):.0f} s ago",
            need=f"{numbers.cooldown:g} s",
            sentence="The same was done here a short while ago; it has to show first that it lasts.",
            passing=True,
        )
    recent = [past for past in same if past.attempt.began > facts.steady - numbers.flapping_window]
    if len(recent) >= numbers.flapping:
        return hold(
            name,
            "flapping",
            have=f"{len(recent)} times",
            need=f"fewer than {numbers.flapping} within {numbers.flapping_window:g} s",
            sentence="It keeps failing after being repaired: the cause lies deeper.",
        )
    adopted = proposal.incident.adopted
    helped = _helped(one for one in same if one.attempt.began >= adopted)
    tail = helped[-numbers.poor :]
    if len(tail) == numbers.poor and not any(tail):
        return hold(
            name,
            "poor_record",
            have=f"the last {len(tail)} here did not help",
            need=f"one of the last {numbers.poor} that did",
            sentence="This action has not helped this target before.",
        )
    rarely = _rarely(proposal, facts)
    if rarely is not None:
        return rarely
    return allow(name, have=f"{len(helped)} proved so far, {sum(helped)} helped", need=need)


def _rarely(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold what has mostly not helped against this kind of trouble in these groups, whichever member had it."""
    numbers, groups = facts.topology.numbers, proposal.footprint.groups
    kind = (proposal.incident.cause.name, proposal.rung.action)
    helped = _helped(
        past
        for past in _sent(facts.past)
        if (past.alert_name, past.attempt.action) == kind
        and past.attempt.began >= proposal.incident.adopted
        and (past.attempt.target == proposal.target or past.attempt.footprint.groups & groups)
    )[-numbers.record :]
    failed = len(helped) - sum(helped)
    if failed < numbers.record_failed:
        return None
    return hold(
        "attempts",
        "rarely_helps",
        have=f"{failed} of the last {len(helped)} did not help",
        need=f"fewer than {numbers.record_failed} of the last {numbers.record}",
        sentence=f"Against {kind[0]} {kind[1]} has rarely helped here; a person finds out why.",
    )


def _helped(past: Iterable[Past]) -> list[bool]:
    """Return of each attempt whether it was proved to have helped, without those that are not over yet."""
    ended = (one.attempt.outcome for one in past)
    return [outcome is Outcome.VERIFIED for outcome in ended if outcome not in UNPROVED]


def _sent(past: Iterable[Past]) -> list[Past]:
    return [one for one in past if one.attempt.touched and one.attempt.action not in GIVING_BACK]
