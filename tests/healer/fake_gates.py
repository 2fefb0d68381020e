"""Gates of a made-up cluster, which do what they are told at once or break as a test says."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.look import (
    MACHINE,
    Look,
    MachineLook,
    Mark,
    MemberLook,
    UnitLook,
)
from healer.core.order import Ended, Order
from healer.errors import OutcomeUnknown, Unreachable
from tests.healer.fake_cluster import FakeCluster


@dataclass
class FakeGates:
    """Gates that do what they are told at once: a restarted service serves.

    Attributes:
        token: The highest that they have obeyed.
        orders: What they were told.
        looks: Whom they said hello to, and what they were asked for.
        cures: Whether a restart helps.
        ended: How they say that a verb ended.
        pause: What a verb waits for after it began.
        mute: They do what they are told, and the end is never heard.
        running: Settle says that it still runs.
        invocation, age: What they see of each unit; seconds since its last change.
        holds: Set on the nodes themselves.
        refuse: How they decline a verb, by the verb.
        kept: Where a person took a member out as well, as (balancer, pool/member).
        marks: What they say that they keep away, by node.
        machines: What they say that their machine is, by node.
        stuck: Where a member cannot be given back, as for kept.
        off: Nodes whose power is cut.
    """

    cluster: FakeCluster
    diary: list[str] = field(default_factory=list)
    token: tuple[int, int] | None = None
    orders: list[Order] = field(default_factory=list)
    looks: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    cures: bool = True
    ended: Ended = field(default_factory=lambda: Ended(Outcome.DONE, "restarted", ""))
    pause: asyncio.Event | None = None
    mute: bool = False
    running: bool = False
    invocation: str = "i1"
    age: float = 60.0
    holds: tuple[str, ...] = ()
    refuse: dict[str, str] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)
    stuck: set[tuple[str, str]] = field(default_factory=set)
    marks: dict[str, tuple[Mark, ...]] = field(default_factory=dict)
    machines: dict[str, MachineLook] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)

    async def look(self, node: str, names: Sequence[str]) -> Look:
        self._reach(node)
        self.looks.append((node, tuple(names)))
        return Look(
            cluster=self.cluster.topology.cluster,
            node=node,
            boot_id="boot-1",
            ledger_id="ledger-1",
            highest_token=self.token,
            holds=self.holds,
            units={name: self._unit(node, name) for name in names},
            pools={
                name.removeprefix("pool:"): self._pool(node, name.removeprefix("pool:"))
                for name in names
                if name.startswith("pool:")
            },
            addresses={name: self.cluster.holds(node) for name in self.cluster.topology.addresses},
            disks={name: "/dev/sdb1" for name in names if name.startswith("/")},
            databases={
                name.removeprefix("database:"): self.cluster.databases.get(
                    name.removeprefix("database:")
                )
                for name in names
                if name.startswith("database:")
            },
            pacemakers={
                name.removeprefix("pacemaker:"): self.cluster.pacemakers.get(
                    name.removeprefix("pacemaker:")
                )
                for name in names
                if name.startswith("pacemaker:")
            },
            places={
                name.removeprefix("place:"): self.cluster.homeless.get(node, ())
                for name in names
                if name.startswith("place:")
            },
            marks=self.marks.get(node, ()),
            machine=self.machines.get(node) if MACHINE in names else None,
            powers={
                name.removeprefix("power:"): "off"
                if name.removeprefix("power:") in self.off
                else "on"
                for name in names
                if name.startswith("power:")
            },
        )

    async def act(self, order: Order) -> Ended:
        self._reach(order.node)
        told = " ".join(value for name, value in order.args if name != "owner")
        self.diary.append(f"gate {order.node} {order.verb} {told}".rstrip())
        self.orders.append(order)
        if order.verb in self.refuse:
            return Ended(Outcome.REFUSED, self.refuse[order.verb], "as the test says")
        if self.pause is not None:
            await self.pause.wait()
        if order.verb == "pool.return" and _marked(order) in self.stuck:
            return Ended(Outcome.FAILED, "not_returned", "haproxy does not run")
        if order.verb == "pool.return" and _marked(order) in self.kept:
            return Ended(Outcome.DONE, "still_marked", "drain for person:unknown")
        self._mark(order)
        if self.cures:
            unit = dict(order.args).get("unit")
            known = self.cluster.topology.services
            cured = {name for name, one in known.items() if one.unit == unit}
            self.cluster.down -= {Target(order.node, name) for name in cured}
        if self.mute:
            raise OutcomeUnknown(f"{order.node}: the session ended")
        return self.ended

    async def settle(self, node: str, action_id: str, ledger_id: str) -> Ended | None:
        self._reach(node)
        self.diary.append(f"settle {node} {action_id}")
        if not any(order.action_id == action_id for order in self.orders):
            return Ended(Outcome.NOT_SENT, "voided", "")
        return None if self.running else self.ended

    def _reach(self, node: str) -> None:
        if node in self.cluster.deaf | self.cluster.dark:
            raise Unreachable(f"{node}: no route to host")

    def _mark(self, order: Order) -> None:
        told = dict(order.args)
        if order.verb == "node.lock":
            lock = Mark("node.lock", order.node, (told["owner"],), True)
            self.marks[order.node] = (*self.marks.get(order.node, ()), lock)
        elif order.verb == "node.unlock":
            left = (
                one for one in self.marks.get(order.node, ()) if told["owner"] not in one.owners
            )
            self.marks[order.node] = tuple(left)
        if order.verb == "node.fence":
            fence = Mark("node.fence", told["node"], (told["owner"],), None)
            self.marks[order.node] = (*self.marks.get(order.node, ()), fence)
            self.off.add(told["node"])
        elif order.verb == "node.unfence":
            self.marks[order.node] = ()
            self.off.discard(told["node"])
        if order.verb == "pool.drain":
            self.cluster.drained.add(_marked(order))
        elif order.verb == "pool.return":
            self.cluster.drained.discard(_marked(order))
        elif order.verb == "database.switchover":
            self.cluster.lead(told["database"], told["candidate"])
            self.cluster.bar(told["database"], order.node, barred="owner" in told)
        elif order.verb == "sentinel.failover":
            members = self.cluster.databases[told["database"]].members
            next_one = next(one for one in members if one != order.node)
            self.cluster.lead(told["database"], next_one)
        elif order.verb in ("database.bar", "database.admit"):
            barred = order.verb == "database.bar"
            self.cluster.bar(told["database"], order.node, barred=barred)
        elif order.verb == "pacemaker.cleanup":
            self.cluster.forget(told["pacemaker"], told["resource"], order.node)
        elif order.verb in ("pacemaker.standby", "pacemaker.unstandby"):
            wanted = order.verb == "pacemaker.standby"
            self.cluster.stand_by(told["pacemaker"], order.node, wanted=wanted)
        elif order.verb == "database.reinit":
            service = self.cluster.topology.databases[dict(order.args)["database"]].service
            self.cluster.down.discard(Target(order.node, service))

    def _pool(self, node: str, pool: str) -> dict[str, MemberLook]:
        members = self.cluster.topology.groups[self.cluster.topology.pools[pool].members].nodes
        out = {one for one in members if (node, f"{pool}/{one}") in self.cluster.drained}
        return {
            one: MemberLook("drain" if one in out else "ready", "up", sessions=0) for one in members
        }

    def _unit(self, node: str, name: str) -> UnitLook | None:
        services = self.cluster.topology.services_on(node).values()
        service = next((one for one in services if one.unit == name), None)
        if service is None:
            return None
        state = "active" if self.cluster.serves(Target(node, service.name)) else "failed"
        return UnitLook(name, "loaded", state, state, "success", self.invocation, 0, self.age, ())


def _marked(order: Order) -> tuple[str, str]:
    told = dict(order.args)
    return order.node, f"{told.get('pool')}/{told.get('member')}"
