"""A node comes back after it was repaired: each thing that has to be so first, and then what is given back.

Rule: each step says what it has and what it needs; the first that does not hold refuses, and nothing is given back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from healer.core import incident_events as ie
from healer.core.actions import FENCE, LOCK, subject_of
from healer.core.alert import Target
from healer.core.attempt import Attempt, Outcome
from healer.core.board import Board
from healer.core.databases import good, seen
from healer.core.facts import Facts, Standing
from healer.core.incident import Incident
from healer.core.look import Heard
from healer.core.pacemaker import seen as seen_cluster
from healer.core.picture import Picture
from healer.core.states import UNSETTLED, IllegalMove
from healer.core.topology import EXPORTER, Topology
from healer.errors import Refused, Unreachable
from healer.gatherer import Gatherer
from healer.instants import rfc3339
from healer.journal import Journal
from healer.operators import Operators
from healer.shapes.upkeep import AdmissionView
from healer.standing import Watch
from healer.starting import boot_starts
from healer.step import Step

HARDWARE = frozenset(
    {"HardwareFailing", "FilesystemFailing", "LinkFailing", "NodeFailing"}
    | {"DiskPredictsFailure", "DiskSectorsFailing"}
)
"""Alerts that tell of a failure that a repair should have ended."""

BOOT_TIME = "node_boot_time_seconds"
UNCUT = (Outcome.FAILED, Outcome.NOT_SENT, Outcome.REFUSED)
"""Ends of a fencing after which nobody says that the power was cut."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Admits nodes; one for the healer that leads."""

    journal: Journal
    gatherer: Gatherer
    watch: Watch
    operators: Operators

    async def admit(self, node: str, by: str, starts_nothing: str = "") -> dict[str, object]:
        """Switch a fenced node on, or check one that is up and give back what Hale took from it.

        Args:
            node: Its name in cluster.yml.
            by: Who says so.
            starts_nothing: Why they know that its boot starts nothing that another node may run; empty where they
                do not say that.

        Raises:
            Refused: A step does not hold, which the sentence names with all the others; nothing was given back.
        """
        if node not in self.gatherer.topology.nodes:
            known = ", ".join(self.gatherer.topology.nodes)
            raise Refused("unknown_node", f"cluster.yml has no node {node}. Known: {known}")
        about = self._about(node)
        busy = next((one for one in about if one.state in UNSETTLED), None)
        if busy is not None:
            detail = f"incident {busy.id} is {busy.state.value}: wait for the end and the proof"
            raise Refused("under_way", detail)
        fenced = [one for one in about if any(mark.action == FENCE for mark in one.marks)]
        if fenced:
            vouched = (
                f"{by}, who says it starts nothing: {starts_nothing}" if starts_nothing else ""
            )
            return await self._switch_on(node, fenced, by, vouched)
        steps = await self._steps(node)
        _all_hold(steps)
        return await self._give_back(node, about, steps, by)

    async def asked(self, node: str) -> AdmissionView:
        """Say what a node of cluster.yml still has to show, and what it would get back. Nothing is written or done."""
        about = self._about(node)
        marks = [mark for one in about for mark in one.marks]
        fenced = any(mark.action == FENCE for mark in marks)
        busy = next((one for one in about if one.state in UNSETTLED), None)
        if busy is not None:
            have = f"incident {busy.id} is {busy.state.value}"
            steps = [Step("incident", have, "its end and its proof", "under_way")]
        elif fenced:
            power = _power(node, about)
            steps = [power] if power.reason else [*await self._boot_starts(node), power]
        else:
            steps = await self._steps(node)
        return AdmissionView(
            node=node,
            steps=[one.shown() for one in steps],
            admits=not any(one.reason for one in steps),
            fenced=fenced,
            gives=[_given(mark) for mark in marks],
            incidents=[one.id for one in about],
        )

    def _about(self, node: str) -> list[Incident]:
        """Return the open incidents that took something from a node."""
        return [
            one
            for one in self.journal.board.open
            if one.target.node == node and (one.marks or one.admitted_by is not None)
        ]

    async def _switch_on(
        self, node: str, fenced: list[Incident], by: str, vouched: str
    ) -> dict[str, object]:
        hosts = sorted({mark.gate for one in fenced for mark in one.marks if mark.action == FENCE})
        waiting = [one for one in fenced if one.admitted_by is None]
        if not waiting:
            detail = f"{node} is being switched on by {', '.join(hosts)}: hale-healer show {fenced[0].id}"
            raise Refused("under_way", detail)
        steps = [*await self._boot_starts(node, vouched), _power(node, waiting)]
        _all_hold(steps)

        def still(board: Board) -> bool:
            return all(board.incidents[one.id].marks == one.marks for one in waiting)

        try:
            await self.journal.write(
                *(ie.NodeAdmitted(one.id, vouched or by) for one in waiting), provided=still
            )
        except IllegalMove as exc:
            raise Refused("changed_since", f"{node}: {exc}; look again") from exc
        done = f"{node} is switched on; once it is up, say it again: hale-healer admit {node}"
        shown = [one.shown() for one in steps]
        return {"done": done, "node": node, "admitted": False, "steps": shown, "by": by}

    async def _boot_starts(self, node: str, vouched: str = "") -> list[Step]:
        """Say what its boot would start of what another node may run.

        Where no fencing may have cut its power, what its exporter says to this day counts.
        """
        cut = [one.began_at for one in self._fencings(node)]
        off_since = max(cut, default=self.watch.clock.wall())
        return await boot_starts(
            node, self.gatherer.topology, self.gatherer.prometheus, off_since, vouched
        )

    async def _steps(self, node: str) -> list[Step]:
        """Return what has to be so, in the order in which it comes to be so."""
        facts = await self.gatherer.survey(_looks(node, self.gatherer.topology), self._standing)
        heard, picture = facts.heard(node), facts.picture
        return [
            _gate(node, heard),
            *await self._boot(node),
            _held(node, heard, self._standing.held.get(node, "")),
            self._upkeep(node, heard),
            _exporter(node, picture),
            self._failures(node),
            *_services(node, picture, self.gatherer.topology),
            *_databases(node, facts),
            *_pacemakers(node, facts),
        ]

    @property
    def _standing(self) -> Standing:
        return self.watch.standing()

    async def _boot(self, node: str) -> list[Step]:
        """Say whether a node that was fenced has booted since; else its power was never cut."""
        cut = max((one.began_at for one in self._fencings(node)), default=None)
        if cut is None:
            return []
        need = f"a boot after {rfc3339(cut)}, when its power was cut"
        try:
            found = await self.gatherer.prometheus.samples(node, BOOT_TIME)
        except Unreachable as error:
            return [Step("boot", f"unknown: {error}", need, "boot_unknown")]
        booted = max((value for _, value in found), default=None)
        if booted is None:
            return [Step("boot", "its exporter does not say when", need, "boot_unknown")]
        return [Step("boot", f"{rfc3339(booted)}", need, "" if booted > cut else "same_boot")]

    def _fencings(self, node: str) -> Iterator[Attempt]:
        for incident in self.journal.board.incidents.values():
            if incident.target.node == node:
                tried = (one for one in incident.attempts if one.action == FENCE)
                yield from (one for one in tried if one.outcome not in UNCUT)

    def _upkeep(self, node: str, heard: Heard) -> Step:
        """Say whether somebody has it out of service on purpose, which an admission does not end."""
        need = "nobody who has it out of service"
        for one in self.journal.board.planned.kept_away:
            if one.node == node:
                have = f"{one} is {one.phase.value}; hale-healer maintenance end {node}"
                return Step("upkeep", have, need, "node_locked")
        marks = (heard.look.marks if heard.look is not None else None) or ()
        owners = [owner for mark in marks if mark.mark == LOCK for owner in mark.owners]
        if owners:
            have = f"locked for {', '.join(owners)}; hale-gate unlock there"
            return Step("upkeep", have, need, "node_locked")
        return Step("upkeep", "none", need)

    def _failures(self, node: str) -> Step:
        need = "no alert of failing hardware"
        sight = self.watch.sight
        if sight is None or not self.watch.complete:
            return Step("failures", "not every Alertmanager answers", need, "alertmanager_silent")
        firing = sorted({f"{one.name} {one.label('failure')}".strip() for one in sight.alerts
                         if one.target.node == node and one.name in HARDWARE})  # fmt: skip
        if firing:
            return Step("failures", ", ".join(firing), need, "failure_open")
        return Step("failures", "none", need)

    async def _give_back(
        self, node: str, about: list[Incident], steps: list[Step], by: str
    ) -> dict[str, object]:
        """Settle each incident, so that its marks are given back one after the other; those of fewest first."""
        given = []
        for one in sorted(about, key=lambda each: len(each.marks)):
            given += [_given(mark) for mark in one.marks]
            await self.operators.close(one.id, f"{node} was admitted: all checks hold", by)
        what = (
            f"being given back: {', '.join(given)}" if given else "nothing of Hale's kept it away"
        )
        return {
            "done": f"{node} is admitted; {what}",
            "node": node,
            "admitted": True,
            "steps": [one.shown() for one in steps],
            "incidents": [one.id for one in about],
            "by": by,
        }


def _all_hold(steps: list[Step]) -> None:
    """Refuse, by the first step that does not hold."""
    wrong = next((one for one in steps if one.reason), None)
    if wrong is not None:
        raise Refused(wrong.reason, "; ".join(map(str, steps)))


def _given(mark: Attempt) -> str:
    return f"{mark.action} of {subject_of(mark.args)} at {mark.gate}"


def _power(node: str, about: list[Incident]) -> Step:
    """Say of a node whose power is cut by whom, and whether somebody had it switched on already."""
    fenced = [one for one in about if any(mark.action == FENCE for mark in one.marks)]
    hosts = sorted({mark.gate for one in fenced for mark in one.marks if mark.action == FENCE})
    waiting = any(one.admitted_by is None for one in fenced)
    have = f"off, fenced by {', '.join(hosts)}" + ("" if waiting else ", and being switched on")
    return Step("power", have, f"on, and {node} admitted anew", "" if waiting else "under_way")


def _gate(node: str, heard: Heard) -> Step:
    need = f"the gate of {node} answering as itself"
    if heard.look is None:
        return Step("gate", heard.error or "no answer", need, "gate_silent")
    if heard.look.node != node:
        return Step("gate", f"it says it is {heard.look.node}", need, "other_gate")
    return Step("gate", f"boot {heard.look.boot_id[:8]}", need)


def _held(node: str, heard: Heard, held: str) -> Step:
    holds = [*(heard.look.holds if heard.look is not None else ()), *([held] if held else [])]
    need = "no person who holds it"
    if holds:
        release = f"{', '.join(holds)}; hale-healer release {node}, or hale-gate release there"
        return Step("hold", release, need, "person_hold")
    return Step("hold", "none", need)


def _exporter(node: str, picture: Picture | None) -> Step:
    need = "Prometheus and every peer hear of it"
    health = picture.nodes.get(node) if picture is not None else None
    if health is None or health.scraped is not True:
        return Step("exporter", "not scraped", need, "exporter_down")
    if health.reached is False:
        return Step("exporter", "scraped, and peers miss it", need, "peers_miss_it")
    return Step("exporter", "scraped", need)


def _services(node: str, picture: Picture | None, topology: Topology) -> Iterator[Step]:
    """Say of each service of a node whether it serves; what only one node may run has to run on none other first."""
    for service in topology.services_on(node).values():
        if service.name == EXPORTER:
            continue
        serves = picture.services.get(Target(node, service.name)) if picture is not None else None
        elsewhere = service.exclusive and _runs_elsewhere(service.name, node, picture)
        need = "it serves"
        if service.exclusive:
            need = f"it serves, or another node runs it; of two, `systemctl stop {service.unit}` where it came back"
        if serves and elsewhere:
            yield Step(service.name, "serves, and another node serves too", need, "runs_twice")
        elif serves or (elsewhere and serves is False):
            yield Step(service.name, "serves" if serves else "runs on another node", need)
        else:
            have = "unknown" if serves is None else "does not serve"
            yield Step(service.name, have, need, "not_serving")


def _runs_elsewhere(service: str, node: str, picture: Picture | None) -> bool:
    services = picture.services if picture is not None else {}
    return any(up for at, up in services.items() if at.service == service and at.node != node)


def _looks(node: str, topology: Topology) -> dict[str, list[str]]:
    """Return the gates to hear, each with what it is asked to look at: the node's, and who knows its copies."""
    wanted: dict[str, list[str]] = {node: []}
    for database in topology.databases_of(Target(node)):
        for member in topology.groups[database.group].nodes:
            wanted.setdefault(member, []).append(database.look)
    for cluster in topology.pacemakers_of(node):
        for member in topology.groups[cluster.group].nodes:
            wanted.setdefault(member, []).append(cluster.look)
    return wanted


def _databases(node: str, facts: Facts) -> Iterator[Step]:
    """Say of each database whether the node's member has all of the data; barred it may be, that is given back."""
    for database in facts.topology.databases_of(Target(node)):
        look, name = seen(database, facts), f"database {database.name}"
        need = f"a member on the leader's timeline, at most {database.max_lag_bytes} bytes behind"
        member = look.members.get(node) if look is not None else None
        if look is None:
            have = "its members' gates do not say, or two differ"
            yield Step(name, have, need, "copies_unknown")
        elif member is None:
            yield Step(name, f"{node} is no member now", need, "not_replica")
        else:
            lag = "unknown" if member.lag_bytes is None else f"{member.lag_bytes} bytes"
            have = f"{member.role}, {member.state}, timeline {member.timeline}, lag {lag}"
            yield Step(name, have, need, "" if good(node, look, database) else "not_replica")


def _pacemakers(node: str, facts: Facts) -> Iterator[Step]:
    """Say of its Pacemaker cluster whether the node is back in it; in standby it may be, that is given back."""
    for cluster in facts.topology.pacemakers_of(node):
        look, name = seen_cluster(cluster, node, facts), f"pacemaker {cluster.name}"
        own = look.nodes.get(node) if look is not None else None
        if own is None:
            yield Step(name, "no member's gate knows", "it is online", "pacemaker_unknown")
        else:
            back = own.online and not own.unclean
            have = "online" if back else "unclean" if own.unclean else "offline"
            yield Step(name, have, "it is online", "" if back else "not_in_cluster")
