"""File systems of which some hang, on virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.collector import State
from exporter.collectors.filesystem import Filesystems, Usage, statvfs
from exporter.schedule import Periodic
from tests.exporter.fakes import FakeBlocking, loop_clock

PROC = Path(__file__).parent / "fixtures/proc"
USAGE = Usage(size=1000, free=300, avail=200, files=50, files_free=40)
FILER = "/mnt/filer"


def answer(path: bytes) -> Usage:
    if path == b"/srv/data":
        raise OSError(5, "Input/output error")
    return USAGE


@asynccontextmanager
async def running(blocking: FakeBlocking) -> AsyncIterator[Periodic]:
    source = Filesystems(PROC, Path("/"), blocking, ask=answer)
    periodic = Periodic(source, loop_clock())
    task = asyncio.create_task(periodic.run())
    yield periodic
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def of(body: bytes, mountpoint: str) -> dict[str, str]:
    """The samples of one mount point, by metric name."""
    lines = [row for row in body.decode().splitlines() if f'mountpoint="{mountpoint}"' in row]
    return {row.split("{")[0].removeprefix("node_filesystem_"): row.split()[-1] for row in lines}


WHOLE = {
    "avail_bytes": "200",
    "device_error": "0",
    "files": "50",
    "files_free": "40",
    "free_bytes": "300",
    "readonly": "0",
    "size_bytes": "1000",
}
BROKEN = {"device_error": "1", "readonly": "0"}


@pytest.mark.looptime(start=0)
async def test_every_mount_is_asked_once_but_for_those_that_are_excluded() -> None:
    blocking = FakeBlocking()
    async with running(blocking) as periodic:
        await asyncio.sleep(1)
        assert periodic.latest().state is State.OK
        assert sorted(blocking.started) == [
            "/",
            FILER,
            "/mnt/two words\\and\ttab",
            "/run",
            "/srv/data",
            "mount table",
        ]
        assert of(periodic.latest().body, "/") == WHOLE


@pytest.mark.looptime(start=0)
async def test_a_file_system_that_answers_with_an_error_has_no_sizes() -> None:
    async with running(FakeBlocking()) as periodic:
        await asyncio.sleep(1)
        assert of(periodic.latest().body, "/srv/data") == BROKEN | {"readonly": "1"}


@pytest.mark.looptime(start=0)
async def test_a_mount_that_hangs_costs_only_its_own_series_on_the_first_scrape_too() -> None:
    blocking = FakeBlocking()
    blocking.hang(FILER)
    async with running(blocking) as periodic:
        await periodic.settled()
        assert asyncio.get_running_loop().time() < 1  # what the first scrape would find
        assert of(periodic.latest().body, "/") == WHOLE
        assert of(periodic.latest().body, FILER) == {}
        await asyncio.sleep(6)
        assert periodic.latest().state is State.OK
        assert of(periodic.latest().body, "/") == WHOLE
        assert of(periodic.latest().body, FILER) == BROKEN


@pytest.mark.looptime(start=0)
async def test_a_mount_that_hangs_for_long_is_asked_once_and_again_after_it_came_back() -> None:
    blocking = FakeBlocking()
    come_back = blocking.hang(FILER)
    async with running(blocking) as periodic:
        await asyncio.sleep(65)
        assert blocking.started.count(FILER) == 1
        assert of(periodic.latest().body, FILER) == BROKEN
        come_back.set()
        await asyncio.sleep(11)
        assert of(periodic.latest().body, FILER) == WHOLE


@pytest.mark.looptime(start=0)
async def test_a_mount_that_begins_to_hang_keeps_its_last_answer_until_it_is_given_up() -> None:
    blocking = FakeBlocking()
    async with running(blocking) as periodic:
        await asyncio.sleep(1)
        blocking.hang(FILER)
        await asyncio.sleep(11)
        assert of(periodic.latest().body, FILER) == WHOLE
        await asyncio.sleep(4)
        assert of(periodic.latest().body, FILER) == BROKEN


@pytest.mark.looptime(start=0)
async def test_a_mount_table_that_hangs_times_out() -> None:
    blocking = FakeBlocking()
    blocking.hang("mount table")
    async with running(blocking) as periodic:
        await asyncio.sleep(8)
        assert periodic.latest().state is State.TIMED_OUT
        await asyncio.sleep(30)  # the rounds after it do not even ask
        assert periodic.latest().state is State.TIMED_OUT
        assert blocking.started == ["mount table"]


async def test_mounts_are_looked_for_below_rootfs_and_shown_without_it(tmp_path: Path) -> None:
    """As in a container that has the node's / at /host; /hostile is another place."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1/mounts").write_text(
        "a /host ext4 rw 0 0\nb /host/x ext4 rw 0 0\nc /hostile ext4 rw 0 0\n"
    )
    blocking, bodies = FakeBlocking(), list[bytes]()
    source = Filesystems(tmp_path, Path("/host"), blocking, ask=lambda path: USAGE)
    await source.collect(bodies.append)
    assert blocking.started == ["mount table", "/host/", "/host/x", "/host/hostile"]
    assert all(of(bodies[-1], shown) == WHOLE for shown in ("/", "/x", "/hostile"))


async def test_without_sight_of_pid_1_our_own_mounts_are_read(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mounts").write_text("a / ext4 rw 0 0\n")
    bodies = list[bytes]()
    await Filesystems(tmp_path, Path("/"), FakeBlocking(), ask=answer).collect(bodies.append)
    assert of(bodies[-1], "/") == WHOLE


def test_the_kernel_is_asked_in_the_units_of_statvfs(tmp_path: Path) -> None:
    usage = statvfs(bytes(tmp_path))
    assert 0 < usage.avail <= usage.free <= usage.size
    with pytest.raises(FileNotFoundError):
        statvfs(bytes(tmp_path / "nowhere"))
