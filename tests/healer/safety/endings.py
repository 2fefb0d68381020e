"""How a schedule ends: people mend what is broken, all of it or all but one thing, and nothing is left hanging.

Rule: what is over is closed in time, and what is not has a person, who is told of it.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Attempt
from healer.core.board import Board
from healer.core.guards.people import NEEDED
from healer.core.incident import FOR_A_PERSON, MERGED, Incident
from healer.core.roll_events import RollMove
from healer.core.states import State
from healer.core.upkeep import Phase, Task
from healer.core.upkeep_events import Kind
from healer.errors import HaleError
from tests.healer.safety.lives import Killed

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

IN_TIME = 120.0
"""Seconds after the mending in which an incident is closed, or a person has it: no age counts within a minute of a
clock that jumped, the return of a lost domain has to stay for 30 s, and a forged alert is shown for as long."""

GIVEN_BACK = 700.0
"""The same for one that could not give back what it took away: that is tried again ten minutes later."""

REPEATED = 40.0
"""Seconds within which what people are told is told again."""

LONG = 45.0
"""Seconds: what fires for so long fired in the calm too, when everything could be read."""

KNOWN = ("closed_by_hand", "silenced")
"""Reasons of a hold of which a person knows by their own word."""


async def ends(sim: "Simulation") -> None:
    """Have people mend what is broken, and see that every incident comes to its end."""
    spared, began = _spared(sim), sim.world.now
    sim.mended_at = began
    if spared is not None:
        sim.diary.append((began, f"people mend all but {spared}"))
    while not sim.oracle.violations:
        sim.world.mend(spared, at_work={one.node for one in sim.gates.values() if one.busy})
        await _let_go_on(sim)
        await sim.until(sim.world.now + 2.0)
        left = dict(_unended(sim))
        late = [why for why, most in left.items() if sim.world.now - began > most]
        if late:
            sim.oracle.says(late[0])
        if not left:
            break
    if not sim.oracle.violations:
        fates(sim)
        marks(sim)


def _spared(sim: "Simulation") -> Target | None:
    """Draw what nobody mends: something that is broken now, in one of three schedules."""
    broken = [one for one in sim.world.since if sim.world.broken(one)]
    return sim.rng.choice(broken) if broken and sim.rng.random() < 0.33 else None


async def _let_go_on(sim: "Simulation") -> None:
    """Take back every word that keeps the healer from working, until it is durable."""
    board = sim.board
    if board is None:
        return
    if board.freezes:
        await sim.journal(ev.Unfrozen("ann"))
    for node in {one.node for one in board.holds.values()}:
        await sim.journal(ev.NodeReleased(node, "ann"))
    await _given_back(sim)
    leader = sim.leader
    for node in sim.fenced():
        await _admitted(sim, node)
    if leader is not None and leader.topology is not sim.topologies[leader.node]:
        leader.reload()


async def _given_back(sim: "Simulation") -> None:
    """Have every roll end, and every node come back that people took away, or that failed; others say so themselves."""
    board = sim.board
    if board is None or sim.updaters is None:
        return
    for roll in board.planned.rolling:
        await sim.updaters.stopped(roll.group, RollMove.END)
    for one in board.planned.kept_away:
        if one.kind is Kind.LOCK:
            sim.updaters.owing[one.node] = None
        if one.kind is Kind.PERSON or one.phase is Phase.STOPPED:
            await sim.updaters.given_back(one.node)


async def _admitted(sim: "Simulation", node: str) -> None:
    """Have a fenced node come back, by the healer's way; by hand where cluster.yml has it no more."""
    leader = sim.leader
    if leader is None or leader.admission is None:
        return
    if node not in leader.topology.nodes:
        for gate in sim.gates.values():
            gate.marks.pop(("node.fence", node), None)
        sim.world.switch_on(node)
        return
    with suppress(HaleError, Killed):
        await leader.admission.admit(node, "ann")


def _unended(sim: "Simulation") -> Iterator[tuple[str, float]]:
    """Yield what of the open incidents is not as it has to be, and how long after the mending that may be so."""
    leader = sim.leader
    if leader is None or leader.journal is None or leader.journal.board.armed_at is None:
        yield "nobody leads, or is armed, though all is well", IN_TIME
        return
    for one in leader.journal.board.open:
        said = f"incident {one.id} about {one.target} is {one.state.value}"
        word = one.escalation or (one.hold.reason if one.hold is not None else "") or "no word"
        most = GIVEN_BACK if one.marks else IN_TIME
        # Nothing is done on a node that is away, and its alerts are silenced.
        most += max(0.0, sim.oracle.upkeeps.back_at.get(one.target.node, 0.0) - sim.mended_at)
        # What may not be given back by cluster.yml as it is now, or as its copy is, waits for a person.
        theirs = bool(one.marks) and (
            not sim.oracle.knows(one.target, one.ladder)
            or word in ("explain_mode", NEEDED)
            or _stays_barred(sim, one.marks)
        )
        if _over(sim, one) and not theirs:
            yield f"{said} ({word}), and its trouble is over for long", most
        elif not _with_a_person(sim, one):
            yield f"{said} ({word}), and nobody has it", most
    yield from _away(sim, leader.journal.board)
    open_ = {one.id for one in leader.journal.board.open}
    for incident, name in _standing(sim).items():
        if incident not in open_:
            yield f"{name} is told of incident {incident}, which is over", IN_TIME


def _away(sim: "Simulation", board: Board) -> Iterator[tuple[str, float]]:
    """Yield the nodes that did not come back, but for those whose copy of a database stays barred."""
    held = sim.leader.watch.upkeep_held if sim.leader is not None and sim.leader.watch else {}
    for one in board.planned.kept_away:
        if one.phase in (Phase.PATCHING, Phase.REBOOTING) and one.id in held:
            continue  # what the guards hold is waited for, for as long as it takes, and people are shown it
        if not _stays_barred(sim, one.marks):
            yield f"upkeep {one.id} of {one.node} is {one.phase.value} ({one.why})", GIVEN_BACK
    open_ = {one.owner for one in board.planned.kept_away}
    for name, (node, until) in sim.hushed.items():
        if name not in open_ and sim.world.now < until:
            yield f"{node} is silenced for {name}, which is over", IN_TIME


def _stays_barred(sim: "Simulation", marks: Iterable[Attempt | Task]) -> bool:
    """Whether a member that was barred stays so: it has not all that the leader has, or nobody can lead to say so."""
    kept = [(one.gate, dict(one.args).get("database", "")) for one in marks]
    databases = sim.world.databases
    return any(name in databases and not databases[name].lets_back(gate) for gate, name in kept)


def _over(sim: "Simulation", incident: Incident) -> bool:
    about, world = incident.target, sim.world
    if incident.cause.name == "ServiceRunsNowhere" and about.service in world.turned:
        return bool(world.runners(about.service))
    if about.domain:
        return not any(world.dark(one) for one in sim.site.lost_together().get(about.domain, []))
    return about not in world.since or (not world.dark(about.node) and world.well(about))


def _with_a_person(sim: "Simulation", one: Incident) -> bool:
    """Whether somebody knows of an incident, in the healer's words or by their own."""
    if one.escalation == FOR_A_PERSON and one.state is State.ESCALATED:
        return True
    if one.hold is not None and one.state is State.HELD:
        return one.hold.reason in KNOWN or one.id in _standing(sim)
    return one.state in (State.ESCALATED, State.MITIGATED) and one.id in _standing(sim)


def _standing(sim: "Simulation") -> dict[str, str]:
    """Return the healer's own alerts that it keeps up: the incident that each is about, and its name."""
    now = sim.world.now
    return {
        dict(one.annotations)["incident_url"].rpartition("/")[2]: dict(one.labels)["alertname"]
        for one, at in sim.told.values()
        if now - at < REPEATED and "incident_url" in dict(one.annotations)
    }


def marks(sim: "Simulation") -> None:
    """What an incident or an upkeep took away is given back by its end, but for what an upkeep left to people."""
    board = sim.board
    owners = {one.owner for one in board.open} if board is not None else set()
    owners |= {one.owner for one in board.planned.kept_away} if board is not None else set()
    for gate in sim.gates.values():
        for (verb, subject), whose in gate.marks.items():
            mark = (gate.node, verb, subject)
            left = [
                one
                for one in whose
                if not one.startswith("person:")
                and one not in owners
                and (mark, one) not in sim.oracle.upkeeps.left
            ]
            if left:
                sim.oracle.says(
                    f"{verb} of {subject} stands on {gate.node} for {left}, which are over"
                )


@dataclass
class Fates:
    """Where every alert is that the journal has, and how it ended where it is nowhere any more.

    Attributes:
        homes: The incident that has each alert, by fingerprint.
        words: The last word about each that is in none.
        astray: What is wrong already.
    """

    homes: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    astray: list[str] = field(default_factory=list)

    def take(self, event: ev.Event) -> None:
        match event:
            case ie.IncidentOpened(incident, one) | ie.CauseReplaced(incident, one):
                self.homes[one.fingerprint] = incident
            case ie.AlertJoined(incident, one) | ie.AlertRenewed(incident, one):
                self.homes[one.fingerprint] = incident
            case ie.AlertLeft(_, one):
                del self.homes[one.fingerprint]
                self.words[one.fingerprint] = "left"
            case ev.AlertRefused(one, reason):
                self.words[one.fingerprint] = reason
            case ev.AlertSettled(one):
                self.words[one.fingerprint] = "theirs"
            case ev.Armed(_, alerts):
                self.words |= {one.fingerprint: "pre_existing" for one in alerts}
            case ie.IncidentClosed(incident, outcome):
                self._closed(incident, outcome)
            case _:
                pass

    def _closed(self, incident: str, outcome: str) -> None:
        for key in [key for key, home in self.homes.items() if home == incident]:
            if outcome == MERGED:  # all that it had is the other one's by then
                self.astray.append(f"{key} is in no incident since {incident} was merged")
            self.words[key] = outcome
            del self.homes[key]


def fates(sim: "Simulation") -> None:
    """Every alert that was stored, and all that fired for long, is in an open incident or has the word of its end."""
    found = Fates()
    for record in sim.shared.records:
        found.take(record.event)
    for why in found.astray:
        sim.oracle.says(why)
    board = sim.board
    open_ = {one.id for one in board.open} if board is not None else set()
    for key, incident in found.homes.items():
        if incident not in open_:
            sim.oracle.says(f"{key} was in incident {incident}, which has no end and is not open")
    for key, seconds in sim.prometheus.longest.items():
        if seconds > LONG and key not in found.homes and key not in found.words:
            sim.oracle.says(f"{key} fired for {seconds:.0f} s and has no word in the journal")
