"""File systems of which some hang."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter import lanes
from exporter.blocking import Threads
from exporter.collector import State
from exporter.collectors.filesystem import LANES, MOUNT_TABLE, Filesystems, Filter, Usage, statvfs
from exporter.devices import EVERY, Devices
from exporter.schedule import Periodic
from tests.exporter.fakes import FakeBlocking, loop_clock

PROC = Path(__file__).parent / "fixtures/proc"
USAGE = Usage(size=1000, free=300, avail=200, files=50, files_free=40)
FILER = "/mnt/filer"
SHORT = 0.15  # seconds until what hangs is given up
PATIENCE = 20.0


class Kernel:
    """Answers at once, but for the mounts that hang until they are let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hanging: dict[str, threading.Event] = {}

    def hang(self, mountpoint: str) -> threading.Event:
        self.hanging[mountpoint] = threading.Event()
        return self.hanging[mountpoint]

    def __call__(self, path: bytes) -> Usage:
        name = path.decode()
        self.asked.append(name)
        if name in self.hanging:
            assert self.hanging[name].wait(PATIENCE), "a test left a thread"
        if path == b"/srv/data":
            raise OSError(5, "Input/output error")
        return USAGE


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setattr(lanes, "PROMPT", 0.02)  # this kernel answers at once or never
    kernel = Kernel()
    yield kernel
    for event in kernel.hanging.values():
        event.set()


def source(kernel: Kernel, late: Callable[[], None] = lambda: None) -> Filesystems:
    threads = Threads(LANES, reserved={MOUNT_TABLE}, late=late)
    return Filesystems(PROC, Path("/"), threads, timeout=SHORT, ask=kernel)


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


async def test_every_mount_is_asked_once_but_for_those_that_are_excluded(kernel: Kernel) -> None:
    bodies = list[bytes]()
    await source(kernel).collect(bodies.append)
    assert sorted(kernel.asked) == ["/", FILER, "/mnt/two words\\and\ttab", "/run", "/srv/data"]
    assert of(bodies[-1], "/") == WHOLE


async def test_a_file_system_that_answers_with_an_error_has_no_sizes(kernel: Kernel) -> None:
    bodies = list[bytes]()
    await source(kernel).collect(bodies.append)
    assert of(bodies[-1], "/srv/data") == BROKEN | {"readonly": "1"}


async def test_a_mount_that_hangs_costs_only_its_own_series_on_the_first_scrape_too(
    kernel: Kernel,
) -> None:
    kernel.hang(FILER)
    bodies = list[bytes]()
    await source(kernel).collect(bodies.append)
    assert of(bodies[-2], "/") == of(bodies[-1], "/") == WHOLE
    assert (of(bodies[-2], FILER), of(bodies[-1], FILER)) == ({}, BROKEN)


async def test_a_mount_that_hangs_for_long_is_asked_once_and_again_after_it_came_back(
    kernel: Kernel,
) -> None:
    come_back, late, bodies = kernel.hang(FILER), asyncio.Event(), list[bytes]()
    filesystems = source(kernel, late.set)
    for _ in range(3):
        await filesystems.collect(bodies.append)
        assert of(bodies[-1], FILER) == BROKEN
    assert kernel.asked.count(FILER) == 1
    come_back.set()
    await asyncio.wait_for(late.wait(), PATIENCE)  # which has it collect at once
    await filesystems.collect(bodies.append)
    assert of(bodies[-1], FILER) == WHOLE


async def test_a_mount_that_begins_to_hang_keeps_its_last_answer_until_it_is_given_up(
    kernel: Kernel,
) -> None:
    filesystems, bodies = source(kernel), list[bytes]()
    await filesystems.collect(bodies.append)
    kernel.hang(FILER)
    for last in (WHOLE, BROKEN):
        await filesystems.collect(bodies.append)
        assert (of(bodies[-2], FILER), of(bodies[-1], FILER)) == (last, BROKEN)


@pytest.mark.looptime(start=0)
async def test_a_mount_table_that_hangs_times_out() -> None:
    blocking = FakeBlocking()
    blocking.hang(MOUNT_TABLE)
    periodic = Periodic(Filesystems(PROC, Path("/"), blocking, ask=Kernel()), loop_clock())
    task = asyncio.create_task(periodic.run())
    await asyncio.sleep(8)
    assert periodic.latest().state is State.TIMED_OUT
    await asyncio.sleep(30)  # the rounds after it do not even ask
    assert periodic.latest().state is State.TIMED_OUT
    assert blocking.started == [MOUNT_TABLE]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_mounts_are_looked_for_below_rootfs_and_shown_without_it(tmp_path: Path) -> None:
    """As in a container that has the node's / at /host; /hostile is another place."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1/mounts").write_text(
        "a /host ext4 rw 0 0\nb /host/x ext4 rw 0 0\nc /hostile ext4 rw 0 0\n"
    )
    kernel, bodies = Kernel(), list[bytes]()
    await Filesystems(tmp_path, Path("/host"), FakeBlocking(), ask=kernel).collect(bodies.append)
    assert kernel.asked == ["/host/", "/host/x", "/host/hostile"]
    assert all(of(bodies[-1], shown) == WHOLE for shown in ("/", "/x", "/hostile"))


async def test_without_sight_of_pid_1_our_own_mounts_are_read(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mounts").write_text("a / ext4 rw 0 0\n")
    bodies = list[bytes]()
    await Filesystems(tmp_path, Path("/"), FakeBlocking(), ask=Kernel()).collect(bodies.append)
    assert of(bodies[-1], "/") == WHOLE


def test_the_kernel_is_asked_in_the_units_of_statvfs(tmp_path: Path) -> None:
    usage = statvfs(bytes(tmp_path))
    assert 0 < usage.avail <= usage.free <= usage.size
    with pytest.raises(FileNotFoundError):
        statvfs(bytes(tmp_path / "nowhere"))


async def test_in_a_container_read_only_is_what_the_node_cannot_write(tmp_path: Path) -> None:
    """Docker mounts the node's / for reading, and all below with it (node_exporter's issue 3755)."""
    table = (
        b"overlay / overlay rw 0 0\n"
        b"/dev/sda1 /host ext4 ro,relatime 0 0\n"
        b"/dev/sdb1 /host/srv ext4 ro,relatime,emergency_ro 0 0\n"
        b"/dev/sdc1 /host/media ext4 ro 0 0\n"
    )
    info = (
        b"1 0 0:50 / / rw - overlay overlay rw\n"
        b"2 1 8:1 / /host ro,relatime master:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
        b"3 2 8:17 / /host/srv ro,relatime master:2 - ext4 /dev/sdb1 rw,emergency_ro\n"
        b"4 2 8:33 / /host/media ro master:3 - ext4 /dev/sdc1 ro\n"
        b"nonsense\n"
    )
    (tmp_path / "1").mkdir()
    (tmp_path / "1/mounts").write_bytes(table)
    (tmp_path / "1/mountinfo").write_bytes(info)
    bodies = list[bytes]()
    keep = Filter(EVERY, Devices(exclude=re.compile("overlay")))
    asked = Filesystems(tmp_path, Path("/host"), FakeBlocking(), keep, ask=lambda _: USAGE)
    await asked.collect(bodies.append)
    seen = {at: of(bodies[-1], at)["readonly"] for at in ("/", "/srv", "/media")}
    assert seen == {"/": "0", "/srv": "1", "/media": "1"}


def mounted(folder: Path, table: str, info: str) -> Path:
    (folder / "1").mkdir(exist_ok=True)
    (folder / "1/mounts").write_text(table)
    (folder / "1/mountinfo").write_text(info)
    return folder


async def test_each_mount_is_told_with_the_number_of_its_file_system(tmp_path: Path) -> None:
    """As node_exporter since 1.9; two of one place are two, and one that is mounted anew has another."""
    table = (
        "none /a tmpfs rw 0 0\n"
        "none /a ramfs rw 0 0\n"
        "/dev/sda1 /two\\040words ext4 rw 0 0\n"
        "/dev/b /srv/data xfs rw 0 0\n"
    )
    info = (
        "1 0 0:45 / /a rw shared:1 - tmpfs none rw\n"
        "2 0 0:46 / /a rw shared:2 - ramfs none rw\n"
        "3 0 8:1 / /two\\040words rw - ext4 /dev/sda1 rw\n"
        "4 0 8:16 / /srv/data rw - xfs /dev/b rw\n"
    )
    bodies = list[bytes]()
    filesystems = Filesystems(
        mounted(tmp_path, table, info), Path("/"), FakeBlocking(), ask=Kernel()
    )
    await filesystems.collect(bodies.append)
    mounted(tmp_path, table, info.replace("8:1 ", "8:2 "))
    await filesystems.collect(bodies.append)
    told = [re.findall(rb"^node_filesystem_mount_info{(.*)} 1$", body, re.M) for body in bodies]
    of_a = [b'device="none",major="0",minor="%d",mountpoint="/a"' % minor for minor in (45, 46)]
    words = b'device="/dev/sda1",major="8",minor="%d",mountpoint="/two words"'
    assert [told[0], told[-1]] == [[*of_a, words % 1], [*of_a, words % 2]]


async def test_without_the_numbers_all_else_is_told(tmp_path: Path) -> None:
    bodies = list[bytes]()
    procfs = mounted(
        tmp_path, "/dev/sda1 / ext4 rw 0 0\n", "nonsense\n1 0 x:y / / rw - ext4 /dev/sda1 rw\n"
    )
    await Filesystems(procfs, Path("/"), FakeBlocking(), ask=Kernel()).collect(bodies.append)
    assert of(bodies[-1], "/") == WHOLE
