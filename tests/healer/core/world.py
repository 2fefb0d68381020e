"""A cluster in a test's hands: what is true of it, and what the healer is told.

No clock and no I/O: the tests say what time it is. All is well unless a test says otherwise.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from healer.core import events as ev
from healer.core.alert import Alert, Target
from healer.core.board import Board
from healer.core.facts import Evidence, Facts, Reading, Standing
from healer.core.incident import Incident
from healer.core.ladder import PERSON, Ladder, Mode, Rung, Verification
from healer.core.look import DatabaseLook, Heard, Look, Mark, UnitLook
from healer.core.picture import NodeHealth, Picture
from healer.core.topology import EXPORTER, Group, Node, Numbers, Service, Topology

NOW = 1_800_000_000.0
VERIFY = Verification("hale_service_up", 1.0, within_seconds=20.0, soak_seconds=3.0)
RESTART = Rung("service.restart", None, True, 30.0, VERIFY, attempts=2, wait_seconds=5.0)
VIP = "10.0.0.100"
CALL = Rung(PERSON, None, False, 0.0, None, attempts=1, wait_seconds=0.0)


def topology(*, floor: int = 1, mode: Mode = Mode.ACT, web: int = 3, **numbers: float) -> Topology:
    """mon1 watches; web1, web2, ... serve nginx, each in a failure domain of its own."""
    webs = tuple(f"web{number}" for number in range(1, web + 1))
    exporter_rung = replace(RESTART, service=EXPORTER, fast=False)
    return Topology(
        cluster="first",
        nodes={
            name: Node(name, f"10.0.0.{index}", f"rack-{index}")
            for index, name in enumerate(("mon1", *webs))
        },
        groups={
            "control": Group("control", ("mon1",), 0, control=True, mode=mode),
            "web": Group("web", webs, floor, control=False, mode=mode),
        },
        services={
            "nginx": Service("nginx", "nginx.service", "web"),
            "app": Service("app", "app.service", "web", depends_on=("nginx",)),
            EXPORTER: Service(EXPORTER, "hale-exporter.service", None),
        },
        ladders={
            "restart-service": Ladder("restart-service", mode, (RESTART, CALL)),
            "restart-exporter": Ladder("restart-exporter", mode, (exporter_rung, CALL)),
        },
        healer_mode=mode,
        own_node="mon1",
        digest="d1",
        numbers=replace(Numbers(), **numbers),  # type: ignore[arg-type]
    )


def with_databases(plain: Topology, count: int) -> Topology:
    """The app needs a database too, which db1, db2, ... of one rack provide."""
    names = tuple(f"db{number}" for number in range(1, count + 1))
    services = {
        "db": Service("db", "postgresql.service", "db"),
        "app": replace(plain.services["app"], depends_on=("nginx", "db")),
    }
    group = Group("db", names, 0, control=False, mode=plain.healer_mode)
    return replace(
        plain,
        nodes={**plain.nodes, **{name: Node(name, name, "rack-9") for name in names}},
        groups={**plain.groups, "db": group},
        services={**plain.services, **services},
    )


def glance(
    *, serving: Iterable[Target] = (), missed: Iterable[str] = (), present: Iterable[str] = ()
) -> Picture:
    """One look at the cluster; of other nodes it says nothing."""
    gone, here = NodeHealth(False, False), NodeHealth(True, True)
    nodes = dict.fromkeys(missed, gone) | dict.fromkeys(present, here)
    return Picture(NOW, nodes, dict.fromkeys(serving, True))


def alert(
    name: str = "ServiceDown",
    at: str = "web1/nginx",
    *,
    began: float = NOW,
    heal: str = "restart-service",
    cluster: str = "first",
    **extra: str,
) -> Alert:
    node, _, service = at.partition("/")
    labels = {
        "alertname": name,
        "cluster": cluster,
        "node": node,
        "group": "web",
        "failure_domain": f"rack-{node[-1:]}",
        "service": service,
        "severity": "critical",
        "heal": heal,
    } | extra
    pairs = tuple(sorted((key, value) for key, value in labels.items() if value))
    return Alert(f"{name}:{at}:{cluster}", name, pairs, began)


@dataclass
class World:
    """What is true now. Tests change it and ask for the facts about one incident."""

    topology: Topology = field(default_factory=topology)
    now: float = NOW
    down: set[Target] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    dark: set[str] = field(default_factory=set)
    slow: set[Target] = field(default_factory=set)
    holders: dict[str, bool] = field(default_factory=dict)
    fenced: dict[str, str] = field(default_factory=dict)
    powers: dict[str, str] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    unit_state: str = "failed"
    unit_age: float | None = 60.0
    gate: str = "answers"
    gate_holds: tuple[str, ...] = ()
    prometheus: bool = True
    sample_age: float = 1.0
    outside: bool | None = None
    told: bool | None = True
    databases: dict[str, DatabaseLook] = field(default_factory=dict)
    primaries: dict[str, dict[str, bool]] = field(default_factory=dict)
    standing: Standing = field(
        default_factory=lambda: Standing(
            leader=True,
            watchdog_age=1.0,
            clock_jumped=False,
            frozen=(),
            sight_complete=True,
            armed_at=NOW - 3600,
            pre_existing=frozenset(),
        )
    )
    board: Board = field(default_factory=Board)
    seq: int = 0

    def journal(self, *events: ev.Event) -> None:
        for event in events:
            self.seq += 1
            self.board.apply(ev.Record(self.seq, self.now, "boot", self.now, event))

    def facts(self, incident: Incident) -> Facts:
        picture = evidence = None
        if self.prometheus:
            picture, evidence = self.picture(), self._evidence(incident)
        return Facts(
            now=self.now,
            topology=self.topology,
            standing=self.standing,
            evidence=evidence,
            told=self.told,
            gates={
                node: Heard(self._look(node), "no route to host") for node in self.topology.nodes
            },
            picture=picture,
            outside=self.outside,
            running=self.board.running(self.topology, besides=incident.id),
            past=tuple(self.board.past),
            alike=self.board.alike(incident),
        )

    def look(self) -> None:
        """Take in how the cluster looks, as the engine does once a cycle."""
        picture = self.picture() if self.prometheus else None
        weather = self.standing.weather.after(picture, self.topology)
        holders = self.standing.holders.after(picture, self.topology)
        self.standing = replace(self.standing, weather=weather, holders=holders)

    def picture(self) -> Picture:
        """The cluster as Prometheus shows it."""
        nodes = {
            name: NodeHealth(name not in self.dark, name not in self.dark)
            for name in self.topology.nodes
            if name not in self.unknown
        }
        services = {
            Target(node, service.name): Target(node, service.name) not in self.down
            for service in self.topology.services.values()
            if service.group
            for node in self.topology.groups[service.group].nodes
            if node not in self.unknown | self.dark
        }
        held = {VIP: self.holders} if self.holders else {}
        able = {
            one.address: {
                node: node not in self.faulty
                for node in self.topology.groups[one.group].nodes
                if node not in self.unknown | self.dark
            }
            for one in self.topology.addresses.values()
        }
        return Picture(
            self.now,
            nodes,
            services,
            addresses=held,
            candidates=able,
            primaries=self.primaries,
        )

    def _evidence(self, incident: Incident) -> Evidence:
        firing = incident.target in self.down
        reading = Reading(float(not firing), self.now - self.sample_age, self.now)
        return Evidence(firing, reading)

    def _look(self, node: str) -> Look | None:
        if self.gate == "silent" or node in self.dark:
            return None
        units = {}
        for service in self.topology.services.values():
            dead = Target(node, service.name) in self.down or service.name == EXPORTER
            dead = dead and Target(node, service.name) not in self.slow
            state = self.unit_state if dead else "active"
            units[service.unit] = UnitLook(
                unit=service.unit,
                load_state="loaded",
                active_state=state,
                sub_state=state,
                result="signal" if dead else "success",
                invocation_id="i1",
                restarts=0,
                age_seconds=self.unit_age,
                reverse_dependencies=("app.service",) if service.name == "nginx" else (),
            )
        says = "web9" if self.gate == "other" else node
        marks = tuple(
            Mark("node.fence", one, ("incident:1",), None)
            for one, host in self.fenced.items()
            if host == node
        )
        powers = {one: state for one, state in self.powers.items() if self._fences(node, one)}
        return Look(
            *("first", says, "boot-1", "ledger-1", None, self.gate_holds, units),
            marks=marks,
            powers=powers,
            databases=self.databases,
        )

    def _fences(self, host: str, node: str) -> bool:
        return host in self.topology.fencing.get(node, ())
