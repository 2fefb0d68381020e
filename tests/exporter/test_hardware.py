"""Sensors of which some never answer: a FIFO that nobody writes to blocks as a bus that hangs."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter import lanes
from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import Absent, Malformed, State
from exporter.exposition import Family, Kind, block, line
from exporter.hardware import FIND, MOST_TOLD, Readings, in_background
from exporter.lanes import LANES
from exporter.schedule import Periodic

TEMPERATURE = Family("test_temperature", Kind.GAUGE, "A sensor's.")
PATIENCE = 20.0  # seconds until a test that waits for a thread gives up
SHORT = 0.2  # until what hangs is given up
LONG = 60.0  # seconds between two rounds, none of which a test waits for


class Sensors:
    """A folder of files with a number in each."""

    name = "sensors"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self) -> Collection[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def read(self, device: str) -> int:
        text = (self.folder / device).read_text()
        if not text.isdigit():
            raise Malformed(f"{device}: wanted a number, saw {text!r}")
        return int(text)

    def body(self, readings: Mapping[str, int]) -> bytes:
        lines = [line(TEMPERATURE.series(chip=chip), value) for chip, value in readings.items()]
        return block(TEMPERATURE, lines)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A sensor's folder; whatever hangs in it comes back when the test has ended."""
    monkeypatch.setattr(lanes, "PROMPT", 0.02)  # these files answer at once or never
    (tmp_path / "b").write_text("2")
    yield tmp_path
    for path in tmp_path.iterdir():
        if path.is_fifo():
            release(path)
    for thread in at_it():
        thread.join(PATIENCE)
        assert not thread.is_alive()


def at_it() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("blocking:sensors")]


def hang(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def release(path: Path, text: str = "") -> None:
    """Have one who reads the FIFO read `text`; nobody reads it any more afterwards."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # nobody is at it
    path.unlink()
    path.write_text(text)
    os.write(fd, text.encode())
    os.close(fd)


@asynccontextmanager
async def running(folder: Path, give_up: float = SHORT) -> AsyncIterator[Periodic]:
    periodic = in_background(Sensors(folder), Clock(), LONG, give_up)
    task = asyncio.create_task(periodic.run())
    try:
        yield periodic
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def shown(periodic: Periodic) -> dict[str, str]:
    rows = periodic.latest().body.decode().splitlines()
    return {row.split('"')[1]: row.split()[-1] for row in rows if not row.startswith("#")}


async def until(periodic: Periodic, wanted: dict[str, str]) -> None:
    async with asyncio.timeout(PATIENCE):
        while shown(periodic) != wanted:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("hanging", [1, 10])
async def test_what_hangs_costs_only_itself_on_the_first_scrape_too(
    folder: Path, hanging: int
) -> None:
    for number in range(hanging):
        hang(folder / f"a{number}")
    (folder / "c").write_text("3")
    async with running(folder, give_up=LONG) as periodic:
        await until(periodic, {"b": "2", "c": "3"})
        assert periodic.latest().duration_seconds is None, "the round has not ended"
        assert len(at_it()) <= LANES


async def test_it_is_read_by_no_second_thread_and_again_as_soon_as_it_has_come_back(
    folder: Path,
) -> None:
    hang(folder / "a")
    with capture_logs() as lines:
        async with running(folder) as periodic:
            async with asyncio.timeout(PATIENCE):
                while periodic.latest().state is not State.OK:
                    await asyncio.sleep(0.01)
            assert shown(periodic) == {"b": "2"}
            assert len(at_it()) == 1
            release(folder / "a", "1")
            await until(periodic, {"a": "1", "b": "2"})
    assert [(one["event"], one["device"]) for one in lines] == [("device.unread", "a")]


async def test_one_that_begins_to_hang_shows_what_it_was_until_it_is_given_up(folder: Path) -> None:
    (folder / "a").write_text("1")
    source, bodies = Readings(Sensors(folder), threads := _threads(), LONG, SHORT), list[bytes]()
    await source.collect(bodies.append)
    hang(folder / "a")
    await source.collect(bodies.append)
    before, slow, after = ({row.split(b'"')[1] for row in body.splitlines()[2:]} for body in bodies)
    assert (before, slow, after) == ({b"a", b"b"}, {b"a", b"b"}, {b"b"})
    assert len(threads.running) == 1


async def test_threads_are_bounded_whatever_hangs(folder: Path) -> None:
    for number in range(2 * LANES):
        hang(folder / f"a{number}")
    source = Readings(Sensors(folder), _threads(), LONG, SHORT)
    with capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await source.collect(lambda body: None)
            assert len(at_it()) == LANES
    assert [one["all"] for one in lines] == [2 * LANES + 1] * MOST_TOLD


async def test_what_answered_last_time_is_asked_first(folder: Path) -> None:
    source, bodies = Readings(Sensors(folder), _threads(), LONG, SHORT), list[bytes]()
    await source.collect(bodies.append)
    for number in range(2 * LANES):
        hang(folder / f"a{number}")
    await source.collect(bodies.append)
    assert b'chip="b"' in bodies[-1]


async def test_an_error_costs_only_its_own_device(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "c").write_text("warm")
    async with running(folder) as periodic:
        await until(periodic, {"b": "2"})


async def test_one_that_nobody_understands_makes_the_collector_a_failed_one_and_the_rest_is_shown(
    folder: Path,
) -> None:
    (folder / "c").write_text("warm")
    async with running(folder) as periodic:
        async with asyncio.timeout(PATIENCE):
            while periodic.latest().state is not State.FAILED:
                await asyncio.sleep(0.01)
        assert shown(periodic) == {"b": "2"}


async def test_a_bug_that_one_device_brings_out_is_told_once_and_hides_no_other(
    folder: Path,
) -> None:
    (folder / "a").write_text("²")  # a digit, says str.isdigit(), and int() refuses it
    source, bodies = Readings(Sensors(folder), _threads()), list[bytes]()
    with capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(Malformed, match=r"a: ValueError: invalid literal"):
                await source.collect(bodies.append)
    assert all(b'chip="b"' in body and b'chip="a"' not in body for body in bodies)
    told = [one for one in lines if one["event"] == "device.failed"]
    assert [(one["device"], type(one["exc_info"])) for one in told] == [("a", ValueError)]


async def test_errors_alone_are_a_failure_and_silence_alone_is_unknown(folder: Path) -> None:
    (folder / "b").write_text("warm")
    with pytest.raises(Malformed, match="wanted a number"):
        await Readings(Sensors(folder), _threads()).collect(lambda body: None)
    hang(folder / "b")
    with pytest.raises(TimeoutError):
        await Readings(Sensors(folder), _threads(), LONG, SHORT).collect(lambda body: None)


async def test_where_there_are_none_the_collector_is_absent(folder: Path) -> None:
    (folder / "b").unlink()
    with pytest.raises(Absent):
        await Readings(Sensors(folder), _threads()).collect(lambda body: None)


def _threads() -> Threads:
    return Threads(limit=LANES, reserved={FIND})
