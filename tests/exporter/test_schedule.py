"""Background sources under their deadline, on virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from exporter.collector import Absent, Malformed, State
from exporter.schedule import Periodic
from tests.exporter.fakes import EPOCH, loop_clock

pytestmark = pytest.mark.looptime(start=0)


class Slow:
    """A source that takes as long, and ends as, the test wants."""

    name = "slow"
    interval = 10.0
    deadline = 5.0

    def __init__(self) -> None:
        self.takes = 0.0
        self.error: Exception | None = None
        self.runs = 0

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        self.runs += 1
        await asyncio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        publish(b"run %d" % self.runs)


@asynccontextmanager
async def running(source: Slow, wake: asyncio.Event | None = None) -> AsyncIterator[Periodic]:
    periodic = Periodic(source, loop_clock(), wake)
    task = asyncio.create_task(periodic.run())
    yield periodic
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_before_the_first_result_a_collector_is_unknown_and_serves_nothing() -> None:
    async with running(Slow()) as periodic:
        latest = periodic.latest()
        assert (latest.body, latest.state, latest.duration_seconds) == (b"", State.TIMED_OUT, None)


async def test_a_result_is_replaced_at_its_interval() -> None:
    async with running(Slow()) as periodic:
        await periodic.settled()
        assert periodic.latest().body == b"run 1"
        await asyncio.sleep(11)
        assert periodic.latest().body == b"run 2"
        assert periodic.latest().last_success == EPOCH + 10


async def test_a_run_that_hangs_is_ended_at_its_deadline_and_the_last_result_stays() -> None:
    source = Slow()
    async with running(source) as periodic:
        await asyncio.sleep(1)
        source.takes = 1000
        await asyncio.sleep(15)
        latest = periodic.latest()
        assert (latest.body, latest.state) == (b"run 1", State.TIMED_OUT)
        assert (latest.duration_seconds, latest.last_success) == (5, EPOCH)


async def test_a_result_that_is_too_old_is_not_served() -> None:
    """Three intervals and one deadline; the state says why there is nothing."""
    source = Slow()
    async with running(source) as periodic:
        await asyncio.sleep(1)
        source.takes = 1000
        await asyncio.sleep(33)
        assert periodic.latest().body == b"run 1"
        await asyncio.sleep(2)
        assert (periodic.latest().body, periodic.latest().state) == (b"", State.TIMED_OUT)


@pytest.mark.parametrize("error", [Malformed("no sense"), OSError("no file"), ValueError("a bug")])
async def test_any_error_is_a_failed_run_and_the_next_one_comes(error: Exception) -> None:
    source = Slow()
    source.error = error
    async with running(source) as periodic:
        await periodic.settled()
        assert periodic.latest().state is State.FAILED
        source.error = None
        await asyncio.sleep(11)
        assert (periodic.latest().state, periodic.latest().body) == (State.OK, b"run 2")


async def test_what_is_no_longer_there_takes_its_series_along() -> None:
    source = Slow()
    async with running(source) as periodic:
        await asyncio.sleep(1)
        source.error = Absent("gone")
        await asyncio.sleep(10)
        assert (periodic.latest().state, periodic.latest().body) == (State.ABSENT, b"")


async def test_a_failure_that_lasts_is_logged_once() -> None:
    source = Slow()
    source.error = OSError("no file")
    with capture_logs() as lines:
        async with running(source):
            await asyncio.sleep(100)
    assert [(entry["event"], entry["reason"]) for entry in lines] == [
        ("collector.failed", "no file")
    ]


async def test_news_are_not_left_until_the_interval_has_ended() -> None:
    wake = asyncio.Event()
    async with running(Slow(), wake) as periodic:
        await asyncio.sleep(3)
        wake.set()
        await asyncio.sleep(0.01)
        assert periodic.latest().body == b"run 2"
        await asyncio.sleep(9)
        assert periodic.latest().body == b"run 2", "the interval begins anew"
        await asyncio.sleep(1.1)
        assert periodic.latest().body == b"run 3"


async def test_news_that_come_during_a_run_lead_to_another_one() -> None:
    wake, source = asyncio.Event(), Slow()
    source.takes = 2.0
    async with running(source, wake):
        await asyncio.sleep(1)
        wake.set()
        await asyncio.sleep(1.2)
        assert source.runs == 2


async def test_a_flood_of_news_is_taken_in_breaths() -> None:
    wake, source = asyncio.Event(), Slow()
    async with running(source, wake):
        for _ in range(1000):
            wake.set()
            await asyncio.sleep(0.001)
        assert source.runs <= 21
