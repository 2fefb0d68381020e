"""Which alerts are one trouble. Pure: the board and the alerts in, events out."""

from collections.abc import Iterable

from healer.core import events as ev
from healer.core.alert import Alert, Target
from healer.core.board import Board
from healer.core.incident import UNSETTLED, Incident
from healer.core.topology import Topology

OWN = "Healer"
"""Alerts that begin so are about ourselves; they never start or join anything."""

NO_LADDER = frozenset({"", "none"})

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

SERVICE_DEPTH = 3


def depth(alert: Alert) -> int:
    """How deep a cause lies: node over disk over filesystem over service."""
    if alert.name == NODE_DEATH:
        return 0
    return FAILURE_DEPTH.get(alert.label("failure"), SERVICE_DEPTH)


def explains(cause: Alert, other: Alert, topology: Topology) -> bool:
    """Whether trouble with `cause` makes trouble with `other` expected."""
    here, there = cause.target, other.target
    # An exporter that is gone says nothing about its node, and nothing but a dead node explains it.
    if EXPORTER_LOSS in (cause.name, other.name) and cause.name != other.name:
        return cause.name == NODE_DEATH and here.node == there.node
    if here.node != there.node:
        return False
    if here == there or depth(cause) < depth(other):
        return True
    return _depends(there, here, topology)


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


def correlate(board: Board, alerts: Iterable[Alert], topology: Topology) -> list[ev.Event]:
    """Return what these firing alerts change, deepest causes first.

    An alert joins the open incident that explains it, takes an incident over that it explains,
    or opens one. The caller applies the events one call at a time and asks again until
    nothing changes, so each alert is looked at with what came before it in place.
    """
    for alert in sorted(alerts, key=lambda one: (depth(one), one.began_at, one.fingerprint)):
        if alert.name.startswith(OWN):
            continue
        found = _place(board, alert, topology)
        if found:
            return found
    return []


def _place(board: Board, alert: Alert, topology: Topology) -> list[ev.Event]:
    for incident in board.open:
        for known in incident.alerts:
            if known.fingerprint == alert.fingerprint:
                return [] if known == alert else [ev.AlertRenewed(incident.id, alert)]
    for incident in board.open:
        if explains(incident.cause, alert, topology) or _in_footprint(incident, alert):
            return [ev.AlertJoined(incident.id, alert)]
    below = [one for one in board.open if explains(alert, one.cause, topology)]
    if below:
        return _take_over(below, alert)
    return _open(board, alert, topology)


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


def _open(board: Board, alert: Alert, topology: Topology) -> list[ev.Event]:
    ladder = alert.label("heal")
    if ladder in NO_LADDER:
        return []  # a person's from the start; Alertmanager tells them without us
    # A closed episode is not opened again on the alert's word: see `recurring`.
    if alert.episode in board.closed_episodes:
        return []
    return [ev.IncidentOpened(str(board.opened + 1), alert, ladder, topology.digest)]


def recurring(board: Board, alerts: Iterable[Alert]) -> list[Alert]:
    """Return alerts of closed episodes that still fire and may be recurrences.

    The caller reads the evidence: only what is true on fresh data opens an incident again.
    """
    held = {alert.fingerprint for one in board.open for alert in one.alerts}
    return [
        alert
        for alert in alerts
        if alert.episode in board.closed_episodes
        and alert.fingerprint not in held
        and alert.label("heal") not in NO_LADDER
    ]
