"""Which alerts are one trouble. Pure: the board and the alerts in, events out."""

from collections.abc import Iterable, Iterator

from healer.core import events as ev
from healer.core.alert import Alert, Target
from healer.core.board import Board
from healer.core.incident import UNSETTLED, Incident
from healer.core.ladder import NO_LADDER
from healer.core.topology import Topology

OWN = "Healer"
"""Alerts that begin so are about ourselves; they never start or join anything."""

NODE_DEATH = "NodeDown"
EXPORTER_LOSS = "ExporterDown"

FAILURE_DEPTH = {
    "disk": 1,
    "memory_hw": 1,
    "cpu_hw": 1,
    "thermal_power": 1,
    "kernel_panic_hang": 1,
    "filesystem": 2,
    "network_link": 2,
    "oom": 2,
}
"""How deep a proven failure type lies: a smaller number explains a larger one (design, section 6)."""

NAME_DEPTH = {
    NODE_DEATH: 0,
    "FilesystemAlmostFull": 2,
    "FilesystemFillingUp": 2,
    # What others see of a member that does not serve, or of one that does so again and again.
    "PoolMemberDown": 4,
    "ServiceFlapping": 4,
    "MarkTooOld": 4,
}
"""How deep an alert lies whose rule proves no failure type."""

SERVICE_DEPTH = 3

MOST_SYMPTOMS = 100
"""Alerts that one incident takes in beside its cause; more are left alone, since anyone can post alerts."""


def depth(alert: Alert) -> int:
    """How deep a cause lies: node over disk over filesystem over service over what others see of it."""
    known = NAME_DEPTH.get(alert.name)
    return FAILURE_DEPTH.get(alert.label("failure"), SERVICE_DEPTH) if known is None else known


def explains(cause: Alert, other: Alert, topology: Topology) -> bool:
    """Whether trouble with `cause` makes trouble with `other` expected."""
    here, there = cause.target, other.target
    # An exporter that is gone says nothing about its node, and nothing but a dead node explains it.
    if EXPORTER_LOSS in (cause.name, other.name) and cause.name != other.name:
        return cause.name == NODE_DEATH and here.node == there.node
    if here.node != there.node:
        return False
    if depth(cause) != depth(other):
        return depth(cause) < depth(other)
    if here == there:
        return True
    return _depends(there, here, topology)


def _rank(alert: Alert, topology: Topology) -> int:
    """Return how many services stand under an alert's own, so that what is used comes before its users."""
    seen: set[str] = set()
    todo = [alert.target.service] if alert.target.service is not None else []
    while todo:
        service = topology.services.get(todo.pop())
        if service is not None and service.name not in seen:
            seen.add(service.name)
            todo.extend(service.depends_on)
    return len(seen)


def _depends(user: Target, used: Target, topology: Topology) -> bool:
    """Whether `user`'s service needs `used`'s, directly or through others."""
    seen: set[str] = set()
    todo = [user.service] if user.service is not None else []
    while todo:
        service = topology.services.get(todo.pop())
        if service is None or service.name in seen:
            continue
        seen.add(service.name)
        if used.service in service.depends_on:
            return True
        todo.extend(service.depends_on)
    return False


def correlate(
    board: Board,
    alerts: Iterable[Alert],
    topology: Topology,
    confirmed: frozenset[str] = frozenset(),
) -> Iterator[list[ev.Event]]:
    """Yield what these firing alerts change, alert by alert, deepest causes first.

    An alert joins the open incident that explains it, takes over one that it explains,
    or opens one. The caller applies each list before asking for the next, so that every alert is
    looked at with what came before it in place.

    Args:
        board: What is known; read anew for each alert.
        alerts: What fires now.
        topology: The cluster.
        confirmed: Fingerprints that fresh evidence found true; only these may take an incident over,
            or open one again whose episode was closed.
    """

    def order(one: Alert) -> tuple[int, int, float, str]:
        return depth(one), _rank(one, topology), one.began_at, one.fingerprint

    for alert in sorted(alerts, key=order):
        if not alert.name.startswith(OWN):
            changes = _place(board, alert, topology, confirmed)
            if changes:
                yield changes


def claims(board: Board, alerts: Iterable[Alert], topology: Topology) -> list[Alert]:
    """Return alerts that would take an incident over, if evidence found them true."""
    return [
        alert
        for alert in alerts
        if not alert.name.startswith(OWN)
        and alert.fingerprint not in board.known
        and may_lead(alert, topology)
        and any(
            not one.marks and deeper(alert, one.cause, topology)
            for one in board.on_node(alert.target.node)
        )
    ]


def left_out(board: Board, alerts: Iterable[Alert], topology: Topology) -> list[Alert]:
    """Return alerts for which an incident that nobody confirmed has no room, and which may be its true cause."""
    return [
        alert
        for alert in alerts
        if alert.fingerprint not in board.known
        and may_lead(alert, topology)
        and any(
            _full(one) and not one.confirmed and explains(one.cause, alert, topology)
            for one in board.on_node(alert.target.node)
        )
    ]


def may_lead(alert: Alert, topology: Topology) -> bool:
    """Whether an alert may be the cause of an incident: it has a ladder, or it is a node's death."""
    return alert.label("heal") in topology.ladders or alert.name == NODE_DEATH


def deeper(alert: Alert, cause: Alert, topology: Topology) -> bool:
    """Whether an alert explains a cause that does not explain it in turn."""
    return explains(alert, cause, topology) and not explains(cause, alert, topology)


def _place(
    board: Board, alert: Alert, topology: Topology, confirmed: frozenset[str]
) -> list[ev.Event]:
    if alert.fingerprint in board.known:
        incident = board.incidents[board.known[alert.fingerprint]]
        return [] if alert in incident.alerts else [ev.AlertRenewed(incident.id, alert)]
    here = board.on_node(alert.target.node)
    for incident in here:
        if _in_footprint(incident, alert):
            return _join(incident, alert, confirmed)
    if alert.fingerprint in confirmed:
        # One that took something away stays what it is, and gives that back when its own trouble is gone.
        below = [one for one in here if not one.marks and deeper(alert, one.cause, topology)]
        if below:
            return _take_over(below, alert)
    for incident in here:
        if explains(incident.cause, alert, topology):
            return _join(incident, alert, confirmed)
    return _open(board, alert, topology, confirmed)


def _join(incident: Incident, alert: Alert, confirmed: frozenset[str]) -> list[ev.Event]:
    # Invented alerts must not keep out the true one that would take their place.
    awaited = alert.fingerprint in confirmed and not incident.confirmed
    return [ev.AlertJoined(incident.id, alert)] if awaited or not _full(incident) else []


def _full(incident: Incident) -> bool:
    return len(incident.symptoms) >= MOST_SYMPTOMS


def _in_footprint(incident: Incident, alert: Alert) -> bool:
    """Whether an action that is not settled yet explains the alert."""
    return incident.state in UNSETTLED and incident.attempts[-1].footprint.covers(alert.target)


def _take_over(below: list[Incident], alert: Alert) -> list[ev.Event]:
    first, *rest = below
    ladder = alert.label("heal")
    changes: list[ev.Event] = [ev.CauseReplaced(first.id, alert, ladder)]
    for other in rest:
        if other.state in UNSETTLED:
            continue  # what is under way ends under its own name
        changes += [ev.AlertJoined(first.id, one) for one in other.alerts]
        changes.append(ev.IncidentClosed(other.id, "merged", f"into incident {first.id}"))
    return changes


def _open(
    board: Board, alert: Alert, topology: Topology, confirmed: frozenset[str]
) -> list[ev.Event]:
    ladder = alert.label("heal")
    if ladder in NO_LADDER:
        return []  # a person's from the start; Alertmanager tells them without us
    if ladder not in topology.ladders:
        if alert.fingerprint in board.refused:
            return []
        sentence = (
            f"{alert.name} asks for the ladder '{ladder[:100]}', which cluster.yml does not have."
        )
        return [ev.AlertRefused(alert, "unknown_ladder", sentence)]
    # A closed episode is not opened again on the alert's word alone: see `recurring`.
    if alert.episode in board.closed_episodes and alert.fingerprint not in confirmed:
        return []
    return [ev.IncidentOpened(str(board.opened + 1), alert, ladder, topology.digest)]


def recurring(board: Board, alerts: Iterable[Alert]) -> list[Alert]:
    """Return alerts of closed episodes that still fire and may be recurrences.

    The caller reads the evidence: only what is true on fresh data opens an incident again.
    """
    return [
        alert
        for alert in alerts
        if alert.episode in board.closed_episodes
        and alert.fingerprint not in board.known
        and alert.label("heal") not in NO_LADDER
    ]
