"""Alerts of a small tier, and what becomes of them."""

from dataclasses import replace

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.board import Board
from healer.core.causes import Outages
from healer.core.correlate import MOST_SYMPTOMS, correlate
from healer.core.topology import Topology
from healer.core.verdict import allow, hold
from tests.healer.core.world import World, alert, topology, with_databases

TOPOLOGY = topology()
NODE = alert("NodeDown", "web1", heal="none")
DISK = alert("DiskFailing", "web1", failure="disk")
FULL = alert("FilesystemBroken", "web1", failure="filesystem")
NGINX = alert("ServiceDown", "web1/nginx")
APP = alert("ServiceDown", "web1/app")
EXPORTER = alert("ExporterDown", "web1", heal="restart-exporter")
DB1, DB2 = alert(at="db1/db"), alert(at="db2/db")
SHORT = hold("capacity", "capacity", have=0, need=1, sentence="web is short.")


def explains(cause: Alert, other: Alert, cluster: Topology, *broken: Alert) -> bool:
    return Outages.seen(Board(), broken, cluster).explains(cause, other)


def changes(
    board: Board, *alerts: Alert, cluster: Topology = TOPOLOGY, true: bool = True
) -> list[ev.Event]:
    """Return what these alerts, found true on evidence or not, change first."""
    found = frozenset(one.fingerprint for one in alerts if true)
    return next(correlate(board, alerts, cluster, found), [])


def on(*alerts: Alert, world: World | None = None, cluster: Topology = TOPOLOGY) -> World:
    """Let alerts fire until nothing changes any more, as the engine does."""
    world = world or World()
    for _ in range(100):
        found = changes(world.board, *alerts, cluster=cluster)
        if not found:
            return world
        world.journal(*found)
    raise AssertionError("it does not come to an end")


def incidents(world: World) -> list[tuple[str, list[str]]]:
    """Return each open incident's cause and symptoms, as targets."""
    return [
        (str(one.cause.target), [str(symptom.target) for symptom in one.symptoms])
        for one in world.board.open
    ]


def tier(databases: int = 1) -> Topology:
    return with_databases(TOPOLOGY, databases)


def flooded(confirmed: bool, count: int = MOST_SYMPTOMS) -> World:
    """nginx has trouble, and so many others that explain nothing are its symptoms."""
    world = World()
    world.journal(ie.IncidentOpened("1", NGINX, "restart-service", "d1"))
    if confirmed:
        world.journal(ie.IncidentHeld("1", SHORT, (allow("still_true", have=1, need=1),)))
    odd = (replace(NGINX, fingerprint=f"odd{number}") for number in range(count))
    world.journal(*(ie.AlertJoined("1", one) for one in odd))
    return world
