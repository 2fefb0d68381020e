"""Side by side with Debian's node_exporter on this very host: theirs, ours, and theirs again.

So whatever counts upwards has to be between what they said before and after, however busy the host is.
"""

import re
import sys
import time

import pytest

from exporter.collectors.diskstats import DEVICE_EXCLUDE
from exporter.collectors.filesystem import FS_TYPES_EXCLUDE, MOUNT_POINTS_EXCLUDE
from tests.exporter.test_differential import NEWER, PATIENCE, Scrape, fetch, newer, parsed, running
from tests.exporter.tools import find

pytestmark = pytest.mark.tools

# Of node_exporter 1.5's all that need no bus and whose series do not come and go from one moment to the next.
COLLECTORS = (
    *("bcache", "bonding", "btrfs", "buddyinfo", "cgroups", "conntrack", "cpu", "cpufreq", "dmi"),
    *("diskstats", "drbd", "edac", "entropy", "ethtool", "fibrechannel", "filefd", "filesystem"),
    *("hwmon", "infiniband", "interrupts", "ipvs", "ksmd", "lnstat", "loadavg", "mdadm", "meminfo"),
    *("meminfo_numa", "mountstats", "netclass", "netdev", "netstat", "nfs", "nfsd", "nvme", "os"),
    *("powersupplyclass", "pressure", "qdisc", "rapl", "schedstat", "selinux", "sockstat"),
    *("softnet", "stat", "sysctl", "tapestats", "thermal_zone", "time", "timex", "udp_queues"),
    *("uname", "vmstat", "xfs", "zfs", "zoneinfo"),
)
# Another test may have one hang just now, and node_exporter would wait for it.
HANGING = "fuse.*"
FLAGS = (
    "--collector.disable-defaults",
    *(f"--collector.{name}" for name in COLLECTORS),
    "--collector.sysctl.include=kernel.threads-max",
    f"--collector.diskstats.device-exclude={DEVICE_EXCLUDE}",
    f"--collector.filesystem.mount-points-exclude={MOUNT_POINTS_EXCLUDE}",
    f"--collector.filesystem.fs-types-exclude={FS_TYPES_EXCLUDE}|^{HANGING}$",
)
# What is no counter, and the same from one moment to the next all the same.
STILL = re.compile(
    r"node_(uname|os|dmi|time_clocksource|sysctl|md|selinux)_\w+|node_boot_time_seconds"
    r"|node_memory_\w+Total_bytes|node_filefd_maximum|node_entropy_pool_size_bits"
    r"|node_filesystem_(size_bytes|files|readonly|device_error)"
    r"|node_network_(up|info|address_assign_type|flags|iface_\w+|mtu_bytes|speed_bytes|\w+_type)"
)
# Called counters, and go down all the same: time without work and pages made dirty, of which the kernel takes some back
# (proc(5), account_page_redirty() of mm/page-writeback.c), and how many routes or inodes there are now.
NO_COUNTER = re.compile(
    'mode="(iowait|idle)"|node_zoneinfo_nr_dirtied_total'
    "|node_lnstat_entries_total|node_xfs_vnode_active_total"
)


def settled(port: int) -> bytes:
    """Return what ours says once each of its collectors has read something."""
    give_up = time.monotonic() + PATIENCE
    while b'state="timed_out"} 1' in (text := fetch(port)):
        assert time.monotonic() < give_up, "a collector does not come to an end"
        time.sleep(0.05)
    return text


@pytest.fixture(scope="module")
def said() -> tuple[Scrape, Scrape, Scrape]:
    """What node_exporter says, what we say, and what node_exporter says afterwards."""
    with running(find("prometheus-node-exporter"), *FLAGS) as theirs:
        before = parsed(fetch(theirs))
        with running(sys.executable, "-m", "exporter.start", *FLAGS) as ours:
            between = parsed(settled(ours))
        return before, between, parsed(fetch(theirs))


def test_each_series_is_there_with_its_type(said: tuple[Scrape, Scrape, Scrape]) -> None:
    before, ours, after = said
    lasting = before.values.keys() & after.values.keys()
    assert len(lasting) > 500
    assert lasting - ours.values.keys() == set()
    assert {name: ours.types[name] for name in before.types} == before.types
    assert {name for name in ours.types if not newer(name)} <= {
        *before.types,
        *after.types,
    }
    assert "node_filesystem_mount_info" in ours.types.keys() & NEWER


def test_what_counts_upwards_is_between_what_they_say_before_and_after(
    said: tuple[Scrape, Scrape, Scrape],
) -> None:
    before, ours, after = said
    counters = {
        series
        for series in before.values.keys() & after.values.keys()
        if before.types.get(series.split("{")[0]) == "counter" and not NO_COUNTER.search(series)
    }
    assert len(counters) > 100
    wrong = {
        series: (before.values[series], ours.values[series], after.values[series])
        for series in counters
        if not before.values[series] <= ours.values[series] <= after.values[series]
    }
    assert wrong == {}


def test_what_does_not_move_is_the_same(said: tuple[Scrape, Scrape, Scrape]) -> None:
    before, ours, _ = said
    still = {series for series in before.values if STILL.fullmatch(series.split("{")[0])}
    assert len(still) > 20
    assert {s: ours.values[s] for s in still} == {s: before.values[s] for s in still}
