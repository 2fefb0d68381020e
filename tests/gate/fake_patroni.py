"""A Patroni that stands in for the real one in tests that run in one process."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gate.clock import NANO, Clock
from gate.database_rule import DatabaseRule
from gate.patroni import MemberSeen, NotRunning, OtherCluster, Own, Said, Sight, Unanswered
from gate.strict_json import JsonObject


@dataclass
class FakePatroni:
    """A database `main` of web1, which leads, and two replicas that stream from it; this node is web1.

    Attributes:
        answers: `no` for a wedged one, `off` for one that is not there.
        does: What comes of a request: `works`, `refuses`, `gives up`, `hangs` (it is done, and nobody says so),
            `dies` (nothing is done, and nobody says so), `other` (web3 leads, whoever was asked for), `goes on`
            (it is taken on and does not end), `is busy` (with something else, until it is forced).
        file: What this Patroni reads at a reload.
        loop: Seconds after a reload until it has the tag.
    """

    diary: list[str]
    clock: Clock
    file: Path
    me: str = "web1"
    scope: str = "main"
    sight: Sight = field(
        default_factory=lambda: Sight(
            leader="web1",
            timeline=4,
            paused=False,
            synchronous=False,
            scheduled=False,
            members={
                "web1": MemberSeen("leader", "running", 4, None, False),
                "web2": MemberSeen("replica", "running", 4, 0, False),
                "web3": MemberSeen("replica", "running", 4, 0, False),
            },
        )
    )
    streaming: tuple[str, ...] = ("web2", "web3")
    answers: str = "yes"
    does: str = "works"
    started: int = 1
    loop: float = 10.0
    reads_at: int | None = None
    while_asked: Callable[[], object] = lambda: None

    def look(self, rule: DatabaseRule) -> Sight:
        self._reach(rule)
        self._read()
        return self.sight

    def own(self, rule: DatabaseRule) -> Own:
        self._reach(rule)
        if rule.scope != self.scope:
            raise OtherCluster(f"{rule.url} is Patroni of the cluster {self.scope!r}")
        self._read()
        one = self.sight.members[self.me]
        primary = self.sight.leader == self.me
        streaming = self.streaming if primary else ()
        started = f"started {self.started}" if one.running else ""
        return Own(one.state, primary, one.timeline, started, streaming, one.barred)

    def post(self, rule: DatabaseRule, path: str, body: JsonObject, seconds: float) -> Said:
        self._reach(rule)
        self.diary.append(f"{path} {json.dumps(body)}")
        self.while_asked()
        if path == "/reload":
            self.reads_at = self.clock.boottime() + int(self.loop * NANO)
            return Said(202, "reload scheduled")
        match self.does:
            case "refuses":
                return Said(412, "no good candidates have been found")
            case "gives up":
                return Said(503, "Switchover failed")
            case "goes on":
                return Said(200, "reinitialize started")
            case "is busy" if "force" not in body:
                return Said(503, "restarting after failure already in progress")
            case "dies":
                raise Unanswered("no whole answer in time")
        self._do(path, body)
        if self.does == "hangs":
            raise Unanswered("no whole answer in time")
        return Said(200, "done")

    def member(self, name: str, **changes: Any) -> None:
        """Change one member."""
        members = dict(self.sight.members)
        members[name] = replace(members[name], **changes)
        self.sight = replace(self.sight, members=members)

    def lead(self, name: str) -> None:
        """Let another member lead, on the next timeline, with all others behind it."""
        timeline = (self.sight.timeline or 0) + 1
        for one in self.sight.members:
            role, lag = ("leader", None) if one == name else ("replica", 0)
            self.member(one, role=role, timeline=timeline, lag_bytes=lag)
        self.sight = replace(self.sight, leader=name, timeline=timeline)

    def _do(self, path: str, body: JsonObject) -> None:
        if path == "/switchover":
            self.lead("web3" if self.does == "other" else str(body["candidate"]))
        elif path in ("/restart", "/reinitialize"):
            self.started += 1
            self.member(self.me, state="running", timeline=self.sight.timeline, lag_bytes=0)

    def _reach(self, rule: DatabaseRule) -> None:
        if self.answers == "off":
            raise NotRunning(f"{rule.url}: connection refused")
        if self.answers == "no":
            raise Unanswered(f"{rule.url}: no whole answer in time")

    def _read(self) -> None:
        if self.reads_at is not None and self.clock.boottime() >= self.reads_at:
            barred = self.file.exists() and b"nofailover: true" in self.file.read_bytes()
            self.member(self.me, barred=barred)
