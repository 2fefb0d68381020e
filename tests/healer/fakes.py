"""Stand-ins for what the healer needs from the outside, each behind its port in healer/ports.py.

They keep what they are told and break only where a test says so. Those that write share a diary, so that
order can be asserted.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from healer.adapters.codec import incident_of, kind_of
from healer.core.actions import Args
from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.events import Event, Pruned, Record
from healer.core.facts import Evidence, Reading
from healer.core.history import Going
from healer.core.look import (
    MACHINE,
    DatabaseLook,
    Look,
    MachineLook,
    Mark,
    MemberLook,
    PacemakerLook,
    UnitLook,
)
from healer.core.order import Ended, Order, Token
from healer.core.picture import NodeHealth, Picture, SeenMark
from healer.core.topology import Topology
from healer.errors import LeaseLost, OutcomeUnknown, StoreFull, Unreachable

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z, when every fake clock starts."""


@dataclass
class FakeClock:
    """Stands still until told; the wall and the uptime move together unless a test jumps one."""

    now: float = NOW
    up: float = 5000.0
    boot: str = "boot-1"

    def wall(self) -> float:
        return self.now

    def boottime(self) -> float:
        return self.up

    @property
    def boot_id(self) -> str:
        return self.boot

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.up += seconds

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)


@dataclass
class LoopClock(FakeClock):
    """Goes with the running loop, which under looptime costs nothing."""

    def wall(self) -> float:
        return self.now + asyncio.get_running_loop().time()

    def boottime(self) -> float:
        return self.up + asyncio.get_running_loop().time()


@dataclass
class FakeStore:
    """The journal in memory.

    Attributes:
        diary: One line for each append, shared with the other fakes.
        full: Nothing new is taken; what ends something still is, from the reserve.
        reserve_gone: Not even that.
        lost: Another healer has the lease.
        on_disk: Whether the history is; else it is in memory alone.
        reads: How many records each read gave.
        hinted: Bytes of hints that former lives wrote within the last 30 days.
        bytes: What its records take up.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    token: Token = field(default_factory=lambda: Token(1, 1, "store-1"))
    records: list[Record] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    full: bool = False
    reserve_gone: bool = False
    lost: bool = False
    on_disk: bool = True
    lease: float = 10.0
    seen: float | None = None
    reads: list[int] = field(default_factory=list)
    hinted: int = 0
    bytes: int = 0

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        if self.lost:
            raise LeaseLost("another healer took the lease")
        if self.reserve_gone or (self.full and not closing):
            raise StoreFull("no space left on device")
        new = [
            Record(
                (self.records[-1].seq if self.records else 0) + place,
                self.clock.wall(),
                self.clock.boot_id,
                self.clock.boottime(),
                event,
            )
            for place, event in enumerate(events, 1)
        ]
        self.records += new
        self.diary += [f"journal {type(event).__name__}" for event in events]
        return new

    async def read(
        self, after: int = 0, *, without: frozenset[str] = frozenset(), most: int | None = None
    ) -> list[Record]:
        newer = (record for record in self.records if record.seq > after)
        return self._given([one for one in newer if kind_of(type(one.event)) not in without], most)

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[Record]:
        newer = (record for record in self.records if record.seq > after)
        return self._given([one for one in newer if incident_of(one.event) == incident_id], most)

    def _given(self, found: list[Record], most: int | None) -> list[Record]:
        self.reads.append(len(found[:most]))
        return found[:most]

    async def hint_bytes(self, since: float) -> int:
        return self.hinted

    async def prune(self, going: Going) -> Record | None:
        if not going.seqs:
            return None
        told = Pruned(
            records=len(going.seqs),
            total=len(going.seqs),
            first_seq=going.seqs[0],
            last_seq=going.seqs[-1],
            succeeded=going.succeeded,
            failed=going.failed,
            opened=going.opened,
            episodes=going.episodes,
            gaps_sha256="",
        )
        (record,) = await self.append([told])
        self.records = [one for one in self.records if one.seq not in going.seqs]
        return record

    async def size(self) -> int:
        return self.bytes

    async def renew(self) -> None:
        if self.lost:
            raise LeaseLost("another healer took the lease")

    def lease_seconds(self) -> float:
        return 0.0 if self.lost else self.lease

    async def mark_seen(self, wall: float) -> None:
        self.seen = wall

    async def last_seen(self) -> float | None:
        return self.seen

    async def room(self) -> bool:
        return not (self.full or self.reserve_gone)

    def lasting(self) -> bool:
        return self.on_disk


@dataclass
class FakeCluster:
    """What is true on the nodes. FakePrometheus, FakeGates and FakeProbes look at it.

    Attributes:
        down: Services that do not serve.
        deaf: Nodes whose gate does not answer.
        dark: Nodes of which nobody hears anything, nor of their gates.
        drained: Marks of balancers, as (balancer, POOL/MEMBER).
        databases: As Patroni has them, by name; who is switched over leads at once.
        pacemakers: As Pacemaker has its clusters, by name; it does at once what it is asked for.
    """

    topology: Topology
    clock: FakeClock
    down: set[Target] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    dark: set[str] = field(default_factory=set)
    drained: set[tuple[str, str]] = field(default_factory=set)
    databases: dict[str, DatabaseLook] = field(default_factory=dict)
    pacemakers: dict[str, PacemakerLook] = field(default_factory=dict)

    def primaries(self) -> dict[str, dict[str, bool]]:
        """Who takes writes, by Patroni's name of the database and by node."""
        found = {}
        for name, look in self.databases.items():
            database = self.topology.databases[name]
            nodes = self.topology.groups[database.group].nodes
            found[database.scope] = {node: node == look.leader for node in nodes}
        return found

    def lead(self, name: str, node: str) -> None:
        """Let another member lead, on the next timeline."""
        look = self.databases[name]
        timeline = (look.timeline or 0) + 1
        members = {
            one: replace(member, role="replica", timeline=timeline, lag_bytes=0)
            for one, member in look.members.items()
        }
        members[node] = replace(members[node], role="leader", lag_bytes=None)
        self.databases[name] = replace(look, leader=node, timeline=timeline, members=members)

    def bar(self, name: str, node: str, *, barred: bool) -> None:
        """Let Patroni never make a member the leader, or let it again."""
        look = self.databases[name]
        members = {**look.members, node: replace(look.members[node], barred=barred)}
        self.databases[name] = replace(look, members=members)

    def stand_by(self, name: str, node: str, *, wanted: bool) -> None:
        """Let a node be in Pacemaker's standby, or no longer."""
        look = self.pacemakers[name]
        now = replace(look.nodes[node], standby=wanted, able=not wanted)
        self.pacemakers[name] = replace(look, nodes={**look.nodes, node: now})

    def forget(self, name: str, resource: str, node: str) -> None:
        """Let Pacemaker forget how a resource failed on a node, and run it there."""
        look = self.pacemakers[name]
        left = tuple(one for one in look.failures if (one.resource, one.node) != (resource, node))
        self.pacemakers[name] = replace(look, failures=left)
        self.down.discard(Target(node, self.topology.pacemakers[name].resources[resource]))

    def balanced(self, balancer: str, pool: str, member: str) -> bool:
        """Whether a balancer sends requests to a member."""
        service = self.topology.pools[pool].service
        return (balancer, f"{pool}/{member}") not in self.drained and self.serves(
            Target(member, service)
        )

    def serves(self, target: Target) -> bool:
        return target not in self.down

    def clean(self, target: Target) -> bool:
        """Whether Pacemaker counts no failure of what it runs as a service on a node."""
        named = {
            (cluster, resource)
            for cluster, one in self.topology.pacemakers.items()
            for resource, service in one.resources.items()
            if service == target.service
        }
        return not any(
            (failed.resource, failed.node) == (resource, target.node)
            for cluster, resource in named
            for failed in self.pacemakers[cluster].failures
        )

    def holds(self, node: str) -> bool:
        """Whether a node has every address that it is a candidate of: the first candidate has."""
        groups = (self.topology.groups[one.group] for one in self.topology.addresses.values())
        return any(group.nodes[0] == node for group in groups)


@dataclass
class FakePrometheus:
    """Answers from the cluster, or not at all.

    Attributes:
        fires: What `pending` answers.
        sample_age: How old every sample is, seconds.
        strange: Names of alerts that no rule has.
        marks: What exporters tell of marks.
        windows: How far the rules of alerts and series look back, seconds.
        hears: How it has a node, where that is not what is true of it.
        vanished: Of whom what the rules saw is not there any more, though their exporter answers.
        lingering: Names of alerts whose expression is true for their window after what they see is over, and until
            when.
        pictures: Of each picture that was asked for, whether with its services.
    """

    cluster: FakeCluster
    silent: bool = False
    strange: frozenset[str] = frozenset()
    hears: dict[str, NodeHealth] = field(default_factory=dict)
    fires: tuple[Alert, ...] = ()
    sample_age: float = 1.0
    marks: set[SeenMark] = field(default_factory=set)
    windows: dict[str, float] = field(default_factory=dict)
    lingering: dict[str, float] = field(default_factory=dict)
    vanished: set[Target] = field(default_factory=set)
    pictures: list[bool] = field(default_factory=list)
    hardware: dict[str, dict[str, str]] = field(default_factory=dict)
    booted: dict[str, float] = field(default_factory=dict)

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        reading = await self.reading(alert.target, metric)
        if alert.name in self.strange:
            return Evidence(None, reading)
        lingers = self.cluster.clock.wall() < self.lingering.get(alert.name, 0.0)
        sick = not self.cluster.serves(alert.target) and alert.target not in self.vanished
        return Evidence(lingers or sick, reading)

    async def still_told(self, alert: Alert) -> bool | None:
        self._answer()
        return alert.target not in self.vanished

    async def looks_back(self, names: Iterable[str]) -> dict[str, float]:
        self._answer()
        return {name: self.windows.get(name, 0.0) for name in names}

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        self._answer()
        now, told = self.cluster.clock.wall(), dict(labels)
        good = self.cluster.serves(target)
        if metric == "hale:pool_member_up":
            good = self.cluster.balanced(target.node, told["pool"], told["member"])
        elif metric == "hale_virtual_address_held":
            good = self.cluster.holds(target.node)
        elif metric == "hale:pacemaker_resource_clean":
            good = self.cluster.clean(target)
        elif metric in ("patroni_primary", "hale:database_member_good"):
            if "scope" not in told or target.service is not None:
                return Reading(None, None, now)  # no series has these labels
            databases = self.cluster.topology.databases.values()
            (service,) = (one.service for one in databases if one.scope == told["scope"])
            leads = self.cluster.primaries()[told["scope"]][target.node]
            runs = self.cluster.serves(Target(target.node, service))
            good = leads if metric == "patroni_primary" else runs
        return Reading(float(good), now - self.sample_age, now)

    async def picture(self, *, services: bool = True) -> Picture:
        self._answer()
        self.pictures.append(services)
        topology = self.cluster.topology
        ups = {
            Target(node, service.name): self.cluster.serves(Target(node, service.name))
            for node in topology.nodes.keys() - self.cluster.dark
            for service in topology.services_on(node).values()
        }
        nodes = {
            node: NodeHealth(node not in self.cluster.dark, node not in self.cluster.dark)
            for node in topology.nodes
        }
        held = {
            one.address: {
                node: self.cluster.holds(node) for node in topology.groups[one.group].nodes
            }
            for one in topology.addresses.values()
        }
        now, marks = self.cluster.clock.wall(), frozenset(self.marks)
        able = {
            address: dict.fromkeys(said.keys() - self.cluster.dark, True)
            for address, said in held.items()
        }
        shown, leads = ups if services else {}, self.cluster.primaries()
        return Picture(now, nodes | self.hears, shown, marks, held, able, leads)

    async def samples(self, node: str, names: str) -> list[tuple[Mapping[str, str], float]]:
        self._answer()
        if names == "node_boot_time_seconds":
            return [({"node": one}, at) for one, at in self.booted.items() if one == node]
        return [
            ({"__name__": name, "node": node, **labels}, 1.0)
            for name, labels in self.hardware.items()
            if re.fullmatch(names, name)
        ]

    async def pending(self) -> tuple[Alert, ...]:
        self._answer()
        return self.fires

    def _answer(self) -> None:
        if self.silent:
            raise Unreachable("prometheus: connection refused")


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


@dataclass
class FakeProbes:
    """Probes from outside the node; `blind` says that none can be made, `refuses` that none succeeds."""

    cluster: FakeCluster
    blind: bool = False
    refuses: bool = False

    async def serves(self, target: Target) -> bool | None:
        return None if self.blind else self.cluster.serves(target) and not self.refuses


@dataclass
class FakeSilences:
    """Silences at an Alertmanager.

    Attributes:
        standing: The node and the seconds of each, by name.
        silent: Nobody answers.
    """

    diary: list[str] = field(default_factory=list)
    standing: dict[str, tuple[str, float]] = field(default_factory=dict)
    silent: bool = False

    async def silence(self, name: str, node: str, reason: str, seconds: float) -> None:
        if self.silent:
            raise Unreachable("no Alertmanager took it")
        self.diary.append(f"silence {node}")
        self.standing[name] = (node, seconds)

    async def expire(self, name: str) -> None:
        if self.silent:
            raise Unreachable("no Alertmanager answered")
        self.diary.append(f"expire {name}")
        self.standing.pop(name, None)
