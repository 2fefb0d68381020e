"""The journal under what really happens to it: kill -9, a full disk, a frozen holder."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from tests.frozen import freeze
from tests.healer.adapters.clocks import RebootedClock

REPOSITORY = Path(__file__).parents[3]


@contextlib.contextmanager
def writer(*arguments: str, before: tuple[str, ...] = ()):
    """A writer process; stopped at the end, however it ends."""
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "tests.healer.adapters.journal_writer", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def test_what_was_answered_survives_kill_9_and_the_chain_holds(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStore.init(path, 1)
    for round_number in range(5):
        with writer("endless", str(path)) as process:
            for _ in range(3 + 17 * round_number):
                answered = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
        answered = int(rest[-1]) if rest else answered
        store = await SqliteStore.open(StoreSettings(path, 64 * 1024), RebootedClock())
        records = await store.read()
        await store.release()
        assert len(records) >= answered
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        # Every append was a pair: half of one would be a torn transaction.
        assert len(records) % 2 == 0


async def test_a_thawed_holder_finds_its_place_taken_and_writes_nothing(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStore.init(path, 1)
    with writer("holder", str(path)) as process:
        assert process.stdout.readline().split() == ["holding", "1"]
        freeze(process.pid)
        store = await SqliteStore.open(StoreSettings(path, 64 * 1024, 60), SystemClock())
        process.send_signal(signal.SIGCONT)
        process.stdin.write("write\n")
        process.stdin.flush()
        assert process.stdout.readline() == "lost\n"
        assert await store.read() == []
        assert store.token.term == 2
        await store.release()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system of its own")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux")
def test_on_a_full_disk_nothing_is_begun_and_what_was_begun_is_closed(tmp_path):
    mount = 'mount -t tmpfs -o size=6m none "$0" && exec "$@"'
    with writer(
        "full", str(tmp_path), before=("unshare", "-m", "sh", "-c", mount, str(tmp_path))
    ) as process:
        told = process.stdout.read().splitlines()
    logged = [line for line in told if "reserve.used" in line]
    assert logged
    assert [line for line in told if line not in logged] == [
        "room False",
        "new refused True",
        "closed 40",
        "room True",
        "kept True",
    ]
