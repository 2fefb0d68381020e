"""Stand-ins for those from whom the healer hears of trouble and through whom it calls people."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from healer.adapters.intake import refusal
from healer.core.alert import Alert
from healer.core.order import OwnAlert, Sight
from healer.errors import Unreachable
from tests.healer.fake_cluster import FakeCluster


@dataclass
class FakeAlertmanagers:
    """Has firing what a test says, until the target serves; takes what the healer posts.

    Attributes:
        alerts: What fires for as long as it is true.
        stuck: What fires whatever is true: forged, or within its look-back window.
        of_groups: What fires about groups as a whole.
        silent: None of the peers answers.
        away: Where the one of two peers that does not answer stands; empty where both answer.
        patience: Seconds for which that one is waited for, unless its node is missed.
        said_at: When the other one said what is known now, by the uptime.
        watchdog: Whether the pipeline's heartbeat is heard.
        posted: Every alert of the healer's own, as it came.
    """

    cluster: FakeCluster
    diary: list[str] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    stuck: list[Alert] = field(default_factory=list)
    of_groups: list[Alert] = field(default_factory=list)
    silent: bool = False
    away: str = ""
    patience: float = 0.0
    said_at: float = 0.0
    watchdog: bool = True
    posted: list[OwnAlert] = field(default_factory=list)

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        self._answer()
        true = [one for one in self.alerts if not self.cluster.serves(one.target)]
        judged = [(one, refusal(one, self.cluster.topology)) for one in (*true, *self.stuck)]
        said_at = self.cluster.clock.boottime()
        sight = Sight(
            alerts=tuple(one for one, why in judged if why is None),
            rejected=tuple((one, why) for one, why in judged if why is not None),
            silent=(self.away,) if self.away else (),
            watchdog_at=self.cluster.clock.wall() if self.watchdog else None,
            of_groups=tuple(self.of_groups),
        )
        if self.away and self.away not in missed:
            await asyncio.sleep(self.patience)
        self.said_at = said_at
        return sight

    def silence(self) -> None:
        """Let a person silence everything that fires."""
        self.alerts = [replace(one, silenced=True) for one in self.alerts]

    async def post(self, alerts: Sequence[OwnAlert]) -> None:
        self._answer()
        self.posted += alerts
        self.diary += [f"post {dict(one.labels)['alertname']}" for one in alerts]

    def _answer(self) -> None:
        if self.silent:
            raise Unreachable("alertmanager: connection refused")


@dataclass
class FakeSecondPath:
    """Keeps every call, or is broken."""

    diary: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    async def call(self, subject: str, text: str) -> None:
        self.diary.append(f"call {subject}")
        if self.broken:
            raise Unreachable("second path: no answer")
        self.calls.append((subject, text))
