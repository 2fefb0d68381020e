"""Something else in the place of every file: no collector waits for it, reads it without end, or falls over."""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.blocking import Threads
from exporter.collector import Absent, Malformed, OnScrape
from exporter.files import CHUNK, MOST_BYTES, beginning, end, whole
from exporter.inventory import OFFERS
from tests.exporter.offered import FIXTURES, made, ran

STRANGERS: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    "directory": Path.mkdir,
    "endless": lambda path: path.symlink_to("/dev/zero"),
}
# What the captured tree has none of, and some collector reads.
MORE = (
    *("etc/os-release", "usr/lib/os-release", "var/log/wtmp"),
    *("proc/sys/kernel/osrelease", "sys/module/drbd/version", "proc/1/maps", "proc/1/cgroup"),
)
# They ask programs, a bus or other hosts, and read no file of the tree.
ASK_OTHERS = {"failures", "keepalived", "peers", "services"}
PROMPT = 5.0  # seconds; nothing here waits for anything


@pytest.fixture(scope="module", params=STRANGERS)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captured tree, with the same stranger in the place of each file."""
    tree = tmp_path_factory.mktemp(request.param) / "node"
    shutil.copytree(FIXTURES, tree, symlinks=True)
    for path in [*tree.rglob("*"), *map(tree.joinpath, MORE)]:
        if path.is_symlink() or path.is_dir():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        STRANGERS[request.param](path)
    return tree


@pytest.mark.parametrize("name", sorted({offer.name for offer in OFFERS} - ASK_OTHERS))
async def test_a_stranger_in_the_place_of_a_file_keeps_no_collector(name: str, tree: Path) -> None:
    collector = made(name, tree)
    with capture_logs() as logs:
        async with asyncio.timeout(PROMPT):
            if isinstance(collector, OnScrape):
                try:
                    await Threads().call(name, collector.collect)
                except (Absent, Malformed, OSError):
                    pass
            else:
                await ran(collector)
    assert not [entry for entry in logs if "exc_info" in entry]


@pytest.mark.parametrize("kind", STRANGERS)
def test_what_is_no_file_is_not_opened(kind: str, tmp_path: Path) -> None:
    STRANGERS[kind](tmp_path / "status")
    with pytest.raises(OSError, match=r"(?i)not a regular file|is a directory"):
        whole(tmp_path / "status")


def test_a_file_is_read_whole_or_not_at_all_and_by_either_end(tmp_path: Path) -> None:
    file = tmp_path / "wtmp"
    file.write_bytes(content := os.urandom(2 * CHUNK + 7))
    assert whole(file) == whole(file, len(content)) == content
    with pytest.raises(Malformed, match="wtmp: more than"):
        whole(file, len(content) - 1)
    assert beginning(file, CHUNK + 1) == content[: CHUNK + 1]
    assert end(file, CHUNK + 1) == content[-CHUNK - 1 :]
    assert end(file, MOST_BYTES) == content
