"""Clusters for the simulation: described once, read by the healer as a topology and by the oracle as it stands here.

Rule: the oracle never asks the topology, so that a fault in how it is used is seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from healer.core.alert import Target
from healer.core.ladder import PERSON, Ladder, Mode, Rung, Verification
from healer.core.topology import (
    EXPORTER,
    Backup,
    Database,
    Group,
    Node,
    Numbers,
    Pool,
    Service,
    Stores,
    Topology,
    VirtualAddress,
)

MAX_LAG = 1000
"""Bytes by which a good copy of a database may be behind."""

NUMBERS = Numbers(
    evidence_age=6.0,
    watchdog_age=8.0,
    clock_jump=3.0,
    owner_settled=1.0,
    owner_settled_address=1.0,
    owner_settled_database=2.0,
    storm_window=30.0,
    storm_calm=4.0,
    full_look=3.0,
    common_cause_window=20.0,
    budget_node=4,
    budget_group=6,
    budget_cluster=9,
    budget_window=600.0,
    cooldown=4.0,
    flapping=3,
    flapping_window=120.0,
    approval_seconds=10.0,
)

TIGHT = replace(NUMBERS, budget_node=1, budget_group=2, budget_cluster=2)
"""An owner who lets little be done."""


LADDERS = ("restart-service", "reboot-node", "fence-node", "take-over", "database", "move-away")
"""Ladders that every cluster.yml here has, unless it was changed."""


@dataclass(frozen=True)
class Crew:
    """Nodes that stand in for each other, as cluster.yml has them."""

    nodes: tuple[str, ...]
    floor: int
    votes: bool = False
    control: bool = False
    mode: Mode = Mode.ACT


@dataclass(frozen=True)
class Job:
    """A service."""

    group: str
    needs: tuple[str, ...] = ()
    stores: bool = False
    exclusive: bool = False


OWNER = "olga"
"""Who may agree to what is for owners; everybody else is ann."""


@dataclass(frozen=True)
class Files:
    """What a backup may put back of a job, on each of its nodes.

    Attributes:
        rebuildable: Whether all of it can be made anew, so that no owner has to agree.
    """

    job: str
    rebuildable: bool


@dataclass(frozen=True)
class Site:
    """One cluster.

    Attributes:
        racks: The failure domain of each node.
        healers: Nodes that run one.
        pools: Balancers and members, as names of crews, with the job.
        rungs: Verbs that are tried on a service, in order; asks are those that need a yes.
        attempts: So often a restart is tried.
        addresses: Virtual ones, each with its crew of candidates.
        no_ladders: Those that cluster.yml does not have.
        fencing: Of each node that can be fenced, the hosts that can do it. What only one node may run starts by no
            boot there: it is ServiceRunsNowhere that has it started.
        backups: What gates may put back, by name.
        databases: The job of each, by name. Its members' alerts have ladders of their own.
    """

    name: str
    racks: Mapping[str, str]
    crews: Mapping[str, Crew]
    jobs: Mapping[str, Job]
    healers: tuple[str, ...]
    pools: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    rungs: tuple[str, ...] = ("service.restart",)
    asks: frozenset[str] = frozenset()
    attempts: int = 2
    no_ladders: frozenset[str] = frozenset()
    addresses: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    cluster: str = "sim"
    fencing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backups: Mapping[str, Files] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)

    @property
    def fencing_alerts(self) -> tuple[str, ...]:
        """Alerts with a ladder of their own where nodes can be fenced; what they tell of is no service's own state."""
        return ("NodeDown", "ServiceRunsNowhere") if self.fencing else ()

    def heals(self, place: Target) -> str:
        """The ladder of what fails at a place."""
        jobs = self.databases.values()
        if place.service is not None:
            return "database" if place.service in jobs else "restart-service"
        keeps = any(place.node in self.crews[self.jobs[one].group].nodes for one in jobs)
        return "move-away" if keeps else "reboot-node"

    def places(self) -> list[Target]:
        """Every service on each of its nodes."""
        return [
            Target(n, name) for name, job in self.jobs.items() for n in self.crews[job.group].nodes
        ]

    def lost_together(self) -> dict[str, list[str]]:
        """The nodes of every rack that has several, and no healer: one that is lost has nobody to tell of it."""
        found: dict[str, list[str]] = {}
        for node, rack in self.racks.items():
            found.setdefault(rack, []).append(node)
        return {
            rack: nodes
            for rack, nodes in found.items()
            if len(nodes) > 1 and not set(nodes) & set(self.healers)
        }

    def crews_of(self, node: str) -> set[str]:
        return {name for name, crew in self.crews.items() if node in crew.nodes}

    def jobs_on(self, node: str) -> list[str]:
        return [name for name, job in self.jobs.items() if node in self.crews[job.group].nodes]

    def stopped_with(self, job: str, node: str) -> set[str]:
        """What systemd stops together with a unit, itself included."""
        gone, here = {job}, self.jobs_on(node)
        for _ in here:
            gone |= {one for one in here if gone & set(self.jobs[one].needs)}
        return gone

    def has(self, target: Target, ladder: str) -> bool:
        """Whether cluster.yml has both, so that what is told of the one by the other is its healer's."""
        if target.domain:
            return target.domain in self.lost_together()
        here = target.service is None or target.service in self.jobs_on(target.node)
        return target.node in self.racks and here and ladder not in self.no_ladders

    def topology(self, own: str, numbers: Numbers, digest: str = "d1") -> Topology:
        proof = Verification("hale_service_up", 1.0, within_seconds=6.0, soak_seconds=1.0)
        drained = Verification("hale:pool_member_up", 0.0, within_seconds=6.0, soak_seconds=1.0)
        elsewhere = Verification(
            "hale_virtual_address_held", 0.0, within_seconds=6.0, soak_seconds=1.0
        )
        sick = Verification("node_sick", 0.0, within_seconds=12.0, soak_seconds=1.0)
        copies = Verification("database_member_good", 1.0, within_seconds=6.0, soak_seconds=1.0)
        follows = Verification("patroni_primary", 0.0, within_seconds=6.0, soak_seconds=1.0)
        silent = Verification("up", 0.0, within_seconds=12.0, soak_seconds=0.0)
        call = Rung(PERSON, None, False, 0.0, None, attempts=1, wait_seconds=0.0)

        def rung(verb: str, verify: Verification) -> Rung:
            fast = verb == "service.restart"
            return Rung(
                verb,
                None,
                fast,
                8.0,
                verify,
                self.attempts if fast else 1,
                1.0,
                approve=verb in self.asks,
            )

        proofs = {"pool.drain": drained, "address.decline": elsewhere}
        repair = (*(rung(verb, proofs.get(verb, proof)) for verb in self.rungs), call)
        ladders = {
            "restart-service": Ladder("restart-service", Mode.ACT, repair),
            "reboot-node": Ladder("reboot-node", Mode.ACT, (rung("node.reboot", sick), call)),
            "fence-node": Ladder("fence-node", Mode.ACT, (rung("node.fence", silent), call)),
            "take-over": Ladder("take-over", Mode.ACT, (rung("service.restart", proof), call)),
            "database": Ladder(
                "database",
                Mode.ACT,
                (rung("database.restart", copies), rung("database.reinit", copies), call),
            ),
            "move-away": Ladder(
                "move-away",
                Mode.ACT,
                (rung("database.switchover", follows), rung("database.bar", follows), call),
            ),
        }
        return Topology(
            cluster=self.cluster,
            nodes={name: Node(name, name, rack) for name, rack in self.racks.items()},
            groups={
                name: Group(name, one.nodes, one.floor, one.control, one.mode, votes=one.votes)
                for name, one in self.crews.items()
            },
            services={
                **{
                    name: Service(
                        name,
                        f"{name}.service",
                        one.group,
                        one.needs,
                        Stores.DATABASE
                        if name in self.databases.values()
                        else Stores.ONLY_COPY
                        if one.stores
                        else None,
                        exclusive=one.exclusive,
                    )
                    for name, one in self.jobs.items()
                },
                EXPORTER: Service(EXPORTER, "hale-exporter.service", None),
            },
            ladders={name: one for name, one in ladders.items() if name not in self.no_ladders},
            healer_mode=Mode.ACT,
            own_node=own,
            digest=digest,
            numbers=numbers,
            pools={
                name: Pool(name, balancers, members, job)
                for name, (balancers, members, job) in self.pools.items()
            },
            addresses={
                name: VirtualAddress(name, ip, crew) for name, (ip, crew) in self.addresses.items()
            },
            fencing={node: hosts for node, hosts in self.fencing.items() if node in self.racks},
            databases={
                name: Database(name, self.jobs[job].group, job, name, MAX_LAG)
                for name, job in self.databases.items()
                if job in self.jobs
            },
            backups={
                name: Backup(
                    name, self.crews[self.jobs[one.job].group].nodes, one.job, one.rebuildable
                )
                for name, one in self.backups.items()
                if one.job in self.jobs
            },
        )


def regrouped(topology: Topology, *, groups: bool, racks: bool) -> Topology:
    """Return the same cluster under other names, as a reload finds it; what is so on the nodes stays so."""

    def crew(name: str) -> str:
        return f"{name}-2" if groups else name

    return replace(
        topology,
        digest=f"d{2 + 2 * groups + racks}",
        nodes={
            name: replace(one, failure_domain=f"{one.failure_domain}-2") if racks else one
            for name, one in topology.nodes.items()
        },
        groups={crew(name): replace(one, name=crew(name)) for name, one in topology.groups.items()},
        services={
            name: replace(one, group=crew(one.group)) if one.group is not None else one
            for name, one in topology.services.items()
        },
        pools={
            name: replace(one, balancers=crew(one.balancers), members=crew(one.members))
            for name, one in topology.pools.items()
        },
        addresses={
            name: replace(one, group=crew(one.group)) for name, one in topology.addresses.items()
        },
        databases={
            name: replace(one, group=crew(one.group)) for name, one in topology.databases.items()
        },
    )


CONTROL = Crew(("mon1", "mon2"), 2, control=True, mode=Mode.EXPLAIN)
MONITORS = {"mon1": "rack-a", "mon2": "rack-b"}

TIER = Site(
    "tier",
    racks={
        **MONITORS,
        "lb1": "rack-c",
        "lb2": "rack-d",
        "web1": "rack-c",
        "web2": "rack-d",
        "web3": "rack-b",
    },
    crews={
        "control": CONTROL,
        "lb": Crew(("lb1", "lb2"), 1),
        "web": Crew(("web1", "web2", "web3"), 2),
    },
    jobs={"haproxy": Job("lb"), "nginx": Job("web"), "app": Job("web", ("nginx",))},
    healers=("mon1", "mon2"),
    pools={"web": ("lb", "web", "nginx")},
    rungs=("service.restart", "pool.drain", "address.decline"),
    addresses={"front": ("192.0.2.1", "lb"), "back": ("192.0.2.2", "lb")},
)

VOTERS = Site(
    "voters",
    racks={**MONITORS, "db1": "rack-a", "db2": "rack-b", "db3": "rack-c", "spare": "rack-c"},
    crews={
        "control": CONTROL,
        "db": Crew(("db1", "db2", "db3"), 1, votes=True),
        "careful": Crew(("spare",), 0, mode=Mode.APPROVE),
    },
    jobs={"etcd": Job("db"), "batch": Job("careful")},
    healers=("mon1", "mon2"),
    rungs=("service.restart", "node.reboot"),
)

MIXED = Site(
    "mixed",
    racks={**MONITORS, "n1": "rack-c", "n2": "rack-c", "n3": "rack-b", "n4": "rack-d"},
    crews={
        "control": CONTROL,
        "api": Crew(("n1", "n2", "n3"), 2),
        "cache": Crew(("n2", "n3", "n4"), 2),
        "share": Crew(("n1", "n4"), 0),
        "safe": Crew(("n4",), 0),
        "quiet": Crew(("n3",), 0, mode=Mode.EXPLAIN),
    },
    jobs={
        "web": Job("api"),
        "redis": Job("cache"),
        "disk": Job("share", exclusive=True),
        "vault": Job("safe", stores=True),
        "log": Job("quiet"),
    },
    healers=("mon1", "mon2"),
    rungs=("service.restart", "node.reboot"),
    asks=frozenset({"node.reboot"}),
)

PAIR = Site(
    "pair",
    racks={
        **MONITORS,
        "s1": "rack-c",
        "s2": "rack-d",
        "n1": "rack-e",
        "n2": "rack-e",
    },
    crews={
        "control": CONTROL,
        "store": Crew(("s1", "s2"), 0),
        "api": Crew(("n1", "n2"), 1),
    },
    jobs={"share": Job("store", exclusive=True), "web": Job("api")},
    healers=("mon1", "mon2"),
    fencing={"s1": ("mon1", "mon2"), "s2": ("mon2", "mon1")},
)

FILES = Site(
    "files",
    racks={**MONITORS, "w1": "rack-c", "w2": "rack-c", "w3": "rack-d", "k1": "rack-d"},
    crews={
        "control": CONTROL,
        "web": Crew(("w1", "w2", "w3"), 1),
        "book": Crew(("k1",), 0),
    },
    jobs={"nginx": Job("web"), "wiki": Job("book")},
    healers=("mon1", "mon2"),
    rungs=("files.restore", "service.restart"),
    attempts=1,
    backups={"site": Files("nginx", rebuildable=True), "wiki": Files("wiki", rebuildable=False)},
)

COPIES = Site(
    "copies",
    racks={
        **MONITORS,
        "p1": "rack-c",
        "p2": "rack-d",
        "p3": "rack-e",
        "n1": "rack-f",
        "n2": "rack-f",
    },
    crews={
        "control": CONTROL,
        "db": Crew(("p1", "p2", "p3"), 1),
        "api": Crew(("n1", "n2"), 1),
    },
    jobs={"postgres": Job("db"), "web": Job("api")},
    healers=("mon1", "mon2"),
    databases={"main": "postgres"},
)

SITES = (TIER, VOTERS, MIXED, PAIR, FILES, COPIES)


def drawn(seed: int) -> tuple[Site, Numbers]:
    """The cluster and the numbers of a seed."""
    return SITES[seed % len(SITES)], TIGHT if seed % 7 == 0 else NUMBERS
