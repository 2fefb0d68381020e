"""What the collector of failures makes of the entries that it reads: conditions, counts, and what is told at once."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import State
from exporter.collectors.failures import Failures
from exporter.failures.batch import Batch, Entry
from exporter.failures.budget import SAVED_LINES, Budget
from exporter.failures.kept import KeptFile
from exporter.failures.kinds import Failure
from tests.exporter.golden import same_as_golden
from tests.exporter.tools import complaints
from tests.exporter.written import (
    CLASSIFIER,
    ECC,
    ON,
    PATIENCE,
    TOLD,
    WORSE,
    Written,
    running,
    until,
    value,
)

KINDS = tuple(one.value for one in Failure)
RECORDED = Path(__file__).parent / "fixtures/logs/journal.json"


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
