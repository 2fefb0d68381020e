"""What node_exporter 1.12.1 itself says of the captured files (its collector/fixtures/e2e-output.txt), line by line.

Debian's program, with which the others compare, is of 2022. Here is what came since; of most of it there is no binary.
"""

import re
from collections.abc import Iterable

import pytest

from tests.exporter.golden import GOLDEN
from tests.exporter.offered import FIXTURES

THEIRS = (FIXTURES / "node_exporter-1.12.1.txt").read_text("utf-8").split("\n")
# Whose texts are the same, too. Those of the others say the same in other words.
WORDED = (
    *("conntrack", "fibrechannel", "infiniband", "ipvs", "lnstat", "mountstats", "netstat"),
    *("nfs", "nfsd", "sockstat", "softnet", "udp_queues"),
)
OTHERS = (
    *("bcache", "bonding", "btrfs", "buddyinfo", "cgroups", "cpu_vulnerabilities", "dmi"),
    *("dmmultipath", "drbd", "edac", "entropy", "filefd", "interrupts", "kernel_hung", "ksmd"),
    *("mdadm", "meminfo_numa", "nvme", "pcidevice", "powersupplyclass", "schedstat", "slabinfo"),
    *("softirqs", "tapestats", "thermal_zone", "vmstat", "watchdog", "wifi", "xfs", "zfs"),
    "zoneinfo",
)
FAMILY = re.compile(r"(?:# (?:HELP|TYPE) )?(\w+)")


def family(line: str) -> str:
    found = FAMILY.match(line)
    return found[1] if found else ""


def counted(lines: Iterable[str], families: set[str]) -> list[tuple[str, float | str]]:
    """Return these families' lines with their numbers read: 1.25e+09 is another way to write 1250000000."""
    found: list[tuple[str, float | str]] = []
    for line in lines:
        what, _, last = line.rpartition(" ")
        if family(line) in families:
            found.append((line, "") if line.startswith("#") else (what, float(last)))
    return sorted(found)


@pytest.mark.parametrize("name", [*WORDED, *OTHERS])
def test_every_line_is_one_of_node_exporters_own(name: str) -> None:
    """Types, names, labels and values; and nothing of theirs is missing."""
    ours = (GOLDEN / f"{name}.prom").read_text("utf-8").split("\n")
    if name not in WORDED:
        ours = [line for line in ours if not line.startswith("# HELP ")]
    families = {family(line) for line in ours if line.startswith("# TYPE node_")}
    assert families
    assert counted(ours, families) == counted(THEIRS, families)


def test_nothing_of_theirs_is_passed_over() -> None:
    ours = [(GOLDEN / f"{name}.prom").read_text("utf-8") for name in (*WORDED, *OTHERS)]
    told = {family(line) for text in ours for line in text.split("\n")}
    assert {family(line) for line in THEIRS} == {one for one in told if one.startswith("node_")} | {
        ""
    }
