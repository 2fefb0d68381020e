"""How far an incident's ladder is climbed, how much redundancy each group has left, and which marks stand.

Pure functions from the core's values to the shapes of JSON.
"""

from collections.abc import Iterable

from healer.core.actions import subject_of
from healer.core.facts import Facts, Health, Standing
from healer.core.incident import UNSETTLED, Incident, State
from healer.core.ladder import PERSON
from healer.core.picture import Picture
from healer.core.plan import Plan, plan
from healer.core.topology import Topology
from healer.instants import rfc3339
from healer.shapes import GroupStateView, MarkView, MemberView, RungView


def rung_views(incident: Incident, topology: Topology) -> list[RungView]:
    """Show every rung of an incident's ladder, and which of them comes next; none where there is no ladder."""
    ladder = topology.ladders.get(incident.ladder)
    if ladder is None:
        return []
    at, word = _place(incident, topology, len(ladder.rungs))
    shown = []
    for index, rung in enumerate(ladder.rungs):
        tries = [one for one in incident.attempts if (one.ladder, one.rung) == (ladder.name, index)]
        last = tries[-1].outcome if tries else None
        shown.append(
            RungView(
                rung=index + 1,
                action=rung.action,
                asks=rung.approve,
                tried=len(tries),
                outcome=last.value if last is not None else "",
                place=word if index == at else "past" if index < at else "later",
            )
        )
    return shown


def _place(incident: Incident, topology: Topology, count: int) -> tuple[int, str]:
    """Return the index of the rung that an incident stands on, and how: `now`, `next` or `last`."""
    last = incident.attempts[-1].rung if incident.attempts else -1
    if incident.state in UNSETTLED:
        return last, "now"
    if incident.state is State.ESCALATED:
        return count - 1, "now"
    if incident.state in (State.CLOSED, State.MITIGATED):
        return last, "last"
    step = plan(incident, topology)
    ladder = topology.ladders[incident.ladder]
    if isinstance(step, Plan):
        return step.rung_index, "next"
    people = (index for index, rung in enumerate(ladder.rungs) if rung.action == PERSON)
    return next(people, count), "next"


def group_views(
    topology: Topology, picture: Picture | None, standing: Standing, now: float
) -> list[GroupStateView]:
    """Show every group's members, and how many more it can spare; all unknown without a picture."""
    facts = Facts(now, topology, standing, picture=picture)
    shown = []
    for group in topology.groups.values():
        members = [
            MemberView(node=node, health=facts.health(group.name, node).value)
            for node in group.nodes
        ]
        serving = sum(one["health"] == Health.SERVING.value for one in members)
        known = picture is not None
        shown.append(
            GroupStateView(
                group=group.name,
                members=members,
                serving=serving if known else None,
                min_available=group.min_available,
                redundancy=serving - group.min_available if known else None,
                control=group.control,
                mode=group.mode.value,
            )
        )
    return shown


def mark_views(incidents: Iterable[Incident]) -> list[MarkView]:
    """Show every mark that open incidents have set, as the journal knows it."""
    return [
        MarkView(
            mark=mark.action,
            subject=subject_of(mark.args),
            node=mark.gate,
            incident=one.id,
            since=rfc3339(mark.began_at),
        )
        for one in incidents
        for mark in one.marks
    ]
