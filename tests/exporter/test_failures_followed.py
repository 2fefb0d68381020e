"""Following the journal: each entry is read or skipped once, whatever ends and comes back, and a flood costs little."""

import asyncio
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import State
from exporter.collectors.failures import Failures
from exporter.failures.budget import LINES_A_SECOND, SAVED_LINES, Budget
from exporter.failures.journal import Journal
from exporter.failures.kept import KeptFile
from exporter.failures.kmsg import Kmsg
from exporter.failures.tally import HELD_BACK
from tests.exporter.written import (
    CLASSIFIER,
    ECC,
    ON,
    PATIENCE,
    STAND_IN,
    TOLD,
    Written,
    running,
    seen,
    until,
    until_it_is,
    value,
)


async def test_what_was_read_is_read_once_over_ends_and_restarts(written: Written) -> None:
    written.write(ECC, kernel=True, times=10)
    async with running(written.collector()) as ours:
        await until(ours, 10)
        (written.file.with_name("END")).touch()
        await asyncio.sleep(0.2)
        written.write(ECC, kernel=True, times=5)
        await until(ours, 15)
    written.write(ECC, kernel=True, times=3)
    async with running(written.collector()) as next_life:
        await until(next_life, 18)
        await asyncio.sleep(0.2)
        assert (value(next_life, TOLD), seen(next_life)) == (18, 18)


async def test_a_life_that_was_killed_counts_what_was_not_saved_once(written: Written) -> None:
    written.write(ECC, kernel=True, times=7)
    ours = written.collector()
    task = asyncio.create_task(ours.run())
    await until(ours, 7)
    saved = written.kept.read_text() if written.kept.exists() else None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if saved is None:
        written.kept.unlink()
    else:
        written.kept.write_text(saved)
    async with running(written.collector()) as next_life:
        await until(next_life, 7)
        assert (value(next_life, TOLD), value(next_life, ON)) == (7, 1)


async def test_what_a_life_has_shown_the_next_does_not_take_back(written: Written) -> None:
    written.write(ECC, kernel=True, times=7)
    ours = written.collector()
    task = asyncio.create_task(ours.run())
    await until(ours, 7)
    written.write(ECC, kernel=True, times=5)
    shown = 0.0
    async with asyncio.timeout(PATIENCE):
        while shown < 12:
            shown, kept = seen(ours), json.loads(written.kept.read_text())["counts"]["classified"]
            assert shown <= kept, "a kill now would take back what Prometheus has seen"
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_disk_that_hangs_holds_back_what_was_counted_for_seconds(written: Written) -> None:
    began, passed, hangs, lets_go = time.time(), [0.0], threading.Event(), threading.Event()
    clock = Clock(monotonic=lambda: passed[0], wall=lambda: began + passed[0])

    class Hung(KeptFile):
        def keep(self, what: Mapping[str, Any]) -> None:
            hangs.set()
            lets_go.wait(PATIENCE)

    written.write(ECC, kernel=True, times=1)
    argv = (sys.executable, str(STAND_IN), str(written.file))
    journal = Journal(Budget(clock.monotonic), Budget(clock.monotonic), argv)
    ours = Failures({"journal": journal}, Hung(None), clock, CLASSIFIER, Threads())
    async with running(ours):
        async with asyncio.timeout(PATIENCE):
            while not (value(ours, ON) and hangs.is_set()):
                await asyncio.sleep(0.01)
        assert seen(ours) == 0
        passed[0] = HELD_BACK + 1
        assert seen(ours) == 1
        lets_go.set()


async def test_of_a_flood_what_is_read_and_what_is_skipped_is_all_of_it(written: Written) -> None:
    written.write("chatter", times=60_000)
    written.write(ECC, kernel=True)
    stopped = Budget(lambda: 0.0)  # a clock that stands still gives nothing anew
    async with running(written.collector(stopped)) as ours:
        await until(ours, 60_001)
        assert seen(ours) == 60_001
        assert value(ours, 'hale_log_lines_total{result="classified"}') == SAVED_LINES + 1
        assert value(ours, ON) == 1, "no flood hides the kernel's own lines"


def test_a_budget_fills_with_time_and_never_beyond_what_it_may_save() -> None:
    now = 0.0
    budget = Budget(lambda: now)
    assert budget.take(10**6) == SAVED_LINES
    assert budget.take(1) == 0
    now = 2.0
    assert budget.take(10**6) == 2 * LINES_A_SECOND
    now = 1e6
    assert budget.take(10**6) == SAVED_LINES


async def test_who_may_not_read_the_journal_says_so(written: Written) -> None:
    written.file.with_name("DENY").touch()
    async with running(written.collector()) as ours:
        await until_it_is(ours, State.FAILED)


async def test_a_journalctl_that_ends_at_once_is_a_failure_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    argv = ("sh", "-c", "exit 3")
    journal = Journal(Budget(clock.monotonic), Budget(clock.monotonic), argv)
    ours = Failures({"journal": journal}, KeptFile(None), clock, CLASSIFIER, Threads(), rest=0.05)
    async with running(ours):
        await until_it_is(ours, State.FAILED)
        await asyncio.sleep(0.4)
    assert capsys.readouterr().out.count("failures.unreadable") == 1


@pytest.fixture
def reaps_late() -> Iterator[None]:
    """Have asyncio learn of a child's end in a turn of its loop, as it does since Python 3.12, and not in a thread."""
    if sys.version_info >= (3, 12):
        yield
        return
    asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    yield
    asyncio.set_child_watcher(None)


@pytest.mark.usefixtures("reaps_late")
async def test_a_journalctl_that_is_killed_as_we_end_is_no_unknown_child(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """systemd stops both at once; asyncio would complain of a child that somebody else reaped."""
    argv = ("sh", "-c", 'echo $$ >"$0"; echo "{}"; exec sleep 100', str(tmp_path / "pid"))
    journal = Journal(Budget(time.monotonic), Budget(time.monotonic), argv)
    async with aclosing(journal.follow("")) as batches:
        await anext(batches)
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.001)  # noqa: ASYNC251 - the loop may not see it before we end
    assert not caplog.records


async def test_a_journal_without_any_entry_is_none(written: Written) -> None:
    async with running(written.collector()) as ours:
        await until_it_is(ours, State.ABSENT)
        written.write(ECC, kernel=True)
        await until_it_is(ours, State.OK)


async def test_a_kept_cursor_that_is_none_is_left_and_the_journal_read_again(
    written: Written,
) -> None:
    written.write(ECC, kernel=True)
    async with running(written.collector()) as ours:
        await until(ours, 1)
    kept = json.loads(written.kept.read_text())
    written.kept.write_text(json.dumps(kept | {"cursors": {"journal": "nonsense"}}))
    async with running(written.collector()) as ours:
        await until(ours, 2)
        assert ours.latest().state is State.OK


async def test_without_journalctl_there_is_no_journal(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(Budget(clock.monotonic), Budget(clock.monotonic), (str(tmp_path / "none"),))
    ours = Failures({"journal": journal}, KeptFile(None), clock, CLASSIFIER, Threads())
    async with running(ours):
        await until_it_is(ours, State.ABSENT)


@pytest.mark.parametrize("kept", ["", "null", "[]", "{", "{}", '{"cursor": 1}', '{"counts": {}}'])
async def test_what_is_kept_and_cannot_be_understood_is_left(written: Written, kept: str) -> None:
    written.kept.write_text(kept)
    written.write(ECC, kernel=True)
    async with running(written.collector()) as ours:
        await until(ours, 1)
        assert value(ours, ON) == 1


@pytest.mark.parametrize(
    ("place", "number"), [("classified", math.inf), ("classified", math.nan), ("seen_at", math.nan)]
)
async def test_a_kept_number_that_is_none_is_left(
    written: Written, place: str, number: float
) -> None:
    written.write(ECC, kernel=True)
    async with running(written.collector()) as ours:
        await until(ours, 1)
    kept = json.loads(written.kept.read_text())
    (kept["counts"] if place in kept["counts"] else kept["conditions"][0])[place] = number
    written.kept.write_text(json.dumps(kept))
    with capture_logs() as lines:
        async with running(written.collector()) as ours:
            await until(ours, 1)
    assert "failures.forgotten" in {line["event"] for line in lines}


async def test_a_journal_without_news_is_read_all_the_same(written: Written) -> None:
    written.write("all is well")
    async with running(written.collector()) as ours:
        await until(ours, 1)
    async with running(written.collector()) as ours:
        await until_it_is(ours, State.OK)
        assert seen(ours) == 1


async def test_two_sources_are_counted_together(written: Written, tmp_path: Path) -> None:
    written.write(ECC, kernel=True, times=2)
    kmsg = tmp_path / "kmsg"
    kmsg.write_text(f"3,1,1000,-;{ECC}\n")
    clock = Clock()
    argv = (sys.executable, str(STAND_IN), str(written.file))
    sources = {
        "journal": Journal(Budget(clock.monotonic), Budget(clock.monotonic), argv),
        "kmsg": Kmsg(kmsg, Budget(clock.monotonic), "boot"),
    }
    for _ in range(2):  # and a next life reads neither again
        async with running(
            Failures(sources, KeptFile(written.kept), clock, CLASSIFIER, Threads())
        ) as ours:
            await until(ours, 3)
            await until_it_is(ours, State.OK)
            assert (value(ours, TOLD), seen(ours)) == (3, 3)
