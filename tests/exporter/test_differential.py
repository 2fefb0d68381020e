"""Side by side with Debian's node_exporter on the same sources: names, types, labels and values."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from exporter.collectors.diskstats import DEVICE_EXCLUDE
from exporter.collectors.filesystem import FS_TYPES_EXCLUDE, MOUNT_POINTS_EXCLUDE
from tests.exporter.mutated import without_what_is_newer
from tests.exporter.tools import ROOT, complaints, find

pytestmark = pytest.mark.tools

FIXTURES = Path(__file__).parent / "fixtures"
COLLECTORS = (
    *("cpu", "diskstats", "filesystem", "loadavg", "meminfo"),
    *("netdev", "pressure", "stat", "uname"),
    "mdadm",
    *("cpufreq", "dmi", "edac", "hwmon", "nvme", "powersupplyclass", "rapl", "tapestats"),
    *("thermal_zone", "bcache", "btrfs", "drbd", "xfs", "zfs"),
    "vmstat",
    *("entropy", "filefd", "schedstat", "time", "timex", "os", "selinux"),
    *("buddyinfo", "cgroups", "interrupts", "ksmd", "meminfo_numa", "slabinfo", "zoneinfo"),
    *("bonding", "conntrack", "netstat", "sockstat", "softnet"),
    *("arp", "ipvs", "netclass", "udp_queues"),
    *("fibrechannel", "infiniband", "lnstat", "mountstats", "nfs", "nfsd"),
)
# What each program says of itself, and what differs from one moment to the next.
OWN = ("go_", "process_", "promhttp_", "python_", "hale_", "node_exporter_")
MOVING = {
    "node_scrape_collector_duration_seconds",
    "node_filesystem_free_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_files_free",
    "node_time_seconds",
    *(f"node_timex_{what}_seconds" for what in ("estimated_error", "maxerror", "offset")),
}
# What node_exporter has since Debian's 1.5, and what it reads over netlink where we read files.
NEWER = {
    *(f"node_btrfs_{what}" for what in ("commit_seconds_total", "commits_total")),
    *(f"node_btrfs_{which}_commit_seconds" for which in ("last", "max")),
    "node_zfs_arc_memory_available_bytes",
    "node_cpu_frequency_hertz",  # /proc/cpuinfo's; the captured cpufreq has not measured any
    "node_cpu_online",
    "node_cpu_scaling_governor",
    "node_edac_channel_correctable_errors_total",
    "node_edac_channel_uncorrectable_errors_total",
    "node_filesystem_mount_info",
    "node_hwmon_freq_freq_mhz",
    "node_ksmd_general_profit_bytes",
    "node_md_degraded",
    "node_md_raid_disks",
    *(f"node_nvme_namespace_{what}_bytes" for what in ("capacity", "size", "used")),
    "node_nvme_namespace_info",
    "node_nvme_namespace_logical_block_size_bytes",
    "node_mountstats_nfs_mountpoint_info",
    "node_netstat_TcpExt_TCPOFOQueue",
    "node_netstat_TcpExt_TCPRcvQDrop",
    "node_network_receive_nohandler_total",
    "node_pressure_irq_stalled_seconds_total",
    "node_softnet_backlog_len",
    *(
        f"node_softnet_{what}_total"
        for what in ("cpu_collision", "flow_limit_count", "received_rps")
    ),
}
NEWER_STEM = "node_zfs_dbuf_"
# Sensors of one device in several chips: they have a name each since node_exporter 1.12, and before one for all.
# In 1.5 two methods of NFS's version 4 have each other's number, and some of its server's that of another one.
# Clocks of graphics cards and suspended pools are shown since 1.6, and a dataset's name in whole, where it has spaces.
NEWER_SERIES = re.compile(
    r'node_nfs_requests_total{method="(GetDeviceInfo|LayoutGet)"'
    r'|node_nfsd_requests_total{method="(SetClientID|SetClientIDConfirm|Verify|WdelegGetattr|Write)",proto="4"'
    r'|chip="(ieee80211_phy0|platform_asus_nb_wmi)|sensor="freq[0-9]"|dataset="pool3/|state="suspended"'
)
NEWER_LABEL = re.compile(
    r',rotational="[01]"|cntlid="[^"]*",|adminstate="[^"]*",|,transport="[0-9]+"'
)
PATIENCE = 20.0  # seconds


@dataclass(frozen=True)
class Scrape:
    """One program's exposition: types by name, values by name and labels."""

    text: bytes
    types: dict[str, str]
    values: dict[str, float]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def running(*argv: str) -> Iterator[int]:
    """Run a program with node_exporter's flags; yields its port."""
    port = free_port()
    flags = [f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen([*argv, *flags], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.communicate()


def fetch(port: int) -> bytes:
    """Scrape a program that may still be starting."""
    give_up = time.monotonic() + PATIENCE
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read()
        except ConnectionRefusedError:
            assert time.monotonic() < give_up, f"nobody listens on port {port}"
            time.sleep(0.05)
        finally:
            connection.close()


def newer(name: str) -> bool:
    return name in NEWER or name.startswith(NEWER_STEM)


def parsed(text: bytes) -> Scrape:
    types, values = dict[str, str](), dict[str, float]()
    for row in text.decode().rstrip("\n").split("\n"):  # a label may hold what else ends a line
        words = row.split(" ")
        if row.startswith("# TYPE ") and not words[2].startswith(OWN):
            types[words[2]] = words[3]
        elif not row.startswith(("#", *OWN)) and not NEWER_SERIES.search(row):
            series, _, value = NEWER_LABEL.sub("", row).rpartition(" ")
            values[series] = float(value)
    return Scrape(text, types, values)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scrape, Scrape]:
    """The exposition of node_exporter and of ours, of captured sources and real file systems."""
    folder = tmp_path_factory.mktemp("node")
    proc = folder / "proc"
    shutil.copytree(FIXTURES / "proc", proc, symlinks=True)
    shutil.copytree(proc / "1/net", proc / "net")
    shutil.copytree(FIXTURES / "sys", folder / "sys", symlinks=True)
    without_what_is_newer(folder)
    (folder / "two words").mkdir()
    (proc / "1/mounts").write_text(
        "/dev/root / ext4 rw,relatime 0 0\n"
        f"/dev/words {folder}/two\\040words ext4 ro,relatime 0 0\n"
        f"/dev/gone {folder}/nowhere xfs rw 0 0\n"
        "proc /proc proc rw 0 0\n"
        "tmpfs /dev/shm tmpfs rw 0 0\n"
        "/dev/root / ext4 rw,relatime 0 0\n"
    )
    (proc / "1/mountinfo").write_text("1 0 8:1 / / rw,relatime - ext4 /dev/root rw\n")
    flags = [
        f"--path.procfs={proc}",
        f"--path.sysfs={folder}/sys",
        f"--path.udev.data={FIXTURES}/udev",
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in COLLECTORS),
        f"--collector.diskstats.device-exclude={DEVICE_EXCLUDE}",
        "--collector.netdev.device-exclude=^lo$",
        "--collector.stat.softirq",
        "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
        "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
        f"--collector.filesystem.mount-points-exclude={MOUNT_POINTS_EXCLUDE}",
        f"--collector.filesystem.fs-types-exclude={FS_TYPES_EXCLUDE}",
    ]
    theirs_only = "--no-collector.netdev.netlink"  # or it would show this machine's devices
    with running(find("prometheus-node-exporter"), *flags, theirs_only) as port:
        theirs = parsed(fetch(port))
    with running(sys.executable, "-m", "exporter.start", *flags) as port:
        ours = parsed(fetch(port))
    return theirs, ours


def test_the_same_names_with_the_same_types(both: tuple[Scrape, Scrape]) -> None:
    theirs, ours = both
    assert {k: v for k, v in ours.types.items() if not newer(k)} == theirs.types
    assert ours.types.keys() >= NEWER


def test_the_same_series_with_the_same_labels(both: tuple[Scrape, Scrape]) -> None:
    """But for one: of a mount that cannot be asked we say readonly, as node_exporter since 1.7."""
    theirs, ours = both
    more = {s for s in ours.values.keys() - theirs.values.keys() if not newer(s.split("{")[0])}
    assert theirs.values.keys() <= ours.values.keys()
    assert [series.split(",")[0] for series in more] == [
        'node_filesystem_readonly{device="/dev/gone"'
    ]


def test_the_same_values_where_nothing_moves(both: tuple[Scrape, Scrape]) -> None:
    theirs, ours = both
    still = [series for series in theirs.values if series.split("{")[0] not in MOVING]
    assert len(still) > 180
    assert {s: ours.values[s] for s in still} == {s: theirs.values[s] for s in still}


def test_a_mount_that_cannot_be_asked_is_an_error_in_both(both: tuple[Scrape, Scrape]) -> None:
    for scrape in both:
        errors = {s for s in scrape.values if s.startswith("node_filesystem_device_error")}
        assert sorted(scrape.values[s] for s in errors) == [0, 0, 1]


def test_what_node_exporter_hears_over_netlink_we_read_in_files() -> None:
    """Of this machine's loopback, whose counters only grow from the first scrape to the second."""
    flags = (
        "--collector.disable-defaults",
        "--collector.netdev",
        "--collector.netdev.device-exclude=",
    )
    with running(find("prometheus-node-exporter"), *flags) as port:
        theirs = parsed(fetch(port))
    with running(sys.executable, "-m", "exporter.start", *flags) as port:
        ours = parsed(fetch(port))
    loopback = {s: v for s, v in theirs.values.items() if s.endswith('{device="lo"}')}
    assert len(loopback) == 17
    assert all(value <= ours.values[series] for series, value in loopback.items())


def loopback(*flags: str) -> tuple[Scrape, Scrape]:
    """What both say of this machine's loopback, one after the other, when they are asked for more."""
    only = ("--collector.disable-defaults", "--collector.netdev.device-exclude=", *flags)
    found = []
    for argv in ((find("prometheus-node-exporter"),), (sys.executable, "-m", "exporter.start")):
        with running(*argv, *only) as port:
            seen = parsed(fetch(port))
        values = {s: v for s, v in seen.values.items() if 'device="lo"' in s and "node_" in s}
        types = {n: seen.types[n] for n in {s.split("{")[0] for s in values}}
        found.append(Scrape(seen.text, types, values))
    return found[0], found[1]


def test_the_addresses_of_this_machine_are_the_same() -> None:
    theirs, ours = loopback("--collector.netdev", "--collector.netdev.address-info")
    address = "node_network_address_info"
    listed = [{s for s in one.values if s.startswith(address)} for one in (theirs, ours)]
    assert listed[0] == listed[1] != set()
    assert ours.types[address] == theirs.types[address]


def test_detailed_counters_have_the_names_that_node_exporter_has_for_netlinks() -> None:
    theirs, ours = loopback("--collector.netdev", "--collector.netdev.enable-detailed-metrics")
    assert ours.types == theirs.types
    assert ours.values.keys() == theirs.values.keys()
    assert len(ours.values) == 24
    assert all(value <= ours.values[series] for series, value in theirs.values.items())


def test_netclass_counts_as_node_exporter_does_over_netlink() -> None:
    netlink = ("--collector.netclass.netlink", "--collector.netclass_rtnl.with-stats")
    theirs, ours = loopback("--collector.netclass", *netlink)
    stems = tuple(
        f"node_network_{stem}" for stem in ("receive_", "transmit_", "multicast_", "collisions_")
    )
    counted = {
        s for s in theirs.values if s.startswith(stems) and s.split("{")[0].endswith("_total")
    }
    assert len(counted) == 24
    assert counted <= ours.values.keys()
    assert {s: ours.types[s.split("{")[0]] for s in counted} == dict.fromkeys(counted, "gauge")
    assert all(theirs.types[s.split("{")[0]] == "gauge" for s in counted)


def test_promtool_says_of_ours_no_more_than_of_theirs(both: tuple[Scrape, Scrape]) -> None:
    theirs, ours = both
    said = {text for text in complaints(ours.text) if not newer(text.split(" ")[0])}
    assert said <= complaints(theirs.text)
