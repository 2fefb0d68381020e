"""A host with many of everything is read whole, and what is too much is cut and counted."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from exporter.clock import Clock
from exporter.collectors.services import Services
from exporter.config import Service
from exporter.units import SystemBus
from tests.exporter import big_host
from tests.exporter.hanging import exporter
from tests.exporter.systemd_on_bus import dbus_daemon, systemd_on
from tests.exporter.tools import complaints

PATIENCE = 60.0  # seconds until a test that waits for something real gives up
CPUS, INTERFACES, MOUNTS, UNITS = 128, 240, 1000, 500


def samples(body: str) -> Counter[str]:
    """How many series each metric has; each has a place of its own in the exposition."""
    rows = [row for row in body.splitlines() if not row.startswith("#")]
    names = [re.split(r"[ {]", row, maxsplit=1)[0] for row in rows]
    assert len({row.rpartition(" ")[0] for row in rows}) == len(rows), "a series is there twice"
    return Counter(names)


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    proc, sysfs, root = big_host.write(tmp_path, cpus=CPUS, interfaces=INTERFACES, mounts=MOUNTS)
    chosen = ("cpu", "filesystem", "interrupts", "loadavg", "meminfo", "netdev", "stat")
    return [
        f"--path.procfs={proc}",
        f"--path.sysfs={sysfs}",
        f"--path.rootfs={root}",
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in chosen),
    ]


@pytest.mark.tools
def test_a_thousand_mounts_and_all_the_rest_are_read_whole(flags: list[str]) -> None:
    with exporter(flags) as served:
        body = served.scrape()
        threads = served.threads
    seen = samples(body)
    assert seen["node_cpu_seconds_total"] == 8 * CPUS
    assert seen["node_network_receive_bytes_total"] == INTERFACES
    assert seen["node_interrupts_total"] == big_host.IRQS * CPUS
    for what in ("size_bytes", "avail_bytes", "files", "readonly", "device_error"):
        assert seen[f"node_filesystem_{what}"] == MOUNTS
    assert not re.search(r"^hale_collector_series_cut.* [1-9]", body, re.M)
    assert threads < 16
    assert {text for text in complaints(body.encode()) if not text.startswith("node_")} == set()


def test_of_more_than_may_be_served_the_beginning_is_and_the_rest_is_counted(
    flags: list[str],
) -> None:
    with exporter([*flags, "--collector.max-series=1000"]) as served:
        body = served.scrape()
    seen = samples(body)
    assert seen["node_interrupts_total"] == 1000
    cut = f'hale_collector_series_cut{{collector="interrupts"}} {big_host.IRQS * CPUS - 1000}'
    assert cut in body.splitlines()
    assert seen["node_load1"] == 1


async def test_five_hundred_units_are_followed(tmp_path: Path) -> None:
    names = [f"tenant-{number}.service" for number in range(UNITS)]
    with dbus_daemon(tmp_path) as address:
        async with systemd_on(address) as systemd:
            for name in names:
                systemd.load(name)
            services = Services(
                [Service(name, name, "web") for name in names],
                SystemBus(address, deadline=PATIENCE),
                Clock(),
            )
            task = asyncio.create_task(services.run())
            async with asyncio.timeout(PATIENCE):
                await services.settled()
            body = services.latest().body.decode()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert samples(body)["hale_service_up"] == UNITS
