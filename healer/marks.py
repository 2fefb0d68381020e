"""Every mark as everybody tells it: the journal's copy, the gates' own, and what exporters saw.

Where two of them differ, or a gate cannot be asked, the mark counts as set. Reads only; nothing is changed.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from healer.core.actions import mark_of, subject_of
from healer.core.attempt import Attempt
from healer.core.decide import would_return
from healer.core.decision import Act, Hold
from healer.core.incident import Incident
from healer.core.look import Heard, Mark
from healer.core.topology import Topology
from healer.gatherer import Gatherer
from healer.looking import looker
from healer.progress import Place, mark_views
from healer.shapes.guards import VerdictView
from healer.shapes.marks import MarkStateView, MarksView, MarkView, SilentView
from healer.standing import Watch
from healer.views import verdict_view

KEEP = 5.0
"""Seconds for which one answer of the gates is shown again: a page that many look at asks them once."""

MOST_JUDGED = 20
"""Incidents whose marks are put to the guards at once; of the others it is not asked."""

UNDONE_BY = {
    "pool.drain": "hale-gate return",
    "address.decline": "hale-gate accept",
    "node.fence": "hale-gate unfence",
    "database.bar": "hale-gate admit",
    "node.lock": "hale-gate unlock",
    "pacemaker.standby": "hale-gate unstandby",
}
"""What a person types on the node to give a mark of theirs back."""

Said = Mapping[tuple[str, Place], Act | Hold | None]
"""What the guards say of giving a mark back, by incident and mark."""


@dataclass
class MarkBook:
    """Asks the gates for their marks, and puts the answers beside what the journal knows."""

    gatherer: Gatherer
    watch: Watch
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: MarksView | None = None
    _known_at: float = 0.0

    async def read(self, asking: Gatherer | None = None) -> MarksView:
        """Return every mark, the oldest first, and the gates that did not say which they have.

        Args:
            asking: Who asks what stands outside; None for one who looks at the cluster once for all of them.
        """
        async with self._asking:
            now = self.watch.clock.boottime()
            if self._known is None or now - self._known_at >= KEEP:
                self._known = await self._read(asking or looker(self.gatherer))
                self._known_at = self.watch.clock.boottime()
            return self._known

    async def _read(self, asking: Gatherer) -> MarksView:
        topology, board = self.gatherer.topology, self.gatherer.journal.board
        incidents = [one for one in board.open if one.marks]
        nodes = holders(topology) | {gate for _, _, gate in board.marked}
        heard, said = await asyncio.gather(asking.ask(nodes), self._judged(incidents, asking))
        told = mark_views(board.open, self.watch.latest)
        shown = [*told, *_only_at_gates(told, heard)]
        silent = [
            SilentView(node=node, error=one.error or "its marks cannot be read")
            for node, one in sorted(heard.items())
            if one.look is None or one.look.marks is None
        ]
        return MarksView(
            marks=[_state(one, heard, incidents, said) for one in shown], silent=silent
        )

    async def _judged(self, incidents: Iterable[Incident], asking: Gatherer) -> Said:
        asked = list(incidents)[:MOST_JUDGED]
        standing = self.watch.standing()
        found = await asyncio.gather(*(asking.read(one, standing) for one in asked))
        return {
            (one.id, place_of(mark)): would_return(one, mark, facts)
            for one, facts in zip(asked, found, strict=True)
            for mark in one.marks
        }


def holders(topology: Topology) -> set[str]:
    """Return the nodes whose gates may have marks: balancers, candidates for a virtual address, fencing hosts."""
    groups = {pool.balancers for pool in topology.pools.values()}
    groups |= {one.group for one in topology.addresses.values()}
    groups |= {one.group for one in topology.databases.values()}
    groups |= {one.group for one in topology.pacemakers.values()}
    nodes = {node for group in groups for node in topology.groups[group].nodes}
    return nodes.union(*topology.fencing.values())


def place_of(mark: Attempt) -> Place:
    """Return what an attempt marked, and at whose gate."""
    return mark_of(mark.action), subject_of(mark.args), mark.gate


def _only_at_gates(told: list[MarkView], heard: Mapping[str, Heard]) -> list[MarkView]:
    """Return marks that only a gate knows: no exporter tells of them yet, and no open incident set them."""
    known = {(one["mark"], one["subject"], one["node"]) for one in told}
    return [
        MarkView(
            mark=mark.mark,
            subject=mark.subject,
            node=node,
            owners=sorted({owner.partition(":")[0] for owner in mark.owners}),
            since=None,
            seen=False,
        )
        for node, one in sorted(heard.items())
        for mark in (one.look.marks or () if one.look is not None else ())
        if (mark.mark, mark.subject, node) not in known
    ]


def _state(
    one: MarkView, heard: Mapping[str, Heard], incidents: list[Incident], said: Said
) -> MarkStateView:
    place = (one["mark"], one["subject"], one["node"])
    at_gate, gate = _at_gate(place, heard)
    ours = [each for each in incidents if place in {place_of(mark) for mark in each.marks}]
    answers = [said[each.id, place] for each in ours if (each.id, place) in said]
    held = next((answer for answer in answers if isinstance(answer, Hold)), None)
    says: VerdictView | None = verdict_view(held.hold) if held is not None else None
    allowed = any(isinstance(answer, Act) for answer in answers)
    return MarkStateView(
        **one,
        journal=bool(ours),
        gate=gate,
        applied=at_gate.applied if at_gate is not None else None,
        differs=_differs(journal=bool(ours), gate=gate, seen=one["seen"], owners=one["owners"]),
        giving_back="held" if says is not None else "allowed" if allowed else "not_asked",
        says=says,
        how=_how(one, ours),
    )


def _at_gate(place: Place, heard: Mapping[str, Heard]) -> tuple[Mark | None, str]:
    look = heard[place[2]].look if place[2] in heard else None
    if look is None or look.marks is None:
        return None, "unknown"
    found = [each for each in look.marks if (each.mark, each.subject) == place[:2]]
    return (found[0], "set") if found else (None, "not_set")


def _differs(*, journal: bool, gate: str, seen: bool | None, owners: list[str]) -> bool:
    """Whether those who should know of a mark do not agree; it counts as set all the same."""
    claimed = journal or any(one.startswith("incident") for one in owners)
    return (gate == "not_set") or (claimed and not journal) or (seen is False and gate == "set")


def _how(one: MarkView, ours: list[Incident]) -> str:
    """Say how a mark is given back, by each of its owners."""
    typed = UNDONE_BY.get(one["mark"], "hale-gate marks")
    about = "" if one["subject"] == one["node"] else f" {one['subject']}"
    ways = [
        f"by itself, once {each.cause.name} at {each.target} is seen gone: hale-healer show {each.id}"
        for each in ours
    ]
    kinds = {owner for owner in one["owners"] if ":" not in owner}
    if "incident" in kinds:
        ways.append(f"no open incident owns it: on {one['node']}, {typed}{about} --all")
    if "person" in kinds:
        ways.append(f"by whoever set it, on {one['node']}: {typed}{about}")
    if "lock" in kinds:
        ways.append("when its lock lets go")
    return "; ".join(ways)
