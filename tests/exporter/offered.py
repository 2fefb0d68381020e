"""Collectors as their rows of the inventory make them, on a tree of captured files.

fixtures/proc and fixtures/sys are for the most part node_exporter's own captures (collector/fixtures, Apache-2.0),
file for file; what it has none of is written by the kernel's documentation, which the collector's test names.
"""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from exporter.clock import Clock
from exporter.collector import Background, OnScrape, State
from exporter.config import Config
from exporter.inventory import OFFERS
from exporter.offers import Chosen, Declarations, Node
from exporter.settings import DEFAULTS

FIXTURES = Path(__file__).parent / "fixtures"
PATIENCE = 20.0  # seconds until a test that waits for something real gives up


def write(path: Path, text: str) -> None:
    """Write a file of such a tree, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def made(name: str, tree: Path = FIXTURES, **flags: object) -> OnScrape | Background:
    """Make one collector that finds /proc, /sys and udev's database in `tree`.

    Args:
        name: The collector's.
        tree: With the folders proc, sys and udev.
        flags: By the flag's name with _ for its dots and dashes after the collector's.
    """
    (offer,) = (one for one in OFFERS if one.name == name)
    node = Node(
        procfs=tree / "proc",
        sysfs=tree / "sys",
        rootfs=tree,
        udev_data=tree / "udev",
        clock=Clock(),
        chosen=Chosen(flags),
        declared=Declarations(Config()),
        systemd=None,
        vrrp=None,  # type: ignore[arg-type]  # nothing here asks keepalived
        enabled=DEFAULTS,
    )
    return offer.make(node)


async def body(name: str, tree: Path = FIXTURES, **flags: object) -> bytes:
    """Return the series of one collector.

    Raises:
        Absent, Malformed, OSError: What a collector on scrape raised.
        AssertionError: One in the background fell over for a bug, which it survives and logs.
    """
    collector = made(name, tree, **flags)
    if isinstance(collector, OnScrape):
        return collector.collect()
    with capture_logs() as logs:
        seen, _ = await ran(collector)
    assert not [entry for entry in logs if "exc_info" in entry], logs
    return seen


async def ran(collector: Background) -> tuple[bytes, State]:
    """Run a background collector's first round, and return what came of it."""
    task = asyncio.create_task(collector.run())
    async with asyncio.timeout(PATIENCE):
        # It may publish some of its series before all of them.
        while collector.latest().duration_seconds is None:
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return collector.latest().body, collector.latest().state


async def values(name: str, tree: Path = FIXTURES, **flags: object) -> dict[str, float]:
    """Return one collector's values by series."""
    rows = (await body(name, tree, **flags)).decode().splitlines()
    samples = [row.rpartition(" ") for row in rows if not row.startswith("#")]
    return {series: float(value) for series, _, value in samples}
