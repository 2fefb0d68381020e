"""Side by side with Debian's node_exporter on hundreds of trees that are not as they were captured.

Each tree differs from the captured one in one file, by a fixed seed. What both say of it must be the same, but for
`EXCUSES`: each says which difference may be, where, and why.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.collector import Absent, Malformed
from exporter.collectors.diskstats import DEVICE_EXCLUDE
from tests.exporter.mutated import (
    BROKEN,
    SOURCES,
    Mutation,
    copied,
    mutated,
    mutations,
    rare,
    special,
)
from tests.exporter.offered import FIXTURES, body
from tests.exporter.test_differential import PATIENCE, newer, parsed, running
from tests.exporter.tools import find

pytestmark = pytest.mark.tools

SEED = 1
# Whose processors are described too.
CPU_INFO = {
    f"cpu.info.{what}-include": re.compile(expression)
    for what, expression in (("flags", "^(aes|avx.?|sse.*)$"), ("bugs", "."))
}
EACH = 18  # trees of each collector


class Difference(Enum):
    """How two answers about the same tree can differ."""

    FELL_OVER = "node_exporter ended, or served nothing at all"
    SILENT = "we serve nothing of the collector"
    MORE = "node_exporter's collector failed, and what it served before that we serve too"
    OTHER = "something else"


BROKEN_KINDS = frozenset(change.__name__ for change in BROKEN)


@dataclass(frozen=True)
class Excuse:
    """One difference that may be: of these collectors (of all, where none is named) with these kinds of mutation."""

    difference: Difference
    kinds: frozenset[str]
    why: str
    collectors: frozenset[str] = frozenset()

    def covers(self, mutation: Mutation, difference: Difference) -> bool:
        named = not self.collectors or mutation.collector in self.collectors
        return named and mutation.kind in self.kinds and difference is self.difference


def _for(*names: str) -> frozenset[str]:
    return frozenset(names)


EXCUSES = (
    Excuse(
        Difference.OTHER,
        BROKEN_KINDS,
        "what the file does not say any more is no 0; node_exporter says that it is",
        _for("netclass", "xfs", "zfs"),
    ),
    Excuse(
        Difference.FELL_OVER,
        BROKEN_KINDS,
        "1.5 indexes fields that a line does not have, and ends at a label that is no UTF-8; we go on",
    ),
    Excuse(
        Difference.FELL_OVER,
        _for("without_a_line"),
        "1.5 takes it for granted that some and full are both there",
        _for("pressure"),
    ),
    Excuse(
        Difference.SILENT,
        BROKEN_KINDS,
        "of a source that cannot be right we serve nothing, where node_exporter serves the part that it could read",
    ),
    Excuse(
        Difference.SILENT,
        _for("without_a_line"),
        "node_exporter says 0 of the line that is missing, and of a missing boot time that it was 1970",
        _for("stat"),
    ),
    Excuse(
        Difference.SILENT,
        _for("without_a_line"),
        "a headline is gone, so nobody can know the columns",
        _for("conntrack", "interrupts", "lnstat", "netdev"),
    ),
    Excuse(
        Difference.OTHER,
        _for("without_a_line"),
        "1.5 shows 0 for a processor that is switched off; node_exporter has not since 1.6",
        _for("cpu"),
    ),
    Excuse(
        Difference.OTHER,
        BROKEN_KINDS,
        "we ask one processor of a package for its counter, node_exporter the next one too",
        _for("cpu"),
    ),
    Excuse(
        Difference.SILENT,
        _for("without_a_line"),
        "the headline of a zone is gone; node_exporter gives its numbers to the zone before",
        _for("zoneinfo"),
    ),
    Excuse(
        Difference.OTHER,
        _for("without_a_line"),
        "the headline of the first zone is gone; node_exporter shows a zone without a name",
        _for("zoneinfo"),
    ),
    Excuse(
        Difference.SILENT,
        _for("huge"),
        "no array has so many disks; node_exporter counts no missing one where the number is too large for it",
        _for("mdadm"),
    ),
    Excuse(
        Difference.SILENT,
        _for("gone", "huge"),
        "the collector fails in both; node_exporter has served by then what it read before",
        _for("conntrack", "entropy", "ipvs"),
    ),
    Excuse(
        Difference.SILENT,
        _for("huge"),
        "nineteen hexadecimal digits in a column that 1.5 does not read yet; 1.12 reads it, and fails as we do",
        _for("softnet"),
    ),
    Excuse(
        Difference.MORE,
        BROKEN_KINDS | _for("gone"),
        "a file that cannot be read costs its own series, and not those of the other devices",
    ),
    Excuse(
        Difference.MORE,
        _for("huge"),
        "a field that node_exporter reads as 32 bits makes it give up the whole; the kernel writes none so large",
        _for("diskstats", "xfs"),
    ),
    Excuse(
        Difference.OTHER,
        _for("huge"),
        "of a size in sectors that is more than 64 bits in bytes node_exporter keeps the last bits",
        _for("btrfs"),
    ),
    Excuse(
        Difference.OTHER,
        _for("without_a_line"),
        "node_exporter says 0 of the line that is missing, we say nothing of it",
        _for("xfs"),
    ),
    Excuse(
        Difference.OTHER,
        _for("binary"),
        "what is no UTF-8 cannot be a label; we show it with replacements, 1.5 as it stands or not at all",
        _for("diskstats", "drbd", "hwmon", "nvme", "powersupplyclass", "rapl"),
    ),
    Excuse(
        Difference.OTHER,
        _for("empty", "truncated"),
        "a zone without a name has no metric's name either; 1.5 makes one with nothing in its middle",
        _for("rapl"),
    ),
    Excuse(
        Difference.OTHER,
        BROKEN_KINDS,
        "a mount whose transports nobody can read has no protocol; 1.5 shows one without a name, 1.12 none as we do",
        _for("mountstats"),
    ),
    Excuse(
        Difference.OTHER,
        _for("gone"),
        "a counter that the drive does not have is no 0; node_exporter says that it is",
        _for("tapestats"),
    ),
)


@dataclass(frozen=True)
class Answer:
    """What one program says of one collector; `failed` where it says that it could not be read."""

    series: dict[str, float]
    types: dict[str, str]
    failed: bool


def answer(text: bytes, name: str) -> Answer:
    if not text.strip():
        return Answer({}, {}, True)
    seen = parsed(text.decode("utf-8", "replace").encode())
    series = {one: value for one, value in seen.values.items() if _compared(one.split("{")[0])}
    success = f'node_scrape_collector_success{{collector="{name}"}}'
    types = {one: kind for one, kind in seen.types.items() if _compared(one)}
    return Answer(series, types, seen.values.get(success) == 0)


def _compared(name: str) -> bool:
    return not newer(name) and not name.startswith("node_scrape_")


class NodeExporter:
    """Debian's node_exporter on a tree; when it has ended it is started again."""

    def __init__(self, tree: Path) -> None:
        self._running = ExitStack()
        self._port = 0
        self._argv = (
            find("prometheus-node-exporter"),
            f"--path.procfs={tree}/proc",
            f"--path.sysfs={tree}/sys",
            f"--path.udev.data={tree}/udev",
            "--collector.disable-defaults",
            *(f"--collector.{name}" for name in SOURCES),
            "--no-collector.netdev.netlink",  # or it would show this machine's devices
            "--collector.netdev.device-exclude=",
            *(f"--collector.{name}={what.pattern}" for name, what in CPU_INFO.items()),
            f"--collector.diskstats.device-exclude={DEVICE_EXCLUDE}",
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.stop()
        self._port = self._running.enter_context(running(*self._argv))
        give_up = time.monotonic() + PATIENCE
        while self.ask("loadavg") is None:
            assert time.monotonic() < give_up, "node_exporter does not start"
            time.sleep(0.01)

    def stop(self) -> None:
        self._running.close()

    def ask(self, name: str) -> bytes | None:
        """Return what it says of one collector; None when it has ended, or can serve nothing."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request("GET", f"/metrics?collect[]={name}")
            reply = connection.getresponse()
            text = reply.read()
            return text if reply.status == 200 else None
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()


@dataclass(frozen=True)
class Seen:
    """One tree, and how the two answers differ; None where they do not."""

    mutation: Mutation
    difference: Difference | None
    ours: bytes
    details: list[tuple[str, float | None, float | None]]


def compared(mutation: Mutation, text: bytes | None, ours: bytes) -> Seen:
    if text is None:
        return Seen(mutation, Difference.FELL_OVER, ours, [])
    a, b = answer(text, mutation.collector), answer(ours, mutation.collector)
    both = a.series.keys() & b.series.keys()
    details = [
        (one, a.series.get(one), b.series.get(one))
        for one in sorted(a.series.keys() | b.series.keys())
        if a.series.get(one) != b.series.get(one)
    ]
    wrong = any(a.series[one] != b.series[one] for one in both) or any(
        a.types[one] != b.types[one] for one in a.types.keys() & b.types.keys()
    )
    if not details and not wrong:
        return Seen(mutation, None, ours, details)
    difference = Difference.OTHER
    if not wrong and not b.series:
        difference = Difference.SILENT
    elif not wrong and a.failed and a.series.keys() <= b.series.keys():
        difference = Difference.MORE
    return Seen(mutation, difference, ours, details)


async def ours_of(name: str, tree: Path) -> bytes:
    try:
        return await body(name, tree, **(CPU_INFO if name == "cpu" else {}))
    except (Absent, Malformed, OSError):
        return b""


async def every(tree: Path) -> AsyncIterator[Seen]:
    theirs = NodeExporter(tree)
    theirs.start()
    try:
        same = (tree / "proc/loadavg").read_bytes()
        untouched = [Mutation(name, "untouched", "proc/loadavg", same) for name in SOURCES]
        for mutation in (*untouched, *special(tree), *rare(tree), *mutations(tree, SEED, EACH)):
            if mutation.collector == "cpu":  # whose counters never go back while it runs
                theirs.start()
            with mutated(tree, mutation):
                text = theirs.ask(mutation.collector)
                seen = compared(mutation, text, await ours_of(mutation.collector, tree))
            if text is None:
                theirs.start()
            yield seen
    finally:
        theirs.stop()


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    """Every tree, and how the two programs differ about it."""
    tree = copied(FIXTURES, tmp_path_factory.mktemp("mutated") / "node")

    async def collected() -> list[Seen]:
        return [seen async for seen in every(tree)]

    return asyncio.run(collected())


def test_no_difference_is_without_an_excuse(trees: list[Seen]) -> None:
    unexcused = [
        (
            one.difference,
            one.mutation.collector,
            one.mutation.kind,
            one.mutation.path,
            one.details[:3],
        )
        for one in trees
        if one.difference is not None
        and not any(excuse.covers(one.mutation, one.difference) for excuse in EXCUSES)
    ]
    assert unexcused == []


def test_most_trees_are_told_the_same_and_each_collector_has_its_share(trees: list[Seen]) -> None:
    changed = [one.mutation for one in trees if one.mutation.kind != "untouched"]
    assert len({(one.path, one.data) for one in changed}) >= 500
    same = Counter(one.mutation.collector for one in trees if one.difference is None)
    assert same.total() > 0.75 * len(trees)
    assert min(same[name] for name in SOURCES) >= 3


def test_every_excuse_is_needed(trees: list[Seen]) -> None:
    """One that nothing needs any more would hide the next difference."""
    idle = [
        excuse.why
        for excuse in EXCUSES
        if not any(one.difference and excuse.covers(one.mutation, one.difference) for one in trees)
    ]
    assert idle == []


def test_whatever_the_tree_what_we_serve_can_be_read(trees: list[Seen]) -> None:
    for one in trees:
        series = [
            (sample.name, tuple(sorted(sample.labels.items())))
            for family in text_string_to_metric_families(one.ours.decode())
            for sample in family.samples
        ]
        assert len(series) == len(set(series)), one.mutation


def test_the_trees_that_people_ask_for_are_told_alike(trees: list[Seen]) -> None:
    told = {
        one.mutation.kind: one
        for one in trees
        if " " in one.mutation.kind or one.mutation.kind == "degraded"
    }
    assert {kind: one.difference for kind, one in told.items()} == dict.fromkeys(
        ("degraded", "dropped slave", "failing memory", "240 interfaces", "128 processors")
    )
    assert told["240 interfaces"].ours.count(b"node_network_receive_bytes_total{") >= 240
    assert told["128 processors"].ours.count(b'mode="idle"') == 128
    assert b'node_bonding_active{master="dmz"} 1\n' in told["dropped slave"].ours
    assert b'hale_bonding_slave_up{master="dmz",slave="eth4"} 0\n' in told["dropped slave"].ours
    assert b"} 4711\n" in told["failing memory"].ours
    assert b'state="failed"' in told["degraded"].ours
