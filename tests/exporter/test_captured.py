"""Collectors of captured files: golden, and on trees in which every file is broken alike."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.collector import Absent, Malformed
from exporter.sysfiles import PAGE
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import FIXTURES, body

COLLECTORS = (
    *("diskerrors", "fserrors", "mdadm", "mounts", "pcie", "pcidevice"),
    *("bcache", "bcachefs", "btrfs", "dmmultipath", "drbd", "nvmesubsystem", "xfs", "zfs"),
    *("cpufreq", "dmi", "edac", "hwmon", "nvme", "powersupplyclass", "tapestats", "thermal_zone"),
    "vmstat",
    *("entropy", "filefd", "kernel_hung", "schedstat", "watchdog"),
    *("buddyinfo", "cgroups", "interrupts", "slabinfo", "softirqs", "swap", "zoneinfo"),
    *("cpu_vulnerabilities", "ksmd", "meminfo_numa"),
    *("bonding", "conntrack", "netstat", "sockstat", "softnet"),
    *("arp", "ipvs", "netclass", "udp_queues"),
    *("fibrechannel", "infiniband", "lnstat", "mountstats", "nfs", "nfsd"),
)

BREAKAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "binary": lambda data: bytes(range(256)) + data,
    # More than is read of a file of /sys.
    "huge": lambda data: data * (PAGE // (len(data) + 1) + 2),
    "numbers": lambda _: b"9" * 5000 + b"\n",
    "negative": lambda _: b"-1\n",
}


@pytest.fixture(scope="module", params=BREAKAGES)
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captured tree, every file of it broken in the same way."""
    tree = tmp_path_factory.mktemp(request.param) / "node"
    shutil.copytree(FIXTURES, tree, symlinks=True)
    for file in tree.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.write_bytes(BREAKAGES[request.param](file.read_bytes()))
    return tree


@pytest.mark.parametrize("name", COLLECTORS)
async def test_the_series_are_the_golden_ones(request: pytest.FixtureRequest, name: str) -> None:
    same_as_golden(request, name, await body(name))


@pytest.mark.parametrize("name", COLLECTORS)
async def test_what_is_broken_is_malformed_or_left_out(name: str, broken: Path) -> None:
    try:
        seen = await body(name, broken)
    except (Absent, Malformed, OSError):
        return
    series = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(seen.decode())
        for sample in family.samples
    ]
    assert len(series) == len(set(series))


@pytest.mark.parametrize("name", COLLECTORS)
async def test_a_node_without_any_of_it_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    """Nor does it fail."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys").mkdir()
    try:
        assert await body(name, tmp_path) == b""
    except Absent:
        pass
