"""What stands in for the node in tests that run in one process: clocks, systemd, a peer.

They share a diary, so that the order in which things happened can be asserted.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from gate.child import Hung
from gate.clock import NANO
from gate.config import Config
from gate.database_rule import DatabaseRule
from gate.haproxy import NotRunning, Server, Sight, Unanswered
from gate.holds import Holds
from gate.ledger import Ledger
from gate.ledgers import Ledgers
from gate.listed import AddressRule, PoolRule, ReclaimRule, UnitRule
from gate.machine import Machine
from gate.marks import Marks
from gate.mounts import Mount, Unmeasurable, Usage
from gate.nonce import Nonce
from gate.process import Ran
from gate.reclaim import Freed
from gate.run_lock import RunLock
from gate.sentinel import RedisSentinel, Sentinel
from gate.session import Session
from gate.units import Unit, Unreadable
from gate.verb import Node
from tests.gate.fake_patroni import FakePatroni

NGINX = Unit(
    id="nginx.service",
    load_state="loaded",
    active_state="failed",
    sub_state="failed",
    result="signal",
    invocation_id="a" * 32,
    restarts=3,
    changed_at=1_000_000,
    required_by=(),
)


@dataclass
class FakeClock:
    """Clocks that stand still until told otherwise. Booted 1000 s ago, on 2026-01-02."""

    boot: int = 1000 * NANO
    utc: int = 1_767_323_045 * NANO
    boots: int = 1

    def boottime(self) -> int:
        return self.boot

    def monotonic(self) -> int:
        return self.boot

    def wall(self) -> int:
        return self.utc

    def boot_id(self) -> uuid.UUID:
        return uuid.UUID(int=self.boots)

    def booted(self) -> int:
        return 0

    def sleep(self, seconds: float) -> None:
        self.pass_seconds(seconds)

    def pass_seconds(self, seconds: float) -> None:
        self.boot += int(seconds * NANO)
        self.utc += int(seconds * NANO)

    def reboot(self) -> None:
        self.boots += 1
        self.boot = 5 * NANO
        self.utc += 60 * NANO


@dataclass
class FakeSystemd:
    """Units in a table.

    `next_restart` says what a restart does: works, fails, hangs, dies, lies; `during` happens in it,
    and `while_shown` in each look.
    """

    diary: list[str]
    clock: FakeClock
    units: dict[str, Unit] = field(default_factory=dict)
    next_restart: str = "works"
    during: Callable[[], object] = lambda: None
    while_shown: Callable[[], object] = lambda: None
    readable: bool = True
    started: int = 0

    def show(self, names: tuple[str, ...]) -> tuple[Unit, ...]:
        self.while_shown()
        if not self.readable:
            raise Unreadable("no answer from systemd")
        return tuple(self.units[name] for name in names)

    def reset_failed(self, name: str, seconds: float) -> Ran:
        self.diary.append(f"reset-failed {name}")
        return Ran(0, b"")

    def reload(self, name: str, seconds: float) -> Ran:
        self.diary.append(f"reload {name}")
        self.during()
        return (
            Ran(1, b"Job for nginx.service failed.\n")
            if self.next_restart == "fails"
            else Ran(0, b"")
        )

    def reboot(self, seconds: float) -> Ran:
        self.diary.append("reboot")
        self.during()
        match self.next_restart:
            case "hangs":
                return Ran(None, b"")
            case "fails":
                return Ran(1, b"Operation inhibited\n")
        return Ran(0, b"")

    def restart(self, name: str, seconds: float) -> Ran:
        self.diary.append(f"restart {name}")
        self.during()
        match self.next_restart:
            case "hangs":
                self.clock.pass_seconds(seconds)
                return Ran(None, b"")
            case "dies":
                return Ran(-9, b"")
            case "fails":
                return Ran(1, b"Job for nginx.service failed.\n")
            case "lies":
                return Ran(0, b"")
        self.started += 1
        self.units[name] = replace(
            self.units[name],
            active_state="active",
            sub_state="running",
            result="success",
            invocation_id=f"{self.started:032x}",
            changed_at=self.clock.monotonic() // 1000,
        )
        return Ran(0, b"")


@dataclass
class Programs:
    """Runs no program; answers what a configuration check would, while `during` happens."""

    diary: list[str]
    answer: Ran = field(default_factory=lambda: Ran(0, b""))
    during: Callable[[], object] = lambda: None

    def __call__(
        self, argv: tuple[str, ...], seconds: float, keep: int = 0, told: bytes = b""
    ) -> Ran:
        self.diary.append(" ".join(argv))
        self.during()
        return self.answer


@dataclass
class FakeBalancer:
    """One HAProxy with the servers of the pool `web`, all up and ready.

    Attributes:
        admin, operational: By server.
        answers: `no` for a wedged one, `off` for one that is not there, `stubborn` for one that keeps its state.
        worker: Its pid; a reload is another one, which has forgotten what was set.
    """

    diary: list[str]
    admin: dict[str, str] = field(default_factory=dict)
    operational: dict[str, str] = field(default_factory=dict)
    answers: str = "yes"
    worker: int = 100
    members: tuple[str, ...] = ("web1", "web2", "web3")
    while_set: Callable[[], object] = lambda: None

    def look(self, path: str) -> Sight:
        if self.answers == "off":
            raise NotRunning(f"{path}: no such file")
        if self.answers == "no":
            raise Unanswered(f"{path}: no answer within 2 s")
        return Sight(self.worker, False, "1\n# be_id\n", self._servers(), "")

    def set_state(self, path: str, backend: str, server: str, state: str) -> Sight:
        self.look(path)
        self.diary.append(f"set {backend}/{server} {state}")
        if self.answers != "stubborn":
            self.admin[server] = state
        self.while_set()
        return self.look(path)

    def reload(self) -> None:
        self.worker += 1
        self.admin.clear()

    def _servers(self) -> dict[tuple[str, str], Server]:
        return {
            ("web", name): Server(
                admin=self.admin.get(name, "ready"),
                operational=self.operational.get(name, "up"),
                sessions=0,
                forced_maint=self.admin.get(name) == "maint",
                forced=self.admin.get(name, "ready") != "ready",
                line=f"1 web 1 {name}",
            )
            for name in self.members
        }


@dataclass
class FakeDisks:
    """Mounts in a table; nothing is removed but from `listed`, which is what the rules would find."""

    diary: list[str]
    table: tuple[Mount, ...] = (Mount(1, "/", "/dev/sda1"), Mount(2, "/data", "/dev/sdb1"))
    listed: Freed = field(default_factory=lambda: Freed(3, 3 * 4096))
    hangs: bool = False
    cached: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])

    def mounts(self) -> tuple[Mount, ...]:
        return self.table

    def usage(self, mount: Mount) -> Usage:
        if self.hangs:
            raise Unmeasurable(f"{mount.mountpoint}: not done within 2.0 s")
        return Usage(1000, 10)

    def reclaim(self, rules: tuple[ReclaimRule, ...], mount: Mount, seconds: float) -> Freed:
        self.diary.append(f"reclaim {', '.join(rule.path for rule in rules)}")
        if self.hangs:
            raise Hung("not done in time")
        return self.listed

    def caches(self, seconds: float) -> tuple[int, int]:
        return self.cached.pop(0) if len(self.cached) > 1 else self.cached[0]


@dataclass
class Peer:
    """Both ends of a connection: lines to be read, and a diary of lines written."""

    diary: list[str]
    lines: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    def read_line(self) -> bytes | None:
        return self.lines.pop(0) if self.lines else None

    def write(self, line: bytes) -> None:
        self.answers.append(line)
        if b'"begun"' in line:
            self.diary.append("said begun")


class World:
    """One node with its gate, in one process and one temporary folder."""

    def __init__(self, folder: Path, slots: int = 16) -> None:
        self.diary: list[str] = []
        self.clock = FakeClock()
        self.systemd = FakeSystemd(self.diary, self.clock, {"nginx.service": NGINX})
        self.programs = Programs(self.diary)
        self.holds = Holds(folder / "state", folder / "run", self.clock)
        self.ledger = Ledger(folder / "state" / "ledger")
        self.ledger.create_if_missing(slots)
        self.ledgers = Ledgers(self.ledger, Ledger(folder / "run" / "ledger"))
        self.marks = Marks(folder / "state", folder / "run")
        self.balancer = FakeBalancer(self.diary)
        self.bar_file = folder / "state/bar/main.yml"
        self.patroni = FakePatroni(self.diary, self.clock, self.bar_file)
        self.sentinel: Sentinel = (
            RedisSentinel()
        )  # the real one; no test has one unless it starts it
        self.disks = FakeDisks(self.diary)
        self.held = True
        self.machine = Machine(None, False)
        self.stopping = False
        self.lock_path = folder / "run" / "action.lock"
        self.nonces = 0
        self.config = Config(
            cluster="first",
            node="web1",
            units={
                "nginx.service": UnitRule("nginx", True, ("/usr/sbin/nginx", "-t")),
                "ssh.service": UnitRule("ssh", False, ()),
            },
            reboot=True,
            addresses={"vip": AddressRule("10.0.0.100", "eth0", str(folder / "state/decline/vip"))},
            pools={
                "web": PoolRule(
                    "web",
                    "/run/haproxy/admin.sock",
                    str(folder / "haproxy-state"),
                    ("web1", "web2", "web3"),
                )
            },
            databases={
                "main": DatabaseRule(
                    url="http://127.0.0.1:8008",
                    scope="main",
                    member="web1",
                    members=("web1", "web2", "web3"),
                    unit="patroni.service",
                    credentials=None,
                    bar_file=str(self.bar_file),
                    max_lag_bytes=1024 * 1024,
                )
            },
            reclaim=(ReclaimRule("nginx", "/data/cache", "*.tmp", 3600.0, 0),),
            spacing_seconds={"service.restart": 30.0, "node.reboot": 600.0},
        )
        self.systemd.units["ssh.service"] = replace(NGINX, id="ssh.service", active_state="active")

    @property
    def node(self) -> Node:
        return Node(
            config=self.config,
            systemd=self.systemd,
            programs=self.programs,
            clock=self.clock,
            marks=self.marks,
            balancer=self.balancer,
            patroni=self.patroni,
            sentinel=self.sentinel,
            has_address=lambda address, interface: self.held,
            disks=self.disks,
            machine=lambda: self.machine,
            stopping=lambda: self.stopping,
        )

    def session(self, peer: Peer) -> Session:
        return Session(
            channel=peer,
            node=self.node,
            ledgers=self.ledgers,
            lock=RunLock(self.lock_path),
            holds=self.holds,
            nonce=Nonce(self.clock, self._nonce),
        )

    def talk(self, *lines: bytes) -> list[bytes]:
        """Let one session answer these lines."""
        peer = Peer(self.diary, list(lines))
        self.session(peer).serve()
        return peer.answers

    def _nonce(self) -> str:
        self.nonces += 1
        return f"nonce-{self.nonces}"
