"""How far an incident's ladder is climbed, how much redundancy each group has left, and which marks stand.

Pure functions from the core's values to the shapes of JSON.
"""

from collections.abc import Iterable

from healer.core.actions import mark_of, subject_of
from healer.core.facts import Facts, Health, Standing
from healer.core.incident import Incident
from healer.core.ladder import PERSON
from healer.core.picture import Picture
from healer.core.plan import Plan, passed_over, plan
from healer.core.states import UNSETTLED, State
from healer.core.topology import Topology
from healer.instants import rfc3339
from healer.shapes.incidents import RungView
from healer.shapes.marks import MarkView
from healer.shapes.status import GroupStateView, MemberView

Place = tuple[str, str, str]
"""A mark, its subject, and the node at whose gate it stands."""


def rung_views(incident: Incident, topology: Topology, now: float | None = None) -> list[RungView]:
    """Show every rung of an incident's ladder, which of them comes next, and why others are passed over.

    There are none where there is no ladder; `now` is as healer.core.plan takes it.
    """
    ladder = topology.ladders.get(incident.ladder)
    if ladder is None:
        return []
    at, word = _place(incident, topology, len(ladder.rungs), now)
    passed = {one.rung: one for one in passed_over(incident, topology, now)}
    shown = []
    for index, rung in enumerate(ladder.rungs):
        tries = [one for one in incident.attempts if (one.ladder, one.rung) == (ladder.name, index)]
        last = tries[-1].outcome if tries else None
        shown.append(
            RungView(
                rung=index + 1,
                action=rung.action,
                asks=rung.approve,
                owner=rung.by_owner,
                tried=len(tries),
                outcome=last.value if last is not None else "",
                place=word if index == at else "past" if index < at else "later",
                passed=str(passed[index]) if index in passed and index != at else "",
            )
        )
    return shown


def _place(
    incident: Incident, topology: Topology, count: int, now: float | None
) -> tuple[int, str]:
    """Return the index of the rung that an incident stands on, and how: `now`, `next` or `last`."""
    last = incident.attempts[-1].rung if incident.attempts else -1
    if incident.state in UNSETTLED:
        return last, "now"
    if incident.state is State.ESCALATED:
        return count - 1, "now"
    if incident.state in (State.CLOSED, State.MITIGATED):
        return last, "last"
    step = plan(incident, topology, now)
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


def mark_views(incidents: Iterable[Incident], picture: Picture | None) -> list[MarkView]:
    """Show every mark, the oldest first: those that open incidents may have set, and those that exporters tell of.

    The journal knows whose a mark is, and the exporter whether it stands; people's marks only the exporter knows.
    """
    owners: dict[Place, list[str]] = {}
    since: dict[Place, float] = {}
    for one in incidents:
        for attempt in one.marks:
            place = (mark_of(attempt.action), subject_of(attempt.args), attempt.gate)
            owners.setdefault(place, []).append(f"incident:{one.id}")
            since[place] = min(attempt.began_at, since.get(place, attempt.began_at))
    seen = picture.marks if picture is not None else frozenset()
    for told in sorted(seen, key=lambda one: one.owner_kind):
        place = (told.mark, told.subject, told.node)
        ours = owners.setdefault(place, [])
        if told.owner_kind != "incident" or not any(one.startswith("incident:") for one in ours):
            ours.append(told.owner_kind)
        since[place] = min(told.since, since.get(place, told.since))
    stands = {(told.mark, told.subject, told.node) for told in seen}
    return [
        MarkView(
            mark=place[0],
            subject=place[1],
            node=place[2],
            owners=owners[place],
            since=rfc3339(since[place]),
            seen=place in stands if picture is not None else None,
        )
        for place in sorted(owners, key=lambda place: (since[place], place))
    ]
