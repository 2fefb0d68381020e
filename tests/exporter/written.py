"""A journal that a test writes, and the collector of failures that follows it."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import State
from exporter.collectors.failures import Failures
from exporter.failures.budget import Budget
from exporter.failures.classifier import Classifier
from exporter.failures.journal import Journal
from exporter.failures.kept import KeptFile

PATIENCE = 20.0
STAND_IN = Path(__file__).with_name("journalctl.py")
CLASSIFIER = Classifier()
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
