"""The kernel's log, which all nodes share: each gets the lines that name its own control groups and disks."""

import re
import time
from pathlib import Path

import pytest

from lab.kernel_log import MOST, Owners, hand_out

WITHIN = 20.0
METRICS = ["curl", "--silent", "--fail", "http://127.0.0.1:9100/metrics?collect[]=failures"]
EATER = ["-p", "MemoryMax=20M", "-p", "MemorySwapMax=0", "python3", "-c", "bytearray(200 << 20)"]
KILLED = re.compile(
    r'^hale_failure{failure="oom",.*cause="process killed at its group.s memory limit",weight="minor",'
    r'witness="kernel"} 1$',
    re.MULTILINE,
)


@pytest.fixture
def owners(tmp_path: Path) -> Owners:
    for name, file in (
        ("loop3", "/lab/disks/web1-root.img"),
        ("loop4", "/lab/disks/web2-data.img"),
    ):
        loop = tmp_path / name / "loop"
        loop.mkdir(parents=True)
        (loop / "backing_file").write_text(f"{file}\n")
    nodes = frozenset({"web1", "web2", "web"})
    return Owners("halelab-a", Path("/lab/disks"), nodes, tmp_path)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        (
            "EXT4-fs error (device loop3): ext4_lookup:1785: inode #12: comm ls: deleted inode",
            "web1",
        ),
        (
            "I/O error, dev loop4, sector 8 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2",
            "web2",
        ),
        ("EXT4-fs (loop9): mounted filesystem with ordered data mode", ""),
        ("Memory cgroup stats for /halelab-a/web2/system.slice/nginx.service:", "web2"),
        ("Memory cgroup stats for /halelab-a/host:", ""),
        ("Memory cgroup stats for /halelab-ab/web2/system.slice:", ""),
        ("EDAC MC1: 3 CE memory read error on DIMM_A1 (channel:1 slot:0)", ""),
        ("Call Trace:", ""),
    ],
)
def test_a_line_is_of_the_node_whose_group_or_disk_it_names(owners, text, node):
    assert owners.of(text) == node


def test_a_killed_process_is_of_the_node_whose_group_had_no_memory(owners):
    killed = "Memory cgroup out of memory: Killed process 6534 (postgres) total-vm:75204kB, UID:0"
    assert owners.of(killed) == ""
    group = "oom_memcg=/halelab-a/web1/system.slice"
    assert owners.of(f"oom-kill:constraint=CONSTRAINT_MEMCG,{group},pid=6534,uid=0") == "web1"
    assert owners.of(killed) == "web1"
    assert owners.of(killed.replace("6534", "6535")) == ""


def test_records_are_handed_out_as_they_are_and_not_without_end(owners, tmp_path):
    logs = {node: tmp_path / f"{node}.log" for node in owners.nodes}
    for log in logs.values():
        log.touch()
    record = b"3,7,1000,-;EXT4-fs error (device loop3): bad\n SUBSYSTEM=block\n"
    hand_out([record, b"6,8,1000,-;all is well\n"], owners, logs)
    assert logs["web1"].read_bytes() == b"3,7,1000,-;EXT4-fs error (device loop3): bad\n"
    assert logs["web2"].read_bytes() == b""
    logs["web1"].write_bytes(b"x" * MOST)
    hand_out([record], owners, logs)
    assert logs["web1"].stat().st_size == MOST


@pytest.mark.lab
def test_the_kernels_line_of_a_killed_process_is_told_on_its_own_node_alone(first):
    """For ten minutes the node counts as failing; so this comes after the drills of scenarios/first."""
    first.exec("web2", ["systemd-run", "--wait", "--collect", *EATER])
    deadline = time.monotonic() + WITHIN
    while not KILLED.search(first.exec("web2", METRICS).stdout):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert not KILLED.search(first.exec("web1", METRICS).stdout)
