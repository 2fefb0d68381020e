"""The list of everything that a machine lacks, in one go."""

from dataclasses import replace

import pytest

from lab import cgroups, machine
from lab.machine import Machine
from tests.lab.test_cgroups import VERSION_1, VERSION_2

GOOD = Machine(
    root=True,
    programs=frozenset({*machine.PROGRAMS, *machine.OPTIONAL_PROGRAMS}),
    file_systems=frozenset({"overlay", "ext4", "tmpfs"}),
    devices=frozenset({"loop-control", "fuse", "kmsg"}),
    layout=cgroups.parse(VERSION_2, under_systemd=True),
    memory=8 << 30,
    disk=20 << 30,
    writable_cgroups=True,
    network=frozenset(machine.NETWORK),
)


def test_a_machine_that_has_everything_lacks_nothing():
    assert machine.lacks(GOOD) == ()


def test_everything_that_is_missing_is_listed_at_once():
    bare = replace(
        GOOD, root=False, programs=frozenset(), file_systems=frozenset(), devices=frozenset(),
        layout=cgroups.parse("", under_systemd=False), memory=0, disk=0, writable_cgroups=False,
        network=frozenset(),
    )  # fmt: skip
    text = machine.report(machine.lacks(bare))
    for thing in (
        "mmdebstrap",
        "nft",
        "root",
        "overlayfs",
        "loop",
        "control groups",
        "memory",
        "veth",
        "disk",
    ):
        assert thing in text


def test_one_line_installs_every_missing_package_once():
    found = machine.lacks(replace(GOOD, programs=GOOD.programs - {"nsenter", "unshare", "nft"}))
    last = machine.report(found).splitlines()[-1].strip()
    assert last == "apt-get install -y --no-install-recommends nftables util-linux"


def test_without_lxcfs_the_lab_starts_all_the_same():
    found = machine.lacks(replace(GOOD, programs=GOOD.programs - {"lxcfs"}))
    assert [lack.fatal for lack in found] == [False]
    assert "would like" in machine.report(found)


def test_version_1_without_systemds_hierarchy_cannot_boot_a_node():
    text = VERSION_1.replace("name=systemd", "name=other")
    found = machine.lacks(replace(GOOD, layout=cgroups.parse(text, under_systemd=False)))
    assert ["name=systemd" in lack.what for lack in found] == [True]


def test_too_little_room_says_how_much_there_is_and_how_much_is_needed():
    (lack,) = machine.lacks(replace(GOOD, disk=1 << 30))
    assert lack.fatal
    assert "3072 MiB" in lack.what
    assert "1024" in lack.what


def test_looking_at_this_machine_changes_nothing_and_finds_its_programs(tmp_path):
    seen = machine.this_machine(tmp_path / "not/there/yet")
    assert not (tmp_path / "not").exists()
    assert "mount" in seen.programs
    assert seen.disk > 0


def test_what_could_not_be_tried_is_not_called_missing():
    assert machine.lacks(replace(GOOD, network=None)) == ()


@pytest.mark.parametrize(("before", "after"), [("128\n", "1024"), ("8192\n", "8192\n")])
def test_a_limit_of_watchers_is_raised_and_never_lowered(tmp_path, before, after):
    limit = tmp_path / "max_user_instances"
    limit.write_text(before)
    machine.let_watch(limit)
    assert limit.read_text() == after
