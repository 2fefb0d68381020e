"""Where a lab's control groups are, on every layout that Debian 12 machines have."""

import signal
from pathlib import Path

import pytest

from lab import cgroups
from lab.ports import LabError

VERSION_1 = """\
proc /proc proc rw,relatime 0 0
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/freezer cgroup rw,relatime,freezer 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
HYBRID = """\
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,nosuid,nodev,noexec,relatime,xattr,name=systemd 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,nodev,noexec,relatime,memory 0 0
"""
VERSION_2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n"


def test_version_1_has_a_group_in_each_hierarchy_that_nodes_need():
    layout = cgroups.parse(VERSION_1, under_systemd=False)
    assert [path.as_posix() for path in layout.groups("halelab-a")] == [
        "/sys/fs/cgroup/cpu/halelab-a",
        "/sys/fs/cgroup/memory/halelab-a",
        "/sys/fs/cgroup/freezer/halelab-a",
        "/sys/fs/cgroup/systemd/halelab-a",
        "/sys/fs/cgroup/unified/halelab-a",
    ]
    assert not layout.pure_v2


def test_a_cpuset_is_left_alone_since_it_takes_no_process_until_someone_sets_it_up():
    assert "cpuset" not in cgroups.parse(VERSION_1, under_systemd=False).v1_names


def test_init_remounts_the_version_1_controllers_but_not_systemds_own():
    assert cgroups.parse(HYBRID, under_systemd=True).v1_names == ("cpu,cpuacct", "memory")


def test_under_systemd_the_group_is_that_of_a_transient_unit():
    layout = cgroups.parse(VERSION_2, under_systemd=True)
    assert layout.groups("halelab-a") == (Path("/sys/fs/cgroup/system.slice/halelab-a.service"),)


def test_version_2_alone_serves_every_controller():
    layout = cgroups.parse(VERSION_2, under_systemd=False)
    assert layout.pure_v2
    assert layout.group("x", "memory") == layout.group("x", "freezer") == Path("/sys/fs/cgroup/x")


def test_controllers_that_share_a_hierarchy_share_the_group():
    layout = cgroups.parse(HYBRID, under_systemd=False)
    assert layout.group("x", "cpu") == layout.group("x", "cpuacct")


def test_a_missing_controller_is_an_error_that_names_it():
    with pytest.raises(LabError, match="freezer"):
        cgroups.parse(HYBRID, under_systemd=False).group("x", "freezer")


@pytest.mark.parametrize(
    "text", ["", "garbage\n", "cgroup /elsewhere cgroup rw,memory 0 0\n", "\0"]
)
def test_nothing_mounted_where_it_belongs_means_no_hierarchy(text):
    assert cgroups.parse(text, under_systemd=False).hierarchies == ()


def test_a_hierarchy_that_is_mounted_twice_counts_once():
    layout = cgroups.parse(VERSION_2 + VERSION_2, under_systemd=False)
    assert len(layout.hierarchies) == 1


def test_our_own_groups_come_in_the_order_of_the_layout_so_that_we_can_go_back():
    text = "5:memory:/user/1\n4:cpuset:/\n3:freezer:/\n2:cpu:/\n1:name=systemd:/s\n0::/u\n"
    layout = cgroups.parse(VERSION_1, under_systemd=False)
    assert [path.as_posix() for path in cgroups.own_groups(layout, text)] == [
        "/sys/fs/cgroup/cpu",
        "/sys/fs/cgroup/memory/user/1",
        "/sys/fs/cgroup/freezer",
        "/sys/fs/cgroup/systemd/s",
        "/sys/fs/cgroup/unified/u",
    ]


def test_processes_are_found_in_groups_below_too(tmp_path):
    (tmp_path / "node/system.slice").mkdir(parents=True)
    (tmp_path / "cgroup.procs").write_text("1\n")
    (tmp_path / "node/cgroup.procs").write_text("")
    (tmp_path / "node/system.slice/cgroup.procs").write_text("20\n21\n")
    assert cgroups.processes(tmp_path) == {1, 20, 21}
    assert cgroups.processes(tmp_path, below=False) == {1}


def test_all_of_a_node_is_killed_but_for_what_sees_it_end(tmp_path, monkeypatch):
    killed = []
    monkeypatch.setattr("os.kill", lambda pid, with_what: killed.append((pid, with_what)))
    layout = cgroups.Layout((cgroups.Hierarchy(tmp_path, frozenset()),), under_systemd=False)
    inner = tmp_path / "lab/web1/payload"
    inner.mkdir(parents=True)
    (inner.parent / "cgroup.procs").write_text("7\n")
    (inner / "cgroup.procs").write_text("20\n21\n")
    cgroups.kill(layout, "lab", "web1", but=7)
    assert sorted(killed) == [(20, signal.SIGKILL), (21, signal.SIGKILL)]


def test_a_group_that_is_gone_has_no_processes(tmp_path):
    assert cgroups.processes(tmp_path / "gone") == frozenset()


def test_processes_of_another_namespace_read_as_zero_and_are_not_ours_to_kill(tmp_path):
    (tmp_path / "cgroup.procs").write_text("0\n7\n")
    assert cgroups.processes(tmp_path) == {7}
