"""Whatever hangs, for real: every scrape is answered, with all but what hangs."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession

from exporter.blocking import MOST_THREADS, StillRunning
from exporter.inventory import OFFERS
from exporter.programs import Programs
from tests.exporter.hanging import (
    LOCAL,
    PATIENCE,
    HungMounts,
    Served,
    exporter,
    hung_mounts,
    proc_tree,
    sensors,
    skip_without_fuse,
    states,
)
from tests.exporter.systemd_on_bus import dbus_daemon
from tests.frozen import freeze

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


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_is_left_of_one_that_was_ended_while_a_mount_hangs_keeps_no_port(
    filer: HungMounts, tmp_path: Path, how: signal.Signals
) -> None:
    """Its process stays until the mount answers; the next exporter needs not wait for that."""
    flags = [f"--path.procfs={proc_tree(tmp_path, filer.table)}", NEVER]
    with exporter(flags, filer.inside, filer.process.kill) as served:
        served.scrape()
        filer.hold(served.process.pid)
        address = LOCAL, int(served.base.rpartition(":")[2])
        served.process.send_signal(how)
        end = time.monotonic() + PATIENCE
        while not free(address):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert served.process.poll() is None


def free(address: tuple[str, int]) -> bool:
    """Whether one could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen()
        except OSError:
            return False
    return True


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


CONFIG = """\
cluster: first
node: web1
services:
  - name: nginx
    unit: nginx.service
    group: web
    probe: {{http: "http://127.0.0.1:{port}/", interval: 100ms, timeout: 300ms, fall: 2}}
peers:
  - {{node: web2, address: "127.0.0.1:{port}"}}
virtual_addresses:
  - {{name: vip, address: 127.0.0.1, interface: lo, group: web, router_id: 51}}
"""
PROBED = 'hale_service_probe_success{service="nginx",probe="http"} 0'
# Whoever asks nobody over a bus or a network, and no hardware.
PLAIN = ("cpu", "loadavg", "meminfo", "netdev", "stat", "uname")


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A service and a peer that accept every connection and never say a word."""
    with socket.socket() as silent:
        silent.bind((LOCAL, 0))
        silent.listen(64)
        file = tmp_path / "exporter.yml"
        file.write_text(CONFIG.format(port=silent.getsockname()[1]))
        yield file


def test_a_bus_and_a_service_that_accept_and_stay_silent_cost_only_their_own(
    config: Path, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen(64)
        address = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/bus"}
        with exporter([f"--config.file={config}"], environment=address) as served:
            body = served.scrape()
            assert {states(body)[name] for name in PLAIN} == {"ok"}
            assert {states(body)[name] for name in ("services", "keepalived")} == {"timed_out"}
            assert "hale_service_up{" not in body
            assert "keepalived_up" not in body
            served.until('hale_peer_up{peer="web2"} 1', PROBED)
            assert served.descriptors < 64


def test_a_bus_that_falls_silent_later_stops_no_scrape(config: Path, tmp_path: Path) -> None:
    with dbus_daemon(tmp_path) as address:
        environment = {"DBUS_SYSTEM_BUS_ADDRESS": address}
        with exporter([f"--config.file={config}"], environment=environment) as served:
            daemon = _daemon(tmp_path)
            freeze(daemon)
            try:
                for _ in range(3):
                    assert {states(served.scrape())[name] for name in PLAIN} == {"ok"}
            finally:
                os.kill(daemon, signal.SIGCONT)


def _daemon(folder: Path) -> int:
    wanted = f"--config-file={folder}/bus.conf".encode()
    found = [
        p for p in Path("/proc").glob("[0-9]*/cmdline") if wanted in p.read_bytes().split(b"\0")
    ]
    return int(found[0].parent.name)


def test_sensors_that_block_cost_only_their_own_series_whatever_collector_is_on(
    filer: HungMounts, tmp_path: Path
) -> None:
    """Every one that reads such a file has to do it in a thread (exporter/hardware.py)."""
    sysfs = sensors(tmp_path, filer.file)
    flags = [f"--path.sysfs={sysfs}", *(f"--collector.{one.name}" for one in OFFERS)]
    with exporter(flags, let_go=filer.process.kill) as served:
        assert {states(served.scrape())[name] for name in PLAIN} == {"ok"}
        # All collectors there are, at once: on a slow machine that takes longer than a start waits for its first round.
        served.until(*NEIGHBOURS)
        for _ in range(3):
            body = served.scrape()
            assert {states(body)[name] for name in PLAIN} == {"ok"}
            assert set(NEIGHBOURS) <= set(body.splitlines())
        assert FEW < served.threads < MOST_THREADS  # so they do hang


NEIGHBOURS = (
    'node_bonding_slaves{master="bond1"} 0',
    'node_cpu_scaling_frequency_hertz{cpu="1"} 1200000000',
    'node_fibrechannel_nos_total{fc_host="host1"} 2',
    'node_hwmon_temp_celsius{chip="k10temp",sensor="temp1"} 41.5',
    'node_infiniband_state_id{device="mlx5_1",port="1"} 4',
    'node_network_up{device="eth1"} 1',
    'node_power_supply_capacity{power_supply="BAT1"} 80',
    'node_thermal_zone_temp{type="acpitz",zone="1"} 27.8',
)


async def test_fifty_scrapes_at_a_time_are_answered_or_turned_away_and_leave_nothing() -> None:
    with exporter([]) as served:
        served.scrape()
        before = served.descriptors
        async with ClientSession() as session:

            async def scrape() -> int:
                try:
                    async with session.get(f"{served.base}/metrics") as answer:
                        await answer.read()
                        return answer.status
                except ClientConnectionError:
                    return 0  # so many connections of one address are too many

            statuses = await asyncio.gather(*(scrape() for _ in range(50)))
        assert set(statuses) <= {200, 503, 0}
        assert statuses.count(200) >= 30
        end = time.monotonic() + PATIENCE
        while served.descriptors > before and time.monotonic() < end:
            await asyncio.sleep(0.05)  # it has to see that they hung up
        assert served.descriptors <= before
        assert "node_load1" in served.scrape()
