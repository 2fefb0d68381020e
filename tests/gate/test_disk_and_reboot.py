"""disk.free and node.reboot: the two verbs that may run without a ledger, and what keeps them from harm."""

import json
from pathlib import Path
from typing import Any

import pytest

from gate.mounts import Mount
from gate.reclaim import Freed
from tests.gate.fakes import World
from tests.gate.test_session import ask, request, settle


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.clock.pass_seconds(3600)
    return made


def seen(world: World, path: str = "/data", device: str = "") -> dict[str, Any]:
    """Return what a decision rests on: the boot, and what is mounted there, as world has it where none is told."""
    mounted = {one.mountpoint: one.device for one in world.disks.table}
    device = device or mounted.get(path, "/dev/none")
    return {"boot_id": str(world.clock.boot_id()), "filesystems": {path: {"device": device}}}


def free(world: World, number: int = 1, path: str = "/data", **args: Any) -> Any:
    world.clock.pass_seconds(60)
    expect = seen(world, path)
    told = {"mountpoint": path} | args
    return ask(world, request(world, number, verb="disk.free", args=told, expect=expect))[-1]


def reboot(world: World, number: int = 1, **changes: Any) -> list[Any]:
    expect = {"boot_id": str(world.clock.boot_id())}
    told = {"verb": "node.reboot", "args": {}, "expect": expect} | changes
    return ask(world, request(world, number, **told))


# --- disk.free ------------------------------------------------------------------------------


def test_listed_files_of_that_file_system_are_removed(world):
    said = free(world)
    assert (said["state"], said["reason"]) == ("done", "freed")
    assert "3 files, 12288 bytes" in said["detail"]
    assert world.diary[-1] == "reclaim /data/cache"


def test_where_nothing_listed_is_there_it_says_so(world):
    world.disks.listed = Freed()
    said = free(world)
    assert (said["state"], said["reason"]) == ("failed", "nothing_to_free")


@pytest.mark.parametrize("path", ["/home", "/data/cache", "/data/", "../data", "", "/data\n"])
def test_only_a_mount_point_with_something_listed_may_be_named(world, path):
    assert free(world, path=path)["reason"] == "not_listed"
    assert world.diary == []


@pytest.mark.parametrize(
    ("expect", "detail"),
    [
        (
            {"filesystems": {"/data": {"device": "/dev/sdc1"}}},
            "expected '/dev/sdc1', is '/dev/sdb1'",
        ),
        ({"filesystems": {"/srv": {"device": "/dev/sdb1"}}}, "/srv device"),
        ({"filesystems": {}}, "/data device: expected nothing"),
        ({}, "/data device: expected nothing"),
        ({"boot_id": "another"}, "boot_id"),
    ],
)
def test_what_is_not_what_the_decision_rested_on_is_not_cleared(world, expect, detail):
    told = seen(world) if "boot_id" in expect else {"boot_id": str(world.clock.boot_id())}
    line = request(world, 1, verb="disk.free", args={"mountpoint": "/data"}, expect=told | expect)
    said = ask(world, line)[-1]
    assert (said["state"], said["reason"]) == ("refused", "changed")
    assert detail in said["detail"]
    assert world.diary == []


def test_another_file_system_at_the_same_place_is_looked_at_anew(world):
    world.disks.table = (Mount(1, "/", "/dev/sda1"),)
    assert free(world)["reason"] == "not_listed"


def test_caches_are_cleaned_by_their_own_programs_and_only_for_their_file_system(world):
    world.disks.cached = [(5000, 5000), (0, 1000)]
    said = free(world, path="/")
    assert said["reason"] == "freed"
    assert "caches 9000 bytes" in said["detail"]
    assert world.diary[-2:] == ["apt-get clean", "journalctl --vacuum-size=64M"]


def test_a_disk_that_hangs_is_unknown_and_not_tried_again(world):
    world.disks.hangs = True
    assert free(world)["state"] == "unknown"


# --- node.reboot ----------------------------------------------------------------------------


def test_after_begun_only_the_next_boot_can_tell(world):
    world.systemd.during = lambda: setattr(world, "stopping", True)
    assert [line["state"] for line in reboot(world)] == ["begun"]
    assert world.diary[-1] == "reboot"


@pytest.fixture
def going_down(world: World) -> World:
    """The session of a reboot is gone, systemd is still at it."""
    world.systemd.during = lambda: setattr(world, "stopping", True)
    reboot(world)
    world.stopping, world.systemd.during = False, lambda: None
    world.systemd.units["reboot.target"] = replace_unit(world, job=True)
    return world


def test_while_systemd_takes_the_node_down_the_reboot_still_runs(going_down):
    assert settle(going_down, "1.4.1", 90)["state"] == "running"
    going_down.systemd.readable = False  # the bus goes before the node does
    assert settle(going_down, "1.4.1", 91)["state"] == "running"
    going_down.clock.reboot()
    assert settle(going_down, "1.4.1", 92)["reason"] == "rebooted"


def test_nothing_else_begins_on_a_node_that_goes_down(going_down):
    going_down.clock.pass_seconds(60)
    said = free(going_down, 2)
    assert (said["state"], said["reason"]) == ("refused", "busy")
    assert "1.4.1 node.reboot runs here" in said["detail"]


def test_a_reboot_that_systemd_gave_up_is_unknown(going_down):
    going_down.systemd.units["reboot.target"] = replace_unit(going_down, job=False)
    settled = settle(going_down, "1.4.1", 90)
    assert (settled["state"], settled["reason"]) == ("unknown", "interrupted")


def test_another_boot_means_that_it_was_done(world):
    world.systemd.during = lambda: setattr(world, "stopping", True)
    reboot(world)
    world.stopping, world.systemd.during = False, lambda: None
    world.clock.reboot()
    settled = settle(world, "1.4.1", 90)
    assert (settled["state"], settled["reason"]) == ("done", "rebooted")


def test_without_the_boot_that_is_meant_nothing_is_rebooted(world):
    assert reboot(world, expect={})[-1]["reason"] == "bad_argument"
    assert reboot(world, 2, expect={"boot_id": "other"})[-1]["reason"] == "changed"
    assert world.diary == []


def test_a_node_that_has_just_booted_is_not_rebooted_whatever_the_ledger_says(world):
    world.clock.reboot()
    assert reboot(world)[-1]["reason"] == "spacing"
    world.clock.pass_seconds(600)
    world.systemd.during = lambda: setattr(world, "stopping", True)
    assert reboot(world, 2)[-1]["state"] == "begun"


def test_a_node_that_gate_json_does_not_let_boot_is_left_alone(world):
    from dataclasses import replace

    world.config = replace(world.config, reboot=False)
    assert reboot(world)[-1]["reason"] == "not_listed"


def test_a_reboot_that_systemd_declines_has_failed(world):
    world.systemd.next_restart = "fails"
    world.systemd.units["reboot.target"] = replace_unit(world, job=False)
    said = reboot(world)[-1]
    assert (said["state"], said["reason"]) == ("failed", "not_rebooted")


def replace_unit(world: World, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(world.systemd.units["nginx.service"], id="reboot.target", **changes)


# --- Without a ledger -----------------------------------------------------------------------


@pytest.fixture
def broken(world: World) -> World:
    world.ledger.path.write_bytes(b"damaged")
    return world


def test_only_these_two_run_without_a_ledger_and_settle_voids_nothing(broken):
    world = broken
    assert ask(world, request(world, 1))[-1]["reason"] == "ledger_unwritable"
    assert free(world, 2)["reason"] == "freed"
    settled = settle(world, "1.4.9", 90)
    assert (settled["state"], settled["reason"]) == ("unknown", "ledger_unwritable")
    world.systemd.during = lambda: setattr(world, "stopping", True)
    assert reboot(world, 3)[-1]["state"] == "begun"


def test_what_ran_without_a_ledger_is_noted_and_not_run_twice(broken):
    world = broken
    line = request(
        world,
        2,
        verb="disk.free",
        args={"mountpoint": "/data"},
        expect=seen(world),
    )
    first = ask(world, line)[-1]
    again = json.loads(line) | {"nonce": f"nonce-{world.nonces + 1}"}
    second = ask(world, json.dumps(again).encode())[-1]
    assert (first["state"], second["state"]) == ("done", "done")
    assert world.diary.count("reclaim /data/cache") == 1
