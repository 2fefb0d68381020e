"""The short way as a whole, on virtual time: Alertmanagers and a disk that do what a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.alerting import shortway
from exporter.alerting.alert import Alert, Condition
from exporter.alerting.book import EARLY, SETTLE, STRANGE
from exporter.alerting.conditions import service_down
from exporter.alerting.ports import Alertmanager, Claim, NotTaken
from exporter.alerting.rule import Rule
from exporter.alerting.shortway import Poster
from exporter.clock import Clock
from exporter.config import Config, Service, ShortWay
from exporter.offers import Declarations
from tests.exporter.fakes import FakeBlocking
from tests.exporter.golden import same_as_golden

pytestmark = pytest.mark.looptime(start=0)

ONE, TWO = "http://one:9093", "http://two:9093"
RULE = Rule(
    "ServiceDown",
    (("severity", "critical"), ("heal", "restart-service")),
    (("summary", "{{ $labels.service }} on {{ $labels.node }}: {{ $value }}"),),
)
CONFIG = Config("first", "web1", "front", "rack-b", short_way=ShortWay((ONE, TWO), (RULE,)))
NGINX = Service("nginx", "nginx.service", "web")
LABELS = {
    "alertname": "ServiceDown",
    "cluster": "first",
    "node": "web1",
    "group": "web",
    "failure_domain": "rack-b",
    "service": "nginx",
    "severity": "critical",
    "heal": "restart-service",
}


@dataclass
class FakeAlertmanager:
    """Keeps what it took; its clock is its own."""

    offset: float = 1e9
    taken: list[list[dict[str, Any]]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    fails: str = ""
    hangs: bool = False
    dateless: bool = False

    async def post(self, body: bytes) -> float | None:
        if self.hangs:
            await asyncio.sleep(5)
            raise NotTaken("no answer within 5 s")
        await asyncio.sleep(0.01)
        if self.fails:
            raise NotTaken(self.fails, refused=True)
        now = asyncio.get_running_loop().time()
        if alerts := json.loads(body):
            self.taken.append(alerts)
            self.at.append(now)
        return None if self.dateless else float(int(self.offset + now))

    @property
    def ends(self) -> list[str]:
        return [one["endsAt"] for alerts in self.taken for one in alerts if "endsAt" in one]


@dataclass
class FakeMemory:
    kept: tuple[Alert, ...] = ()
    claimed: Claim = Claim.OURS
    broken: bool = False
    written: list[tuple[Alert, ...]] = field(default_factory=list)

    def claim(self) -> Claim:
        return self.claimed

    def read(self) -> tuple[Alert, ...]:
        return self.kept

    def write(self, alerts: Sequence[Alert]) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.kept = tuple(alerts)
        self.written.append(self.kept)


def no_wall_clock() -> float:
    raise AssertionError("the node's wall clock was asked")


@dataclass
class World:
    """The levers of one test."""

    memory: FakeMemory = field(default_factory=FakeMemory)
    threads: FakeBlocking = field(default_factory=FakeBlocking)
    peers: dict[str, FakeAlertmanager] = field(
        default_factory=lambda: {ONE: FakeAlertmanager(), TWO: FakeAlertmanager(offset=2e9)}
    )
    serves: dict[str, bool | None] = field(default_factory=lambda: {"nginx": True})
    declared: Declarations = field(default_factory=lambda: Declarations(CONFIG))
    poster: Poster = field(init=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        loop = asyncio.get_running_loop()
        self.poster = Poster(
            self.declared,
            self._conditions,
            self._connect,
            self.memory,
            self.threads,
            Clock(loop.time, no_wall_clock),
        )
        task = asyncio.create_task(self.poster.run())
        await asyncio.sleep(0.1)
        yield self
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def _conditions(self) -> list[Condition]:
        answers = [(replace(NGINX, name=name), up) for name, up in self.serves.items()]
        return list(service_down(answers))

    @asynccontextmanager
    async def _connect(self, way: ShortWay) -> AsyncIterator[Mapping[str, Alertmanager]]:
        yield {url: self.peers[url] for url in way.alertmanagers}

    def say(self, serves: bool | None, name: str = "nginx") -> None:
        self.serves[name] = serves
        self.poster.changed()

    def scrape(self, by: str = "10.0.0.10") -> None:
        self.poster.scraped(by)()


async def test_a_failure_is_with_every_alertmanager_at_once_and_has_no_time_of_ours() -> None:
    async with World().running() as world:
        world.say(False)
        await asyncio.sleep(0.05)
        for peer in world.peers.values():
            ((alert,),) = peer.taken
            assert alert["labels"] == LABELS
            assert alert["annotations"] == {"summary": "nginx on web1: 0"}
            assert alert.keys() == {"labels", "annotations"}
        assert [alert.labels for alert in world.memory.kept] == [tuple(sorted(LABELS.items()))]


async def test_what_only_time_decides_is_seen_within_a_second() -> None:
    async with World().running() as world:
        world.serves["nginx"] = False  # and nobody says that it changed
        await asyncio.sleep(1.1)
        assert len(world.peers[ONE].taken) == 1


async def test_the_end_has_the_date_of_that_same_alertmanager_and_comes_after_the_scrape() -> None:
    async with World().running() as world:
        world.say(False)
        await asyncio.sleep(3)
        world.say(True)
        await asyncio.sleep(30)
        assert [peer.ends for peer in world.peers.values()] == [[], []]
        world.scrape()
        await asyncio.sleep(SETTLE + 0.1)
        # 1e9 and 2e9 seconds after 1970, and the 34 of this test.
        assert world.peers[ONE].ends == ["2001-09-09T01:47:14+00:00"]
        assert world.peers[TWO].ends == ["2033-05-18T03:33:54+00:00"]
        await asyncio.sleep(1.1)
        assert world.memory.kept == ()
        count = len(world.peers[ONE].taken)
        await asyncio.sleep(600)
        assert len(world.peers[ONE].taken) == count


async def test_an_alertmanager_that_hangs_holds_up_nobody_and_hears_it_later() -> None:
    async with World().running() as world:
        world.peers[ONE].hangs = True
        world.say(False)
        await asyncio.sleep(0.05)
        assert (len(world.peers[ONE].taken), len(world.peers[TWO].taken)) == (0, 1)
        world.peers[ONE].hangs = False
        await asyncio.sleep(20)
        assert len(world.peers[ONE].taken) >= 1


async def test_an_alertmanager_that_refuses_is_told_of_once_in_the_log_and_counted() -> None:
    async with World().running() as world:
        world.peers[ONE].fails = "status 400: b'no'"
        with capture_logs() as logs:
            world.say(False)
            await asyncio.sleep(100)
            world.peers[ONE].fails = ""
            await asyncio.sleep(20)
        events = [log["event"] for log in logs if log.get("alertmanager") == ONE]
        assert events == ["alertmanager.did_not_take", "alertmanager.takes_again"]
        shown = world.poster.series().decode().splitlines()
        assert "hale_short_way_alerts 1" in shown
        refused = next(row for row in shown if 'outcome="refused"' in row)
        assert 5 <= int(refused.split()[-1]) <= 15


async def test_what_is_shown_of_it(request: pytest.FixtureRequest) -> None:
    async with World().running() as world:
        world.peers[TWO].fails = "status 503"
        world.say(False)
        await asyncio.sleep(0.1)
        same_as_golden(request, "short_way", world.poster.series())


async def test_without_a_date_nobody_says_when_it_ended() -> None:
    async with World().running() as world:
        world.peers[ONE].dateless = True
        world.say(False)
        await asyncio.sleep(3)
        world.say(True)
        await asyncio.sleep(0.1)
        world.scrape()
        await asyncio.sleep(60)
        assert (world.peers[ONE].ends, len(world.peers[TWO].ends)) == ([], 1)


async def test_a_service_that_flaps_a_thousand_times_costs_few_posts_and_one_alert() -> None:
    async with World().running() as world:
        for number in range(1000):
            world.say(number % 2 == 1)
            await asyncio.sleep(0.02)
        assert len(world.peers[ONE].taken) <= 20 / EARLY + 2
        assert {len(alerts) for alerts in world.peers[ONE].taken} == {1}


async def test_a_thousand_failures_are_a_few_requests() -> None:
    async with World().running() as world:
        world.serves = {f"s{number}": False for number in range(1200)}
        world.poster.changed()
        await asyncio.sleep(1)
        assert [len(alerts) for alerts in world.peers[ONE].taken] == [500, 500]


async def test_a_disk_that_hangs_delays_the_first_word_by_a_fifth_of_a_second_at_the_most() -> None:
    async with World().running() as world:
        world.threads.hang("short_way:write")
        with capture_logs() as logs:
            world.say(False)
            await asyncio.sleep(shortway.SAVE_PATIENCE + 0.05)
        assert len(world.peers[ONE].taken) == 1
        assert [one["event"] for one in logs].count("short_way.forgetful") == 1


async def test_a_disk_that_is_full_keeps_nobody_from_being_told_and_is_written_when_it_can() -> (
    None
):
    async with World().running() as world:
        world.memory.broken = True
        world.say(False)
        await asyncio.sleep(0.1)
        assert (len(world.peers[ONE].taken), world.memory.kept) == (1, ())
        world.memory.broken = False
        await asyncio.sleep(1.1)
        assert len(world.memory.kept) == 1


async def test_a_second_exporter_of_the_same_state_posts_nothing_until_the_first_is_gone() -> None:
    world = World(FakeMemory(claimed=Claim.ANOTHERS))
    async with world.running():
        world.say(False)
        await asyncio.sleep(30)
        assert world.peers[ONE].taken == []
        world.memory.claimed = Claim.OURS
        await asyncio.sleep(6)
        assert len(world.peers[ONE].taken) >= 1


async def test_a_restart_repeats_what_holds_and_ends_what_does_not() -> None:
    memory = FakeMemory()
    async with World(memory).running() as before:
        before.serves["cron"] = False
        before.say(False)
        await asyncio.sleep(0.05)
    after = World(FakeMemory(memory.kept))
    after.serves = {"nginx": False, "cron": True}
    async with after.running():
        await asyncio.sleep(0.1)
        assert [one["labels"]["service"] for (one,) in after.peers[ONE].taken] == ["nginx"]
        await asyncio.sleep(STRANGE)
        after.scrape()
        await asyncio.sleep(SETTLE + 0.2)
        assert [
            one["labels"]["service"] for (one,) in after.peers[ONE].taken if "endsAt" in one
        ] == ["cron"]


async def test_what_was_unknown_at_the_restart_is_left_alone() -> None:
    memory = FakeMemory()
    async with World(memory).running() as before:
        before.say(False)
        await asyncio.sleep(0.05)
    after = World(FakeMemory(memory.kept))
    after.serves = {"nginx": None}
    async with after.running():
        after.scrape()
        await asyncio.sleep(100)
        assert after.peers[ONE].taken == []
        assert after.memory.kept == memory.kept


async def test_a_new_file_brings_the_way_takes_it_along_and_takes_it_away() -> None:
    world = World(declared=Declarations(replace(CONFIG, short_way=None)))
    async with world.running():
        world.say(False)
        await asyncio.sleep(5)
        assert (world.peers[ONE].taken, world.poster.series()) == ([], b"")
        assert world.threads.started == []
        world.declared.declare(replace(CONFIG, short_way=ShortWay((ONE,), (RULE,))))
        await asyncio.sleep(0.1)
        assert (len(world.peers[ONE].taken), len(world.peers[TWO].taken)) == (1, 0)
        world.declared.declare(CONFIG)
        await asyncio.sleep(0.1)
        assert len(world.peers[TWO].taken) == 1
        world.declared.declare(replace(CONFIG, short_way=None))
        await asyncio.sleep(0.1)
        count = len(world.peers[ONE].taken)
        await asyncio.sleep(100)
        assert len(world.peers[ONE].taken) == count


async def test_an_answer_that_is_older_than_the_look_which_found_it_clear_does_not_count() -> None:
    async with World().running() as world:
        world.say(False)
        await asyncio.sleep(2)
        world.serves["nginx"] = True  # while the answer was made, in which it may still have failed
        world.scrape()
        await asyncio.sleep(10)
        assert world.peers[ONE].ends == []
        world.scrape()
        await asyncio.sleep(10)
        assert len(world.peers[ONE].ends) == 1


async def test_what_failed_and_came_back_between_two_looks_is_not_served_as_clear() -> None:
    async with World().running() as world:
        world.say(False)
        await asyncio.sleep(2)
        world.say(True)
        await asyncio.sleep(0.1)
        world.serves["nginx"] = False  # within one turn of the loop: fails, is scraped, is back
        sent = world.poster.scraped("10.0.0.10")
        world.serves["nginx"] = True
        sent()
        await asyncio.sleep(10)
        assert world.peers[ONE].ends == []
