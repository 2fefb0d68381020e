"""Following the journal: each entry is read or skipped once, whatever ends and comes back, and a flood costs little."""

import asyncio
import json
import math
import os
import re
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import State
from exporter.collectors.failures import Failures
from exporter.failures.batch import Batch, Entry
from exporter.failures.budget import LINES_A_SECOND, SAVED_LINES, Budget
from exporter.failures.classifier import Classifier
from exporter.failures.journal import Journal
from exporter.failures.kept import KeptFile
from exporter.failures.kinds import Failure
from exporter.failures.kmsg import Kmsg
from exporter.failures.tally import HELD_BACK
from tests.exporter.golden import same_as_golden
from tests.exporter.tools import complaints

PATIENCE = 20.0
STAND_IN = Path(__file__).with_name("journalctl.py")
CLASSIFIER = Classifier()
KINDS = tuple(one.value for one in Failure)
RECORDED = Path(__file__).parent / "fixtures/logs/journal.json"
ECC = "EDAC MC1: 3 CE memory read error on DIMM_A1 (channel:1 slot:0)"
WORSE = ECC.replace(" CE ", " UE ")


class Written:
    """A journal that a test writes, and a folder for what the exporter keeps."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "journal"
        self.kept = folder / "kept.json"
        self.file.touch()
        self.count = 0

    def write(
        self, message: object, *, kernel: bool = False, times: int = 1, **fields: object
    ) -> None:
        transport = "kernel" if kernel else "syslog"
        stamp = str(int(time.time() * 1e6))
        entry = {"MESSAGE": message, "_TRANSPORT": transport, "__CURSOR": "CURSOR"}
        line = json.dumps(entry | {"__REALTIME_TIMESTAMP": stamp} | fields, separators=(",", ":"))
        with self.file.open("a") as file:
            file.write(f"{line}\n" * times)
        self.count += times

    def collector(self, budget: Budget | None = None, clock: Clock | None = None) -> Failures:
        clock = clock or Clock()
        ours = budget or Budget(clock.monotonic)
        argv = (sys.executable, str(STAND_IN), str(self.file))
        journal = Journal(ours, Budget(clock.monotonic), argv)
        return Failures({"journal": journal}, KeptFile(self.kept), clock, CLASSIFIER, Threads())


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


@asynccontextmanager
async def running(collector: Failures) -> AsyncIterator[Failures]:
    task = asyncio.create_task(collector.run())
    try:
        yield collector
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def value(collector: Failures, series: str) -> float:
    found = re.search(
        rf"^{re.escape(series)} (\S+)$", collector.latest().body.decode(), re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def seen(collector: Failures) -> float:
    names = ("classified", "skipped")
    return sum(value(collector, f'hale_log_lines_total{{result="{one}"}}') for one in names)


async def until(collector: Failures, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while seen(collector) < count:
            await asyncio.sleep(0.02)


async def until_it_is(collector: Failures, state: State) -> None:
    async with asyncio.timeout(PATIENCE):
        while collector.latest().state is not state:
            await asyncio.sleep(0.02)


ON = (
    'hale_failure{failure="memory_hw",device="MC1",cause="corrected memory error",'
    'weight="minor",witness="kernel"}'
)
TOLD = 'hale_log_failures_total{failure="memory_hw"}'


async def test_a_line_of_the_kernel_begins_a_condition(written: Written) -> None:
    written.write("all is well")
    written.write(ECC, kernel=True)
    written.write(ECC)
    async with running(written.collector()) as ours:
        await until(ours, 3)
        assert (value(ours, ON), value(ours, TOLD)) == (1, 1)
        assert ours.latest().state is State.OK
        assert complaints(ours.latest().body) == set()


async def test_what_was_corrected_and_what_was_not_are_two_series(written: Written) -> None:
    written.write(ECC, kernel=True)
    written.write(WORSE, kernel=True)
    async with running(written.collector()) as ours:
        await until(ours, 2)
        assert ours.by_the_kernel() == {Failure.MEMORY_HW}
        worse = ON.replace("corrected", "uncorrected").replace("minor", "grave")
        assert (value(ours, ON), value(ours, worse)) == (1, 1)
        assert complaints(ours.latest().body) == set()


async def test_what_was_corrected_alone_goes_no_short_way(written: Written) -> None:
    written.write(ECC, kernel=True)
    async with running(written.collector()) as ours:
        await until(ours, 1)
        assert ours.by_the_kernel() == frozenset()


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


async def test_a_clock_that_is_set_makes_no_condition_older_or_younger(written: Written) -> None:
    wall, seconds = time.time(), 0.0
    clock = Clock(monotonic=time.monotonic, wall=lambda: wall + seconds + time.monotonic() - began)
    began = time.monotonic()
    written.write(ECC, kernel=True)
    async with running(written.collector(clock=clock)) as ours:
        await until(ours, 1)
        for seconds in (-3e8, 3e8, 0.0):
            assert value(ours, ON) == 1
            seen_at = value(
                ours, 'hale_failure_seen_timestamp_seconds{failure="memory_hw",device="MC1"}'
            )
            assert seen_at == pytest.approx(wall + seconds, abs=PATIENCE)


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


@pytest.mark.parametrize(
    "fields",
    [
        {"MESSAGE": None},
        {"MESSAGE": [1, 2, 3]},
        {"MESSAGE": {"a": 1}},
        {"__REALTIME_TIMESTAMP": "x"},
        {"MESSAGE_ID": 5},
        {"_TRANSPORT": ["kernel"]},
    ],
)
async def test_any_entry_is_counted(written: Written, fields: dict[str, Any]) -> None:
    written.write("a", **fields)
    with written.file.open("a") as file:
        file.write("no json\n[]\n")
    written.write("b")
    async with running(written.collector()) as ours:
        await until(ours, 2)
        assert ours.latest().state is State.OK


async def test_a_journal_without_news_is_read_all_the_same(written: Written) -> None:
    written.write("all is well")
    async with running(written.collector()) as ours:
        await until(ours, 1)
    async with running(written.collector()) as ours:
        await until_it_is(ours, State.OK)
        assert seen(ours) == 1


async def test_a_recovery_ends_what_a_line_began(written: Written) -> None:
    down = "e1000e 0000:00:1f.6 eno1: NIC Link is Down"
    written.write(down, kernel=True)
    written.write(down.replace("Down", "Up 1000 Mbps Full Duplex"), kernel=True)
    async with running(written.collector()) as ours:
        await until(ours, 2)
        assert value(ours, 'hale_log_failures_total{failure="network_link"}') == 1
        assert b"hale_failure{" not in ours.latest().body


async def test_what_journalctl_really_writes_is_understood(written: Written) -> None:
    """Text that is no text, a field that is too long, one that is there twice, a message that is missing."""
    written.file.write_text(RECORDED.read_text("utf-8"))
    async with running(written.collector()) as ours:
        await until(ours, 9)
        told = {kind: value(ours, f'hale_log_failures_total{{failure="{kind}"}}') for kind in KINDS}
        once = {"disk", "service_failed", "auth_security", "process_crash"}
        assert told == {kind: float(kind in once) for kind in KINDS}
        assert value(ours, 'hale_log_lines_total{result="classified"}') == 9


async def test_the_kernels_lines_are_known_in_what_journalctl_writes(written: Written) -> None:
    """They have a budget of their own, and are told apart before they are parsed."""
    written.file.write_text(RECORDED.read_text("utf-8"))
    spent = Budget(lambda: 0.0)
    spent.take(int(SAVED_LINES))
    async with running(written.collector(spent)) as ours:
        await until(ours, 9)
        assert value(ours, 'hale_log_lines_total{result="classified"}') == 2
        assert value(ours, 'hale_log_failures_total{failure="disk"}') == 1


async def test_what_a_program_writes_into_dev_kmsg_is_not_the_kernels(written: Written) -> None:
    written.write(ECC, kernel=True, SYSLOG_FACILITY="1", SYSLOG_IDENTIFIER="kernel")
    written.write("all is well")
    async with running(written.collector()) as ours:
        await until(ours, 2)
        assert value(ours, 'hale_log_failures_total{failure="memory_hw"}') == 0
        assert b"hale_failure{" not in ours.latest().body


OOM = """\
postgres invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
CPU: 0 UID: 0 PID: 6534 Comm: postgres Not tainted 6.12.48 #1 PREEMPT(none)
Hardware name: QEMU Standard PC
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
memory: usage 20480kB, limit 20480kB, failcnt 33
Memory cgroup stats for /system.slice/postgresql.service:
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,oom_memcg=/a,task_memcg=/a,task=postgres,pid=6534,uid=0
Memory cgroup out of memory: Killed process 6534 (postgres) total-vm:75204kB, anon-rss:20224kB, UID:0
""".splitlines()
"""What dump_header() and oom_kill_process() of Linux 6.12's mm/oom_kill.c write of one kill."""


async def test_the_parts_of_a_report_begin_nothing(written: Written) -> None:
    """The trace that comes with a process killed for memory is not the kernel's failure."""
    for line in OOM:
        written.write(line, kernel=True)
    async with running(written.collector()) as ours:
        await until(ours, len(OOM))
        body = ours.latest().body
        assert value(ours, 'hale_log_failures_total{failure="oom"}') == 1
        assert value(ours, 'hale_log_failures_total{failure="kernel_panic_hang"}') == 0
        assert body.count(b"hale_failure{") == body.count(b'hale_failure{failure="oom"') == 1


async def test_a_boot_ends_what_the_former_one_had(written: Written) -> None:
    written.write(
        "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:1]", kernel=True, _BOOT_ID="1"
    )
    written.write(ECC, kernel=True, _BOOT_ID="1")
    written.write("all is well", _BOOT_ID="2")
    async with running(written.collector()) as ours:
        await until(ours, 3)
        assert value(ours, 'hale_log_failures_total{failure="kernel_panic_hang"}') == 1
        assert (ours.latest().body.count(b"hale_failure{"), value(ours, ON)) == (1, 1)


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


class Said:
    """A source that says some lines and then no more."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = entries

    async def follow(self, cursor: str) -> AsyncGenerator[Batch, None]:
        if not cursor:
            yield Batch(self._entries, 3, "1")
        await asyncio.Event().wait()


async def test_its_exposition_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    at, kernel = "1800000000500000", {"_TRANSPORT": "kernel"}
    said = Said(
        {"MESSAGE": ECC, "__REALTIME_TIMESTAMP": at} | kernel,
        {"MESSAGE": "blk_update_request: I/O error, dev sdb, sector 2048"} | kernel,
        {"MESSAGE": "all is well", "_TRANSPORT": "syslog"},
    )
    clock = Clock(wall=lambda: 1_800_000_001.0)
    ours = Failures({"journal": said}, KeptFile(None), clock, CLASSIFIER, Threads())
    async with running(ours):
        await until(ours, 6)
        same_as_golden(request, "failures", ours.latest().body)


async def test_the_short_way_hears_at_once_what_the_kernel_tells_and_of_nobody_else(
    written: Written,
) -> None:
    collector = written.collector()
    heard: list[frozenset[Failure] | None] = []
    collector.follow(lambda: heard.append(collector.by_the_kernel()))
    assert collector.by_the_kernel() is None
    async with running(collector):
        written.write("all is well", kernel=True)
        written.write(WORSE)  # a program's words are shown, and are no grounds
        await until(collector, written.count)
        assert collector.by_the_kernel() == frozenset()
        written.write(WORSE, kernel=True)
        await until(collector, written.count)
        assert heard[-1] == collector.by_the_kernel() == {Failure.MEMORY_HW}
