"""Whatever hangs, for real: every scrape is answered, with all but what hangs."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.blocking import StillRunning
from exporter.programs import Programs
from tests.exporter.hanging import (
    PATIENCE,
    HungMounts,
    Served,
    exporter,
    hung_mounts,
    proc_tree,
    skip_without_fuse,
    states,
)

# Far more than a scrape is given: who waited for a mount would not be answered before the test has failed.
NEVER = "--collector.filesystem.mount-timeout=300s"

SERIES = 'node_filesystem_{}{{device="filer:{}",fstype="fuse",mountpoint="{}"}} {}'

# Of everything that is on one thread; a few more are Python's and the other collectors' own.
FEW = 8


@pytest.fixture(params=[1, 10])
def mounts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HungMounts]:
    skip_without_fuse()
    with hung_mounts(tmp_path, request.param) as made:
        yield made


@pytest.fixture
def served(mounts: HungMounts, tmp_path: Path) -> Iterator[Served]:
    proc = proc_tree(tmp_path, mounts.table)
    flags = [f"--path.procfs={proc}", NEVER]
    with exporter(flags, mounts.inside, mounts.process.kill) as made:
        yield made


def sizes(body: str) -> set[str]:
    return set(re.findall(r'^node_filesystem_size_bytes\{.*mountpoint="([^"]*)"', body, re.M))


def test_every_scrape_is_answered_whole_but_for_the_mounts_that_hang(
    mounts: HungMounts, served: Served
) -> None:
    hanging = set(map(str, mounts.paths))
    for _ in range(5):  # the first one too
        body = served.scrape()
        assert "/" in sizes(body)
        assert not sizes(body) & hanging
        assert states(body)["filesystem"] in ("ok", "timed_out")
        assert all(states(body)[name] == "ok" for name in ("cpu", "meminfo", "netdev", "stat"))
    assert served.threads <= len(hanging) + FEW


def test_a_mount_that_answers_again_is_served_by_the_next_scrapes(
    mounts: HungMounts, tmp_path: Path
) -> None:
    """Before its next round, which comes after ten seconds."""
    proc = proc_tree(tmp_path, mounts.table)
    flags = [f"--path.procfs={proc}", "--collector.filesystem.mount-timeout=300ms"]
    given_up = [SERIES.format("device_error", path.name, path, 1) for path in mounts.paths]
    back = [SERIES.format("size_bytes", path.name, path, 4096000) for path in mounts.paths]
    with exporter(flags, mounts.inside, mounts.process.kill) as served:
        served.until(*given_up)
        mounts.tell("answer")
        served.until(*back, within=5.0)
        assert served.threads <= FEW


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[HungMounts]:
    skip_without_fuse()
    with hung_mounts(tmp_path, 1) as made:
        yield made


async def test_a_program_that_nothing_kills_is_given_up_and_not_doubled(filer: HungMounts) -> None:
    ask, programs = (*filer.inside, "stat", "-f", str(filer.paths[0])), Programs()
    with pytest.raises(TimeoutError):
        await programs.run(ask, 0.3, about="sda")
    with pytest.raises(StillRunning):
        await programs.run(ask, 0.3, about="sda")
    assert (await programs.run(("true",), PATIENCE, about="sdb")).status == 0
    filer.tell("answer")
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert (await programs.run(ask, PATIENCE, about="sda")).status == 0
                break
            except StillRunning:  # killed at last, and not gone yet
                await asyncio.sleep(0.01)


STARTS = """\
import asyncio, sys
from exporter.programs import Programs

async def main():
    turns = 0
    run = asyncio.ensure_future(Programs().run(sys.argv[1:], 0.3))
    while not run.done():
        await asyncio.sleep(0.01)
        turns += 1
    print(type(run.exception()).__name__, turns > 5)

asyncio.run(main())
"""


async def test_a_program_whose_file_cannot_be_read_stops_nothing(filer: HungMounts) -> None:
    argv = (*filer.inside, sys.executable, "-c", STARTS, str(filer.paths[0] / "smartctl"))
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == b"TimeoutError True\n"
    finally:
        filer.process.kill()
        await process.communicate()
