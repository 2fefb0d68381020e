"""What node_exporter shows only where a flag asks for it: same names, types, texts, labels and values."""

import re
import shutil
from ipaddress import ip_address
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.collector import Malformed, OnScrape
from exporter.collectors.address_info import address_info, scope
from exporter.cpuinfo import parse
from exporter.devices import EVERY, Devices
from exporter.pci_ids import PciIds
from exporter.rtnetlink import Address
from tests.exporter.offered import FIXTURES, body, made, values

# What node_exporter 1.12 itself says of the same captures (collector/fixtures/e2e-output.txt).
CPU_ASKED = """\
# HELP node_cpu_bug_info The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.
# TYPE node_cpu_bug_info gauge
node_cpu_bug_info{bug="cpu_meltdown"} 1
node_cpu_bug_info{bug="mds"} 1
node_cpu_bug_info{bug="spectre_v1"} 1
node_cpu_bug_info{bug="spectre_v2"} 1
# HELP node_cpu_flag_info The `flags` field of CPU information from /proc/cpuinfo taken from the first core.
# TYPE node_cpu_flag_info gauge
node_cpu_flag_info{flag="aes"} 1
node_cpu_flag_info{flag="avx"} 1
node_cpu_flag_info{flag="avx2"} 1
node_cpu_flag_info{flag="constant_tsc"} 1
"""
FLAGS_AND_BUGS = {
    "cpu.info.flags-include": re.compile("^(aes|avx.?|constant_tsc)$"),
    "cpu.info.bugs-include": re.compile("^(cpu_meltdown|spectre_.*|mds)$"),
}
CPU_INFO = (
    'node_cpu_info{cachesize="8192 KB",core="3",cpu="7",family="6",microcode="0xb4",model="142",'
    'model_name="Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz",package="0",stepping="10",vendor="GenuineIntel"} 1'
)
ARM = b"""\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd aes
CPU implementer\t: 0x41

processor\t: 1
BogoMIPS\t: 50.00
Features\t: fp asimd aes

"""


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A copy of the captured node that a test may change."""
    shutil.copytree(FIXTURES, tmp_path / "node", symlinks=True)
    return tmp_path / "node"


# --- Processors -----------------------------------------------------------------------------


async def test_flags_and_bugs_are_those_that_are_asked_for_as_node_exporter_says_them() -> None:
    seen = (await body("cpu", **FLAGS_AND_BUGS)).decode().splitlines()
    shown = [row for row in seen if "_bug_info" in row or "_flag_info" in row]
    assert sorted(shown) == sorted(CPU_ASKED.splitlines())


async def test_a_processor_is_described_and_its_frequency_is_in_hertz() -> None:
    seen = (await body("cpu", **{"cpu.info": True})).decode().splitlines()
    assert CPU_INFO in seen
    assert "# HELP node_cpu_info CPU information from /proc/cpuinfo." in seen
    hertz = [row for row in seen if row.startswith('node_cpu_frequency_hertz{core="3",cpu="7",')]
    assert [float(row.rpartition(" ")[2]) for row in hertz] == [8.0003e08]
    assert sum(row.startswith("node_cpu_info{") for row in seen) == 8
    assert not [row for row in seen if "flag_info" in row or "bug_info" in row]


async def test_where_cpufreq_has_measured_the_frequency_the_name_is_its_own(node: Path) -> None:
    (node / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq").write_text("1699981\n")
    assert b"node_cpu_frequency_hertz" not in await body("cpu", node, **{"cpu.info": True})


async def test_nobody_reads_cpuinfo_who_was_not_asked(node: Path) -> None:
    (node / "proc/cpuinfo").unlink()
    assert b"node_cpu_info" not in await body("cpu", node)


def test_arm_has_no_vendor_and_calls_its_flags_features() -> None:
    first, second = parse(ARM)
    assert (first.labels["cpu"], first.labels["vendor"], first.hertz) == ("0", "", 0)
    assert second.flags == ("fp", "asimd", "aes")


@pytest.mark.parametrize(
    "data", [b"", b"vendor_id : x\n", b"processor : x\n", b"processor : 1\ncpu MHz : fast\n"]
)
def test_a_cpuinfo_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="cpuinfo"):
        parse(data)


# --- Network devices ------------------------------------------------------------------------


def _statistics(node: Path, device: str) -> None:
    folder = node / "sys/class/net" / device / "statistics"
    folder.mkdir(parents=True, exist_ok=True)
    words = ("dropped", "missed_errors", "frame_errors", "length_errors", "over_errors")
    for number, word in enumerate((*words, "crc_errors", "nohandler")):
        (folder / f"rx_{word}").write_text(f"{number + 1}\n")
    for number, word in enumerate(("carrier", "aborted", "heartbeat", "window")):
        (folder / f"tx_{word}_errors").write_text(f"{number + 101}\n")


async def test_detailed_names_are_those_of_netlink(node: Path) -> None:
    """collector/netdev_linux.go, parseNetlinkStats."""
    _statistics(node, "eth0")
    seen = await values("netdev", node, **{"netdev.enable-detailed-metrics": True})
    ours = {
        series.partition("{")[0].removeprefix("node_network_").removesuffix("_total"): value
        for series, value in seen.items()
        if 'device="eth0"' in series
    }
    errors = {
        **{f"receive_{word}": at + 1 for at, word in enumerate(("dropped", "missed_errors"))},
        "receive_frame_errors": 3,
        "receive_length_errors": 4,
        "receive_over_errors": 5,
        "receive_crc_errors": 6,
        "receive_nohandler": 7,
        "transmit_carrier_errors": 101,
        "transmit_aborted_errors": 102,
        "transmit_heartbeat_errors": 103,
        "transmit_window_errors": 104,
    }
    columns = {
        *(f"{way}_{word}" for way in ("receive", "transmit") for word in ("bytes", "packets")),
        *(f"{way}_{word}" for way in ("receive", "transmit") for word in ("errors", "compressed")),
        *("receive_fifo_errors", "transmit_fifo_errors", "transmit_dropped"),
        *("multicast", "collisions"),
    }
    assert ours.keys() == errors.keys() | columns
    assert {word: ours[word] for word in errors} == errors
    short = await values("netdev", node)
    for word, was in (("bytes", "bytes"), ("fifo_errors", "fifo"), ("errors", "errs")):
        assert (
            ours[f"receive_{word}"] == short[f'node_network_receive_{was}_total{{device="eth0"}}']
        )


async def test_each_series_has_the_alias_of_its_device_as_it_is_now(node: Path) -> None:
    _statistics(node, "eth0")
    alias = node / "sys/class/net/eth0/ifalias"
    alias.write_text("up%link\n")
    collector = made("netdev", node, **{"netdev.label-ifalias": True})
    assert isinstance(collector, OnScrape)
    seen = collector.collect().decode()
    labels = {
        row.partition("{")[2].partition("}")[0] for row in seen.splitlines() if '"eth0"' in row
    }
    assert labels == {'device="eth0",ifalias="up%link"'}
    assert 'device="eth0.100"}' in seen  # which /sys has not, and so no alias
    alias.write_text("down\n")
    again = collector.collect().decode()
    assert again.count('device="eth0",ifalias="down"') == 17
    assert "up%link" not in again


async def test_the_addresses_are_those_of_the_devices_that_are_shown() -> None:
    found = [Address(1, "127.0.0.1", True, 8), Address(2, "10.0.0.7", True, 24)]
    found += [Address(2, "fe80::1", False, 64), Address(3, "192.0.2.1", True, 32)]
    names = [(1, "lo"), (2, "eth0"), (4, "gone")]
    read = address_info(Devices(exclude=re.compile("^lo$")), lambda: found, lambda: names)
    assert read().decode().splitlines() == [
        "# HELP node_network_address_info node network address by device",
        "# TYPE node_network_address_info gauge",
        'node_network_address_info{address="10.0.0.7",device="eth0",netmask="24",scope="global"} 1',
        'node_network_address_info{address="fe80::1",device="eth0",netmask="64",scope="link-local"} 1',
    ]


def test_the_addresses_of_this_machine_are_listed() -> None:
    assert b'{address="127.0.0.1",device="lo",netmask="8",scope="link-local"} 1\n' in (
        address_info(EVERY)()
    )


@pytest.mark.parametrize(
    ("address", "reach"),
    [("169.254.0.1", "link-local"), ("::1", "link-local"), ("fd00::1", "global"), ("::", "")],
)
def test_how_far_an_address_reaches(address: str, reach: str) -> None:
    assert scope(ip_address(address)) == reach


async def test_netclass_counts_only_where_netlink_is_asked_for_too(node: Path) -> None:
    """collector/netclass_rtnl_linux.go, which calls them gauges."""
    _statistics(node, "eth0")
    both = {"netclass.netlink": True, "netclass_rtnl.with-stats": True}
    seen = (await body("netclass", node, **both)).decode()
    assert 'node_network_receive_over_errors_total{device="eth0"} 5\n' in seen
    assert (
        "# HELP node_network_receive_over_errors_total Network device property: receive_over_errors_total\n"
        "# TYPE node_network_receive_over_errors_total gauge\n"
    ) in seen
    assert (
        "over_errors" not in (await body("netclass", node, **dict(list(both.items())[1:]))).decode()
    )


# --- PCI devices ----------------------------------------------------------------------------

PCI = {"pcidevice.names": True, "pcidevice.idsfile": FIXTURES / "pci.ids"}


async def test_pci_devices_are_named_by_pci_ids() -> None:
    seen = [
        row for row in (await body("pcidevice", **PCI)).decode().splitlines() if "_info{" in row
    ]
    (nvme,) = (row for row in seen if '{bus="01"' in row)
    for label in (
        'vendor_name="Micron/Crucial Technology"',
        'device_name="P2 [Nick P2] / P3 / P3 Plus NVMe PCIe SSD (DRAM-less)"',
        'subsystem_vendor_name="Micron/Crucial Technology"',
        'subsystem_device_name="PS5021-E21 PCIe4 NVMe Controller (DRAM-less)"',
        'class_name="NVM Express"',
        'class_id="0x010802"',
    ):
        assert label in nvme
    (bridge,) = (row for row in seen if '{bus="00"' in row)
    assert 'class_name="PCI bridge"' in bridge
    assert 'subsystem_vendor_name="Lenovo"' in bridge


async def test_what_pci_ids_does_not_know_is_called_by_its_digits(node: Path) -> None:
    for name, digits in (("vendor", "0xBEEF"), ("device", "0x12"), ("class", "0x7fabcd")):
        (node / "sys/bus/pci/devices/0000:01:00.0" / name).write_text(f"{digits}\n")
    seen = (await body("pcidevice", node, **PCI)).decode()
    (row,) = (row for row in seen.splitlines() if '_info{bus="01"' in row)
    for label in ('vendor_name="beef"', 'device_name="0012"', 'subsystem_device_name="5021"'):
        assert label in row
    assert 'class_name="Unknown class (7fabcd)"' in row


async def test_without_a_pci_ids_digits_are_shown(node: Path) -> None:
    seen = await body("pcidevice", node, **PCI | {"pcidevice.idsfile": node / "nowhere"})
    assert b'vendor_name="c0a9"' in seen


def test_a_file_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    ids = PciIds(tmp_path / "nowhere")
    with capture_logs() as logs:
        ids.look(["8086"])
        ids.look(["8086"])
    assert [entry["event"] for entry in logs] == ["pci_ids.unreadable"]
    assert "nowhere" in logs[0]["problem"]
