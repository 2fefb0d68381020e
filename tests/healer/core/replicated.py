"""A cluster with the database `main`: db1 leads, db2 and db3 copy it, each in a failure domain of its own."""

from dataclasses import replace
from typing import Any

from healer.core.ladder import Ladder, Mode, Rung, Verification
from healer.core.look import DatabaseLook, DatabaseMember
from healer.core.topology import Database, Group, Node, Service, Stores, Topology
from tests.healer.core.world import CALL, VERIFY, World, topology

NODES = ("db1", "db2", "db3")
NOT_LEADING = Verification("patroni_primary", 0.0, within_seconds=20.0, soak_seconds=3.0)


def _rung(action: str, proof: Verification = VERIFY) -> Rung:
    return Rung(action, None, False, 120.0, proof, attempts=1, wait_seconds=0.0)


def with_main(plain: Topology, mode: Mode = Mode.ACT, *, sentinel: bool = False) -> Topology:
    """Add the database and its ladders; as Redis, Sentinel is its owner."""
    nodes = {name: Node(name, name, f"rack-{name}") for name in NODES}
    group = Group("db", NODES, 1, control=False, mode=mode)
    postgres = Service("postgres", "patroni.service", "db", stores=Stores.DATABASE)
    rungs = {
        "database": (_rung("database.restart"), _rung("database.reinit"), CALL),
        "move-away": (
            _rung("database.switchover", NOT_LEADING),
            _rung("database.bar", NOT_LEADING),
            _rung("sentinel.failover", NOT_LEADING),
            CALL,
        ),
        "reboot-node": (_rung("node.reboot"), CALL),
    }
    ladders = {name: Ladder(name, mode, each) for name, each in rungs.items()}
    return replace(
        plain,
        nodes={**plain.nodes, **nodes},
        groups={**plain.groups, "db": group},
        services={**plain.services, "postgres": postgres},
        ladders={**plain.ladders, **ladders},
        databases={
            "main": Database(
                "main", "db", "postgres", "" if sentinel else "main", 1024 * 1024, sentinel
            )
        },
    )


def whole() -> DatabaseLook:
    """The database when all is well."""
    copy = DatabaseMember("replica", "running", 4, 0, barred=False)
    leader = replace(copy, role="leader", lag_bytes=None)
    members = {"db1": leader, "db2": copy, "db3": copy}
    return DatabaseLook("db1", 4, paused=False, synchronous=False, members=members)


def replicated(mode: Mode = Mode.ACT, *, sentinel: bool = False, **numbers: float) -> World:
    """A world with it, in which who leads has led for long."""
    world = World(topology=with_main(topology(mode=mode, **numbers), mode, sentinel=sentinel))
    world.databases["main"] = whole()
    _told(world)
    for _ in range(2):
        world.look()
        world.now += 60
    world.look()
    return world


def lead(world: World, node: str | None) -> None:
    """Let another member lead, or nobody; all others follow it."""
    look = world.databases["main"]
    if node is None:
        world.databases["main"] = replace(look, leader=None, timeline=None)
    else:
        timeline = (look.timeline or 0) + 1
        copy = DatabaseMember("replica", "running", timeline, 0, barred=False)
        members = {name: replace(copy, barred=look.members[name].barred) for name in NODES}
        members[node] = replace(members[node], role="leader", lag_bytes=None)
        world.databases["main"] = replace(look, leader=node, timeline=timeline, members=members)
    _told(world)


def member(world: World, node: str, **changes: Any) -> None:
    """Change one member."""
    look = world.databases["main"]
    members = {**look.members, node: replace(look.members[node], **changes)}
    world.databases["main"] = replace(look, members=members)


def _told(world: World) -> None:
    leader = world.databases["main"].leader
    scope = world.topology.databases["main"].scope
    world.primaries = {scope: {name: name == leader for name in NODES}}
