"""The collectors of devices and processors, on a node whose devices come and go under them."""

import re
import shutil
import threading
import time
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.collectors.cpu import Cpu, no_less
from exporter.collectors.diskstats import Diskstats
from exporter.collectors.netdev import Netdev
from exporter.collectors.pressure import Stalls
from exporter.devices import EVERY, Devices
from exporter.disk_info import DiskInfo
from exporter.netcounters import KEPT_OPEN
from exporter.netns import NetFile
from exporter.processors import Processors
from exporter.procfile import ProcFile
from exporter.rotation import Rotation
from exporter.udev import Udev
from tests.exporter.hanging import HungMounts

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A copy of the captured node that a test may change; files keep their inodes, as those of /proc do."""
    shutil.copytree(FIXTURES, tmp_path / "node", symlinks=True)
    return tmp_path / "node"


def values(body: bytes) -> dict[str, float]:
    rows = [row for row in body.decode().splitlines() if not row.startswith("#")]
    found = {series: float(value) for series, _, value in (row.rpartition(" ") for row in rows)}
    assert len(found) == len(rows), "a series is there twice"
    return found


def netdev(node: Path, keep: Devices = EVERY) -> Netdev:
    return Netdev(NetFile(node / "proc", "dev"), node / "sys/class/net", keep)


def diskstats(node: Path, keep: Devices = EVERY) -> Diskstats:
    info = DiskInfo(Udev(node / "udev"), Rotation(node / "sys"))
    return Diskstats(ProcFile(node / "proc/diskstats"), info, keep)


def cpu(node: Path) -> Cpu:
    return Cpu(ProcFile(node / "proc/stat"), Processors(node / "sys"))


def received(device: str) -> str:
    return f'node_network_receive_bytes_total{{device="{device}"}}'


# --- Network devices ------------------------------------------------------------------------


def test_a_device_that_comes_or_goes_has_its_own_numbers(node: Path) -> None:
    collector, file = netdev(node), node / "proc/1/net/dev"
    assert values(collector.collect())[received("br%d0")] == 120468
    rows = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*rows[:3], "veth1:" + " 7" * 16 + "\n", *rows[4:]]))
    seen = values(collector.collect())
    assert (seen[received("veth1")], seen[received("br%d0")]) == (7, 120468)
    assert received("eth0") not in seen


def test_hundreds_of_devices_that_do_not_come_in_one_read(node: Path) -> None:
    file, names = node / "proc/1/net/dev", [f"veth{number}" for number in range(700)]
    head = "".join(file.read_text().splitlines(keepends=True)[:2])
    file.write_text(head + "".join(f"{n}:{' 18446744073709551615' * 16}\n" for n in names))
    for name in names:
        folder = node / "sys/class/net" / name / "statistics"
        folder.mkdir(parents=True)
        (folder / "rx_nohandler").write_text("5\n")
    collector = netdev(node)
    seen = values(collector.collect())
    assert len(seen) == 700 * 17
    assert seen == values(collector.collect())
    files = [Path(link) for link in _open_files() if str(node) in link]
    assert KEPT_OPEN < len(files) < KEPT_OPEN + 5


def _open_files() -> list[str]:
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue  # the one that lists them
    return links


def test_the_packets_that_nobody_wanted_are_read_of_the_device_that_is_there_now(
    node: Path,
) -> None:
    collector, series = netdev(node), 'node_network_receive_nohandler_total{device="eth0"}'
    assert values(collector.collect())[series] == 12
    assert 'node_network_receive_nohandler_total{device="eth0.100"}' not in values(
        collector.collect()
    )
    shutil.rmtree(node / "sys/class/net/eth0")
    (node / "sys/class/net/eth0").write_text("no folder any more")
    assert received("eth0") in values(collector.collect())


def test_a_node_that_hides_its_first_process_shows_our_own_devices(node: Path) -> None:
    shutil.move(node / "proc/1/net", node / "proc/net")
    assert received("eth0") in values(netdev(node).collect())


def test_devices_are_chosen_by_expression(node: Path) -> None:
    keep = Devices(exclude=re.compile("^eth0$"), include=re.compile("eth"))
    shown = {s for s in values(netdev(node, keep).collect()) if "receive_bytes" in s}
    assert shown == {received("eth0.100")}
    assert netdev(node, Devices(include=re.compile("nothing"))).collect() == b""


# --- Disks ----------------------------------------------------------------------------------


def test_a_disk_that_comes_or_goes_has_its_own_numbers(node: Path) -> None:
    collector, file = diskstats(node), node / "proc/diskstats"
    assert values(collector.collect())['node_disk_io_now{device="sda"}'] == 3
    file.write_text("8 16 sdb" + " 9" * 17 + "\n" + file.read_text().replace("   8       0", "8 0"))
    seen = values(collector.collect())
    assert seen['node_disk_io_now{device="sdb"}'] == 9
    assert seen['node_disk_io_now{device="sda"}'] == 3
    file.write_text("")
    assert collector.collect() == b""


def test_what_udev_writes_anew_is_read_anew(node: Path) -> None:
    collector, entry = diskstats(node), node / "udev/b8:0"
    assert b'model="MZ7LH960"' in collector.collect()
    fresh = node / "udev/.new"
    fresh.write_text("E:ID_MODEL=other\nE:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=none\n")
    fresh.rename(entry)
    seen = collector.collect()
    assert b'model="other"' in seen
    assert b"node_disk_ata_write_cache" not in seen
    entry.unlink()
    assert b'device="sda",major="8",minor="0",model=""' in collector.collect()


def test_a_disk_that_hangs_holds_up_one_scrape_for_a_moment_and_no_other(
    node: Path, filer: HungMounts
) -> None:
    """A file system that hangs stands for a queue whose lock is never let go."""
    rotational = node / "sys/block/sda/queue/rotational"
    rotational.unlink()
    rotational.symlink_to(filer.file)
    collector = diskstats(node)
    began = time.monotonic()
    first = values(collector.collect())
    second = values(collector.collect())
    assert time.monotonic() - began < 2.0
    assert first == second
    assert first['node_disk_io_now{device="sda"}'] == 3
    assert threading.active_count() == 2


# --- Processors -----------------------------------------------------------------------------


def test_a_counter_that_goes_back_a_little_is_shown_as_before(node: Path) -> None:
    collector, file = cpu(node), node / "proc/stat"
    idle, waiting = (f'node_cpu_seconds_total{{cpu="0",mode="{m}"}}' for m in ("idle", "iowait"))
    collector.collect()
    file.write_text(
        file.read_text().replace("cpu0 10909 0 2499 229929 118", "cpu0 10909 0 2499 229928 17")
    )
    seen = values(collector.collect())
    assert (seen[idle], seen[waiting]) == (2299.29, 1.18)


def test_a_processor_that_was_away_begins_anew() -> None:
    before, now = (900, 0, 0, 5000, 0, 0, 0, 0, 0, 0), (1, 0, 0, 4700, 0, 0, 0, 0, 0, 0)
    assert no_less(before, now) == now
    assert no_less(before, (1, 0, 0, 4701, 0, 0, 0, 0, 0, 0)) == before


def test_processors_that_are_switched_off_and_on(node: Path) -> None:
    collector, file = cpu(node), node / "proc/stat"
    both = file.read_text()
    online = 'node_cpu_online{cpu="1"}'
    assert values(collector.collect())[online] == 1
    file.write_text("".join(row for row in both.splitlines(keepends=True) if "cpu1" not in row))
    (node / "sys/devices/system/cpu/cpu1/online").write_text("0\n")
    shutil.rmtree(node / "sys/devices/system/cpu/cpu1/topology")
    seen = values(collector.collect())
    assert seen[online] == 0
    assert not [series for series in seen if 'cpu="1",mode=' in series or 'core="1"' in series]
    file.write_text(both.replace("cpu1 24999", "cpu1 24"))
    assert values(collector.collect())['node_cpu_seconds_total{cpu="1",mode="user"}'] == 0.24


def test_a_machine_whose_first_processor_cannot_be_switched_off_shows_none_as_switch(
    node: Path,
) -> None:
    (node / "sys/devices/system/cpu/cpu0/online").unlink()
    assert b"node_cpu_online" not in cpu(node).collect()


def test_a_machine_without_sys_shows_the_times_alone(node: Path) -> None:
    shutil.rmtree(node / "sys")
    assert {s.split("{")[0] for s in values(cpu(node).collect())} == {
        "node_cpu_seconds_total",
        "node_cpu_guest_seconds_total",
    }


def test_the_time_of_guests_can_be_left_out(node: Path) -> None:
    collector = Cpu(ProcFile(node / "proc/stat"), Processors(node / "sys"), guest=False)
    seen = values(collector.collect())
    assert not [series for series in seen if "guest" in series]
    assert seen['node_cpu_seconds_total{cpu="1",mode="steal"}'] == 0.09


# --- Pressure -------------------------------------------------------------------------------


def test_a_kernel_without_the_pressure_of_interrupts_has_the_others(node: Path) -> None:
    (node / "proc/pressure/irq").unlink()
    assert len(values(Stalls(node / "proc/pressure").collect())) == 5


def test_a_kernel_without_pressure_is_absent(node: Path) -> None:
    shutil.rmtree(node / "proc/pressure")
    with pytest.raises(Absent):
        Stalls(node / "proc/pressure").collect()


def test_a_resource_that_lacks_a_total_is_malformed(node: Path) -> None:
    (node / "proc/pressure/memory").write_text("some avg10=0.00 total=7\n")
    with pytest.raises(Malformed, match="memory has not all of some, full"):
        Stalls(node / "proc/pressure").collect()
