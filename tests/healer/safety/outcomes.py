"""What must be so when all is calm again: nothing forgotten, nothing left running, every word audited."""

from collections import Counter
from typing import TYPE_CHECKING

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.board import Board
from healer.core.correlate import settled
from tests.healer.safety.monitoring import EPOCH

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

KEPT = ("ServiceDown", "KernelHang")

FENCING = ("fence-node", "take-over")
"""Ladders of a site whose nodes can be fenced."""

NEXT_LOOK = 3.0
"""Seconds after which the look at everything has surely come that places what was under way."""


def final(sim: "Simulation") -> None:
    """Check the journal from its first record, and what fires against it."""
    oracle, events = sim.oracle, [one.event for one in sim.shared.records]
    if [one.seq for one in sim.shared.records] != list(range(1, len(events) + 1)):
        oracle.says("the journal has gaps")
    _attempts(sim, events)
    _incidents(sim, events)
    _heard(sim)
    _replayed(sim)


def _attempts(sim: "Simulation", events: list[ev.Event]) -> None:
    ended = Counter(one.action_id for one in events if isinstance(one, ie.ActionEnded))
    judged = Counter(one.action_id for one in events if isinstance(one, ie.VerificationEnded))
    open_ = {
        one.action_id
        for one in events
        if isinstance(one, ie.ActionEnded) and one.outcome.value in ("done", "unknown")
    }
    for action_id in sim.oracle.intents:
        if ended[action_id] != 1 and not _young(sim, action_id):
            sim.oracle.says(f"{action_id} has {ended[action_id]} ends in the journal")
        if judged[action_id] > 1 or (judged[action_id] and action_id not in open_):
            sim.oracle.says(f"{action_id} has {judged[action_id]} proofs")
    for action_id, times in sim.oracle.effects.items():
        if times > 1:
            sim.oracle.says(f"{action_id} ran {times} times")


def _young(sim: "Simulation", action_id: str) -> bool:
    """Whether an action was begun so late that it may still run."""
    at = next(
        one.at_mono
        for one in sim.shared.records
        if getattr(one.event, "action_id", "") == action_id
    )
    return sim.world.now + 5000.0 - at < 20.0


def _incidents(sim: "Simulation", events: list[ev.Event]) -> None:
    closed = Counter(one.incident for one in events if isinstance(one, ie.IncidentClosed))
    for one in events:
        if isinstance(one, ie.IncidentClosed) and not one.outcome:
            sim.oracle.says(f"incident {one.incident} is closed without a word")
    for incident, times in closed.items():
        if times > 1:
            sim.oracle.says(f"incident {incident} is closed {times} times")
    homes: dict[str, set[str]] = {}
    for one in events:
        match one:
            case ie.IncidentOpened(incident, alert) | ie.CauseReplaced(incident, alert):
                homes.setdefault(alert.fingerprint, set()).add(incident)
            case ie.AlertJoined(incident, alert):
                homes.setdefault(alert.fingerprint, set()).add(incident)
            case ie.AlertLeft(incident, alert):
                homes[alert.fingerprint].discard(incident)
            case _:
                pass
    for fingerprint, incidents in homes.items():
        at_once = [one for one in incidents if not closed[one]]
        if len(at_once) > 1:
            sim.oracle.says(f"{fingerprint} is in the open incidents {sorted(at_once)}")


def _let_go(sim: "Simulation", alert: Alert) -> float:
    """When the last incident about an alert was closed; its evidence is read again only some time after that."""
    about, last = set[str](), -1000.0
    for one in sim.shared.records:
        event = one.event
        if isinstance(event, ie.IncidentOpened | ie.CauseReplaced):
            about |= {event.incident} if event.cause.fingerprint == alert.fingerprint else set()
        elif isinstance(event, ie.AlertJoined) and event.alert.fingerprint == alert.fingerprint:
            about.add(event.incident)
        elif isinstance(event, ie.IncidentClosed) and event.incident in about:
            # The healer counts by its wall clock, which may have been ahead then.
            wall = one.at_wall - EPOCH
            last = max(_at(one), wall if abs(sim.world.now - wall) < 30.0 else -1000.0)
    return last


def _heard(sim: "Simulation") -> None:
    """Everything that fires and has a ladder is in an open incident, with a word for why it is not healed yet."""
    leader = sim.leader
    if leader is None or leader.journal is None:
        sim.oracle.says("nobody leads after the calm")
        return
    board = leader.journal.board
    if board.armed_at is None:
        sim.oracle.says("it was never armed")
        return
    active = list(sim.prometheus.active.values())
    for alert in active:
        if alert.name not in KEPT and alert.label("heal") not in FENCING:
            continue
        if not sim.oracle.knows(alert.target, alert.label("heal")):
            continue  # refused, for as long as cluster.yml does not have it
        told = alert.began_at - EPOCH if alert.label("heal") in FENCING else -1000.0
        since = max(sim.world.since[alert.target], told, _let_go(sim, alert), sim.oracle.changed_at)
        old = sim.world.now - since > 18.0
        theirs = alert.fingerprint in board.by_hand and settled(board, active)
        if old and alert.fingerprint not in board.known and not theirs:
            sim.oracle.says(f"{alert.fingerprint} fires and is forgotten")
    for one in board.open:
        told = one.hold is not None or one.escalation or one.mitigation
        if one.state.value in ("held", "escalated", "mitigated") and not told:
            sim.oracle.says(f"incident {one.id} is {one.state.value} without a word")


def _replayed(sim: "Simulation") -> None:
    """Whoever reads the journal from the start finds what the leader knows."""
    leader, board = sim.leader, Board()
    if leader is None or leader.journal is None:
        return
    for record in sim.shared.records:
        board.apply(record)
    for incident_id, one in leader.journal.board.incidents.items():
        if board.incidents.get(incident_id) != one:
            sim.oracle.says(f"incident {incident_id} reads differently from the journal")


def lost(sim: "Simulation", rack: str) -> None:
    """A rack that is lost is one incident, which has all that fires about its nodes."""
    board = sim.board
    if board is None or board.armed_at is None:
        return
    if sim.oracle.renamed or not sim.oracle.is_domain(rack):
        return  # cluster.yml has no domain of that name any more: such an alert is refused
    nodes = sim.site.lost_together()[rack]
    about = [one for one in board.open if one.target.domain == rack]
    if len(about) != 1:
        sim.oracle.says(f"{rack} is lost and has {len(about)} incidents")
        return
    for alert in sim.prometheus.active.values():
        home = board.known.get(alert.fingerprint)
        if alert.target.node in nodes and home not in (about[0].id, *_apart(sim, board)):
            sim.oracle.says(
                f"{alert.fingerprint} is not in the incident about {rack}, but in {home}"
            )
    for one in board.open:
        if one.target.node in nodes and one.id not in _apart(sim, board):
            sim.oracle.says(f"incident {one.id} about {one.target} is open beside that of {rack}")
    # Lost again so soon that its incident went on: whoever said no to that has it.
    if about[0].escalation not in ("for_a_person", "denied"):
        sim.oracle.says(f"{rack} is lost, and nobody has it")


def _apart(sim: "Simulation", board: Board) -> set[str]:
    """Incidents that end under their own names: something is under way, or taken away, or a person said no.

    What was under way until a moment ago is placed at the next look.
    """
    settled_now = {
        one.event.incident
        for one in sim.shared.records
        if isinstance(one.event, ie.VerificationEnded) and sim.world.now - _at(one) < NEXT_LOOK
    }
    return settled_now | {
        one.id
        for one in board.open
        if one.marks or one.state.value in ("acting", "verifying") or one.escalation == "denied"
    }


def _at(record: ev.Record) -> float:
    """When something was written, by the simulation's own time."""
    return record.at_mono - 5000.0


def found(sim: "Simulation", rack: str) -> None:
    """A rack that is back for long has no incident any more."""
    board = sim.board
    if any(sim.world.dark(node) for node in sim.site.lost_together()[rack]):
        return  # one of its nodes died with its reboot lock, and is not back
    for one in board.open if board is not None else ():
        if one.target.domain == rack:
            sim.oracle.says(f"{rack} is back, and incident {one.id} is {one.state.value}")
