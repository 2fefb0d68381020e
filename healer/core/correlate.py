"""Which alerts are one trouble. Pure: the board and the alerts in, events out."""

from collections.abc import Iterable, Iterator
from enum import Enum

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.causes import Outages, breadth, depth, may_lead, rank
from healer.core.incident import DENIED, MERGED, Incident
from healer.core.ladder import NO_LADDER
from healer.core.picture import Picture
from healer.core.states import UNSETTLED
from healer.core.told import Told
from healer.core.topology import Topology

OWN = "Healer"
"""Alerts that begin so are about ourselves; they never start or join anything."""

MOST_SYMPTOMS = 100
"""Alerts that one incident takes in beside its cause, for each node that it is about; more are left alone, since
anyone can post alerts."""

MOST_UNCONFIRMED = 8
"""Open incidents about one node that no evidence has confirmed, beside one for each of its services."""


class Place(Enum):
    """Where a firing alert is. It is in exactly one place."""

    INCIDENT = "incident"
    OWN = "own"  # it is about the healer itself
    PERSON = "person"  # no ladder is for it, and Alertmanager has told people; or a person closed it by hand
    REFUSED = "refused"
    WAITING = "waiting"  # looked at again at each look, and placed once its evidence is found true


Order = tuple[int, int, int, float, str]


def order(alert: Alert, topology: Topology) -> Order:
    """Return what puts deeper causes first, and among equals smaller domains, those that are used, then older ones."""
    wide = breadth(alert, topology)
    return depth(alert), wide, rank(alert, topology), alert.began_at, alert.fingerprint


def correlate(
    board: Told,
    alerts: Iterable[Alert],
    topology: Topology,
    confirmed: frozenset[str] = frozenset(),
    picture: Picture | None = None,
) -> Iterator[list[ev.Event]]:
    """Yield what these firing alerts change, alert by alert, deepest causes first.

    An alert joins the open incident that explains it, takes over those that it explains,
    or opens one. Then incidents that turn out to be one trouble become one, and what a cause does not
    explain any more leaves it. The caller applies each list before asking for the next, so that every
    alert is looked at with what came before it in place.

    Args:
        board: What is known; read anew for each alert.
        alerts: What fires now.
        topology: The cluster.
        confirmed: Fingerprints that fresh evidence found true; only these may take an incident over,
            or open one again whose episode was closed, one of a failure domain, or one of a node's death.
        picture: The last look at the cluster; without one no domain's loss takes anything in, nor lets it go.
    """
    here = sorted(
        (one for one in alerts if not one.name.startswith(OWN)),
        key=lambda one: order(one, topology),
    )
    outages = Outages.seen(board, here, topology, picture)
    losses = settled(board, here)
    for alert in here:
        changes = _place(board, alert, outages, confirmed, losses)
        if changes:
            yield changes
    yield from _merge(board, outages, confirmed)
    for gone in _leave(board, {one.fingerprint for one in here}, outages):
        yield [*gone]
        # Nobody may act meanwhile as if it did not fail.
        for left in gone:
            changes = _place(board, left.alert, outages, confirmed, losses)
            if changes:
                yield changes


def claims(board: Told, alerts: Iterable[Alert], outages: Outages) -> list[Alert]:
    """Return alerts that would take an incident over, or open one by evidence alone, if that found them true."""
    found = [
        alert
        for alert in alerts
        if not alert.name.startswith(OWN)
        and alert.fingerprint not in board.known
        and may_lead(alert, outages.topology)
        and (_opens_proved(board, alert) or _below(board, alert, outages))
    ]
    return sorted(found, key=lambda one: order(one, outages.topology))


def settled(board: Told, alerts: Iterable[Alert]) -> list[Alert]:
    """Return the losses of failure domains that a person closed by hand and that go on."""
    return [one for one in alerts if one.target.domain and board.is_theirs(one)]


def _opens_proved(board: Told, alert: Alert) -> bool:
    """Whether an alert opens an incident of its own, once evidence finds it true."""
    return alert.by_evidence and not board.is_theirs(alert)


def left_out(board: Told, alerts: Iterable[Alert], outages: Outages) -> list[Alert]:
    """Return alerts for which there was no room because nothing is confirmed, and which may be true themselves."""
    return [
        alert
        for alert in alerts
        if place_of(board, alert, outages.topology) is Place.WAITING
        and alert.episode not in board.closed_episodes
        and _no_room(board, alert, outages)
    ]


def _no_room(board: Told, alert: Alert, outages: Outages) -> bool:
    above = _above(board, alert, outages)
    if above:
        return _full(above[0], outages.topology) and not above[0].confirmed
    return _crowded(board, alert.target.node, outages.topology)


def recurring(board: Told, alerts: Iterable[Alert]) -> list[Alert]:
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


def place_of(board: Told, alert: Alert, topology: Topology) -> Place:
    """Say where a firing alert is."""
    if alert.name.startswith(OWN):
        return Place.OWN
    if alert.fingerprint in board.known:
        return Place.INCIDENT
    ladder = alert.label("heal")
    if ladder in NO_LADDER or board.is_theirs(alert):
        return Place.PERSON
    return Place.WAITING if ladder in topology.ladders else Place.REFUSED


def _place(
    board: Told,
    alert: Alert,
    outages: Outages,
    confirmed: frozenset[str],
    losses: Iterable[Alert],
) -> list[ev.Event]:
    if alert.fingerprint in board.known:
        incident = board.incidents[board.known[alert.fingerprint]]
        return [] if alert in incident.alerts else [ie.AlertRenewed(incident.id, alert)]
    for incident in board.on_node(alert.target.node):
        if _in_footprint(incident, alert):
            return _join(incident, alert, confirmed, outages.topology)
    if alert.target.domain and board.is_theirs(alert):
        return []  # a person closed it, and it was not seen clear since
    above = _above(board, alert, outages)
    # What a lost domain explains leads nothing beside it: a repair that still runs there ends under its own name.
    inside = bool(above) and bool(above[0].target.domain)
    if not inside and alert.fingerprint in confirmed and may_lead(alert, outages.topology):
        below = _below(board, alert, outages)
        if below:  # the others become part of the first one right after
            return [ie.CauseReplaced(below[0].id, alert, alert.label("heal"))]
    if above:
        return _join(above[0], alert, confirmed, outages.topology)
    return _open(board, alert, outages, confirmed, losses)


def _above(board: Told, alert: Alert, outages: Outages) -> list[Incident]:
    """Return the open incidents whose cause explains an alert, the deepest first."""
    found = {
        one.id: one
        for node in outages.above(alert)
        for one in outages.suspects(alert, board.on_node(node))
        if outages.explains(one.cause, alert)
    }
    return sorted(found.values(), key=lambda one: order(one.cause, outages.topology))


def _below(board: Told, alert: Alert, outages: Outages) -> list[Incident]:
    """Return the open incidents whose cause an alert explains, settled ones first, then those in which most was tried.

    One that took something away stays what it is, and gives that back when its own trouble is gone.
    """
    found = {
        one.id: one
        for node in outages.beneath(alert)
        for one in board.on_node(node)
        if not one.marks and _takes(alert, one) and outages.deeper(alert, one.cause)
    }
    return sorted(
        found.values(), key=lambda one: (one.state in UNSETTLED, -len(one.attempts), int(one.id))
    )


def _takes(alert: Alert, incident: Incident) -> bool:
    """Whether an alert may become an incident's cause. A lost domain leads only what is about a domain.

    Others become part of its own incident, which begins without what was tried on one of its nodes: what those that
    fail alike elsewhere wait for stays known by its own cause.
    """
    return bool(incident.target.domain) or not alert.target.domain


def _join(
    incident: Incident, alert: Alert, confirmed: frozenset[str], topology: Topology
) -> list[ev.Event]:
    # Invented alerts must not keep out the true one that would take their place.
    awaited = alert.fingerprint in confirmed and not incident.confirmed
    room = awaited or not _full(incident, topology)
    return [ie.AlertJoined(incident.id, alert)] if room else []


def _full(incident: Incident, topology: Topology) -> bool:
    return len(incident.symptoms) >= _most(incident, topology)


def _most(incident: Incident, topology: Topology) -> int:
    return MOST_SYMPTOMS * max(1, breadth(incident.cause, topology))


def _in_footprint(incident: Incident, alert: Alert) -> bool:
    """Whether an action that is not settled yet explains the alert."""
    return incident.state in UNSETTLED and incident.attempts[-1].footprint.covers(alert.target)


def _may_end(incident: Incident) -> bool:
    """Whether an incident may become part of another: what is under way ends under its own name."""
    return incident.state not in UNSETTLED and not incident.marks and incident.escalation != DENIED


def _merged(other: Incident, into: Incident) -> list[ev.Event]:
    joined: list[ev.Event] = [ie.AlertJoined(into.id, one) for one in other.alerts]
    return [*joined, ie.IncidentClosed(other.id, MERGED, f"into incident {into.id}")]


def _merge(board: Told, outages: Outages, confirmed: frozenset[str]) -> Iterator[list[ev.Event]]:
    """Make one of incidents that turn out to be one trouble, once evidence has confirmed the deeper one."""
    for one in list(board.open):
        below = board.incidents[one.id]
        for above in _above(board, below.cause, outages) if _may_end(below) else ():
            most = _most(above, outages.topology)
            room = below.confirmed or len(above.symptoms) + len(below.alerts) <= most
            real = above.confirmed or above.cause.fingerprint in confirmed
            if real and room and outages.deeper(above.cause, below.cause):
                yield _merged(below, above)
                break


def _leave(board: Told, firing: set[str], outages: Outages) -> Iterator[list[ie.AlertLeft]]:
    """Let go of what fires on another node and is not explained any more, since somebody provides again."""
    for one in list(board.open):
        incident = board.incidents[one.id]
        if incident.state in UNSETTLED:
            continue
        gone = [
            ie.AlertLeft(incident.id, symptom)
            for symptom in incident.symptoms
            if symptom.target.node != incident.target.node
            and symptom.fingerprint in firing
            and may_lead(symptom, outages.topology)
            and outages.over(incident.cause, symptom)
        ]
        if gone:
            yield gone


def _open(
    board: Told,
    alert: Alert,
    outages: Outages,
    confirmed: frozenset[str],
    losses: Iterable[Alert],
) -> list[ev.Event]:
    ladder, topology = alert.label("heal"), outages.topology
    if alert.by_evidence:
        return _open_proved(board, alert, outages, confirmed, losses)
    if ladder in NO_LADDER:
        return []  # a person's from the start; Alertmanager tells them without us
    if ladder not in topology.ladders:
        if alert.fingerprint in board.refused:
            return []
        sentence = (
            f"{alert.name} asks for the ladder '{ladder[:100]}', which cluster.yml does not have."
        )
        return [ev.AlertRefused(alert, "unknown_ladder", sentence)]
    theirs = _theirs(alert, outages, losses)
    if theirs:
        return theirs if not board.is_before(alert) else []
    if any(alert.target.node in outages.unknown(loss) for loss in losses):
        return []  # whether it is theirs shows once somebody can tell
    # A closed episode is not opened again on the alert's word alone: see `recurring`. Nor is one more
    # of a node of which much is claimed and nothing is found true: see `left_out`.
    if alert.fingerprint not in confirmed and (
        alert.episode in board.closed_episodes or _crowded(board, alert.target.node, topology)
    ):
        return []
    return [ie.IncidentOpened(str(board.opened + 1), alert, ladder, topology.digest)]


def _open_proved(
    board: Told,
    alert: Alert,
    outages: Outages,
    confirmed: frozenset[str],
    losses: Iterable[Alert],
) -> list[ev.Event]:
    """Open what only evidence opens, unless a person closed it, or the loss that it is part of."""
    if alert.fingerprint not in confirmed or board.is_theirs(alert):
        return []
    theirs = _theirs(alert, outages, losses)
    if theirs:
        # A death is only left alone: once its node is heard of again it may lead what fires there.
        return theirs if alert.target.domain else []
    ladder, digest = alert.label("heal"), outages.topology.digest
    return [ie.IncidentOpened(str(board.opened + 1), alert, ladder, digest)]


def _theirs(alert: Alert, outages: Outages, losses: Iterable[Alert]) -> list[ev.Event]:
    """Return that an alert is a person's who closed the loss that explains it, and so knows of it."""
    found = (one for one in losses if outages.explains(one, alert))
    loss = next(found, None)
    return [] if loss is None else [ev.AlertSettled(alert, loss)]


def _crowded(board: Told, node: str, topology: Topology) -> bool:
    claimed = (one for one in board.on_node(node) if one.target.node == node and not one.confirmed)
    return sum(1 for _ in claimed) >= MOST_UNCONFIRMED + len(topology.services_on(node))
