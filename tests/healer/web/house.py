"""A healer's web servers over fakes: real sockets, the real board, nothing of the engine."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from healer.adapters.labels import fingerprint
from healer.adapters.passwords import Hash
from healer.adapters.proxies import Proxy
from healer.adapters.senders import Sender
from healer.adapters.tls_files import TlsFiles
from healer.adapters.users import UsersFile
from healer.adapters.webhook_body import parse_webhook
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.actions import Args
from healer.core.alert import Alert
from healer.core.attempt import Outcome
from healer.core.decide import decide
from healer.core.decision import Hold, awaited_yes
from healer.core.footprint import of_unit
from healer.core.guards.people import NEEDED
from healer.core.incident import Asked
from healer.core.ladder import Mode
from healer.core.order import Sight
from healer.core.topology import Topology
from healer.core.verdict import Verdict, allow, hold
from healer.gatherer import Gatherer
from healer.instants import rfc3339
from healer.journal import Journal
from healer.metrics import Metrics
from healer.operators import Operators
from healer.roller import Roller
from healer.standing import Watch
from healer.timeline import Timelines
from healer.upkeep_runner import UpkeepRunner
from healer.upkeeper import Upkeeper
from healer.web.certificates import Certificates
from healer.web.desk import Desk
from healer.web.door import Door
from healer.web.senders import Senders
from healer.web.server import control_app, public_app, serving
from healer.web.webhook import HINTS
from tests.healer.core.world import alert, topology
from tests.healer.fake_cluster import FakeCluster, FakeProbes, FakePrometheus
from tests.healer.fake_gates import FakeGates
from tests.healer.fakes import FakeClock, FakeSilences, FakeStore

HOSTILE = "</td><script>alert('x')</script>\"'&{{7*7}}\x1b[2J\u202e%s\n<img src=x onerror=y>"
"""A label's value as somebody would write it who means harm."""

PATIENCE = 10.0
"""Seconds in which something has to become true on a busy machine: fewer than any that the server waits by itself."""


UNIT = (("unit", "nginx.service"),)


def signed(one: Alert) -> Alert:
    """Give an alert the fingerprint that its labels have."""
    return replace(one, fingerprint=fingerprint(dict(one.labels)))


def message(*alerts: Alert) -> dict[str, Any]:
    """A webhook's body as Alertmanager sends it, version 4."""
    shown = [
        {
            "status": "firing",
            "labels": dict(one.labels),
            "annotations": {"summary": HOSTILE},
            "startsAt": rfc3339(one.began_at),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://mon1:9090/graph",
            "fingerprint": one.fingerprint,
        }
        for one in alerts
    ]
    return {
        "receiver": "healer",
        "status": "firing",
        "alerts": shown,
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://mon1:9093",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    }


@dataclass
class House:
    """All that a web server needs, in a test's hands."""

    mode: Mode = Mode.ACT
    given: Topology | None = None
    topology: Topology = field(init=False)
    clock: FakeClock = field(default_factory=FakeClock)
    users: Path | None = None
    proxy: Proxy | None = None
    check: Callable[[Hash, str], bool] = Hash.matches
    sender: Sender | None = None
    leader: str = ""
    tls: TlsFiles | None = None
    wakes: list[None] = field(default_factory=list)
    reloads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        plain = topology(mode=self.mode)
        self.topology = self.given or replace(plain, patch_seconds=600.0)
        self.store = FakeStore(self.clock)
        self.cluster = FakeCluster(self.topology, self.clock)
        self.prometheus = FakePrometheus(self.cluster)
        self.gates = FakeGates(self.cluster, self.store.diary)
        self.journal = Journal(self.store)
        self.watch = Watch(
            self.journal, self.clock, self.topology.numbers, Sight((), (), (), self.clock.wall())
        )
        self.watch.leading = True
        self.watch.look_at_clock()
        probes = FakeProbes(self.cluster)
        self.gatherer = Gatherer(
            self.topology, self.journal, self.prometheus, self.gates, probes, self.clock
        )
        self.upkeep = UpkeepRunner(
            *(self.journal, self.gatherer, self.gates, FakeSilences(self.store.diary)),
            *(self.watch, self.clock),
        )
        self.upkeeper = Upkeeper(self.journal, self.gatherer, self.upkeep, self.watch, self.clock)
        self.desk = Desk(
            journal=self.journal,
            operators=Operators(self.journal, self.gatherer, self.watch, self.clock),
            gatherer=self.gatherer,
            watch=self.watch,
            metrics=Metrics("0.1.0"),
            topology=self.topology,
            timelines=Timelines(self.store),
            clock=self.clock,
            parse=parse_webhook,
            wake=lambda: self.wakes.append(None),
            version="0.1.0",
            door=self._door(),
            external_url="https://hale.example",
            leader=self.leader,
            senders=None if self.sender is None else Senders(self.sender, self.clock),
            proxy=self.proxy,
            upkeeper=self.upkeeper,
            roller=Roller(self.journal, self.gatherer, self.upkeeper, self.watch, self.clock),
            reload=self._reload,
        )

    async def _reload(self, by: str) -> dict[str, object]:
        self.reloads.append(by)
        return {"done": "read anew"}

    def _door(self) -> Door | None:
        if self.users is None:
            return None
        return Door(UsersFile(self.users), self.clock, 0.0, self.check)

    def trouble(self, **labels: str) -> Alert:
        """An alert that began a minute after arming, about web1/nginx, which is down."""
        one = alert(began=self.clock.wall(), **labels)
        self.cluster.down.add(one.target)
        return one

    async def arm(self) -> None:
        await self.journal.write(ev.Armed("first_look", ()))
        self.clock.pass_by(60)

    async def open(self, cause: Alert, incident: str = "1") -> None:
        await self.journal.write(ie.IncidentOpened(incident, cause, "restart-service", "d1"))
        self.clock.pass_by(1)

    async def held(self, incident: str = "1", reason: str = "capacity") -> None:
        said = (allow("known_target", have="first/web1", need="its gate"), self.refusal(reason))
        asked = await self._asked(incident) if reason == NEEDED else None
        await self.journal.write(ie.IncidentHeld(incident, said[-1], said, asked))

    async def asked(self, incident: str = "1") -> None:
        """Held until somebody says yes to what would really be done."""
        await self.held(incident, NEEDED)

    async def _asked(self, incident: str) -> Asked | None:
        one = self.journal.board.incidents[incident]
        decision = decide(one, await self.gatherer.read(one, self.watch.standing()), None)
        return awaited_yes(decision) if isinstance(decision, Hold) else None

    def refusal(self, reason: str) -> Verdict:
        return hold(
            "capacity",
            reason,
            have="0 left in web",
            need="1 left in web",
            sentence="web cannot spare web1 now.",
        )

    async def healed(self, incident: str = "1") -> None:
        """Held, then acted on, refused once by the gate, and proved the second time."""
        await self.held(incident)
        await self.tried(incident, 1, Outcome.FAILED, "start_failed", "nginx: [emerg]\nno port")
        self.clock.pass_by(5)
        await self.tried(incident, 2, Outcome.DONE, "restarted")
        self.clock.pass_by(4)
        action = f"1.1.{2}"
        await self.journal.write(
            ie.VerificationEnded(incident, action, True, True, "proved", "held for 3 s"),
            ie.IncidentClosed(incident, "healed", "held for 3 s"),
        )

    async def tried(
        self,
        incident: str,
        number: int,
        outcome: Outcome,
        reason: str,
        detail: str = "",
        order: tuple[int, str, str, Args] | None = None,
    ) -> None:
        """Journal an action and its end; `order` is as in `trying`."""
        await self.trying(incident, number, order)
        self.clock.pass_by(1)
        end = ie.ActionEnded(incident, f"1.1.{number}", outcome, reason, detail, None)
        await self.journal.write(end)

    async def trying(
        self, incident: str, number: int, order: tuple[int, str, str, Args] | None = None
    ) -> None:
        """Journal an action; `order` is its rung, verb, gate and arguments where it is no restart."""
        target = self.journal.board.incidents[incident].target
        rung, action, gate, args = order or (0, "service.restart", target.node, UNIT)
        await self.journal.write(
            ie.ActionIntended(
                incident=incident,
                action_id=f"1.1.{number}",
                ladder="restart-service",
                rung=rung,
                action=action,
                target=target,
                about=target,
                gate=gate,
                args=args,
                footprint=of_unit(target, (), self.topology),
                ledger_id="ledger-1",
                expect="{}",
                deadline_at=self.clock.wall() + 30,
                verdicts=(allow("known_target", have="first/web1", need="its gate"),),
            )
        )

    @asynccontextmanager
    async def public(
        self, read_seconds: float = 10.0, port: int = 0
    ) -> AsyncIterator[aiohttp.ClientSession]:
        """A session with the public port."""
        with TemporaryDirectory() as folder:
            async with self.both(Path(folder) / "ctl.sock", read_seconds, port) as (session, _):
                yield session

    @asynccontextmanager
    async def both(
        self, path: Path, read_seconds: float = 10.0, port: int = 0
    ) -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientSession]]:
        """Sessions with the public port and with the control socket at `path`."""
        public, commands = public_app(self.desk, read_seconds), control_app(self.desk)
        self.hints = public[HINTS]
        certificates = None if self.tls is None else Certificates(self.tls)
        scheme = "http" if self.tls is None else "https"
        async with (
            serving(
                public, f"127.0.0.1:{port}", commands, path, certificates=certificates
            ) as self.port,
            aiohttp.ClientSession(f"{scheme}://127.0.0.1:{self.port}") as session,
            aiohttp.ClientSession(
                "http://healer", connector=aiohttp.UnixConnector(str(path))
            ) as control,
        ):
            yield session, control


async def say(house: House, path: Path, command: str, **fields: object) -> tuple[int, Any]:
    """Give one command and return how it was answered."""
    async with house.both(path / "ctl.sock") as (_, control):
        response = await control.post(f"/api/v1/{command}", json=fields)
        return response.status, await response.json()
