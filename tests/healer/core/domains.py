"""Racks with nodes in them, what fires when they are lost, and what becomes of it."""

from collections.abc import Iterable
from dataclasses import replace

from healer.core.alert import DOMAIN_LOSS, Alert
from healer.core.correlate import correlate
from healer.core.topology import Node, Topology
from tests.healer.core.world import NOW, World, alert, glance, topology

RACKS = {"mon1": "rack-0", "web1": "rack-a", "web2": "rack-a", "web3": "rack-b", "web4": "rack-b"}


def racks(named: dict[str, str] | None = None, **wider: set[str]) -> Topology:
    """web1 and web2 stand in rack-a, web3 and web4 in rack-b, mon1 alone."""
    plain = topology(web=4)
    nodes = {one: Node(one, one, rack) for one, rack in (RACKS | (named or {})).items()}
    return replace(
        plain, nodes=nodes, wider={name: frozenset(ones) for name, ones in wider.items()}
    )


def lost(domain: str = "rack-a", began: float = NOW) -> Alert:
    labels = {
        "alertname": DOMAIN_LOSS,
        "cluster": "first",
        "failure_domain": domain,
        "severity": "critical",
        "heal": "none",
    }
    return Alert(f"lost:{domain}", DOMAIN_LOSS, tuple(sorted(labels.items())), began)


def down(node: str) -> Alert:
    return alert("NodeDown", node, heal="none")


def exporter(node: str) -> Alert:
    return alert("ExporterDown", node, heal="restart-exporter")


def told(
    world: World,
    *alerts: Alert,
    true: bool = True,
    present: Iterable[str] = ("mon1",),
    missed: Iterable[str] | None = None,
) -> World:
    """Let alerts fire until nothing changes any more, each found true on evidence or not.

    Every node that is not present is missed, unless others are named.
    """
    found = frozenset(one.fingerprint for one in alerts if true)
    gone = world.topology.nodes.keys() - set(present) if missed is None else missed
    seen = glance(missed=gone, present=present)
    for _ in range(200):
        changes = correlate(world.board, alerts, world.topology, found, seen)
        first = next(changes, [])
        if not first:
            return world
        world.journal(*first)
    raise AssertionError("it does not come to an end")


def incidents(world: World) -> list[tuple[str, list[str]]]:
    """Return each open incident's target and those of its symptoms."""
    return [
        (str(one.target), sorted(str(symptom.target) for symptom in one.symptoms))
        for one in world.board.open
    ]


ALL = (lost(), down("web1"), down("web2"), exporter("web1"), alert(at="web2/nginx"))
