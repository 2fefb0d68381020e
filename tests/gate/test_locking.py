"""A node is locked for people's work or a reboot, patched only while it is, and named to whoever asks."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gate import config, machine
from gate.listed import PatchRule
from gate.machine import Machine
from gate.process import Ran
from gate.reapply import reapply
from tests.gate.fakes import World
from tests.gate.test_session import ask, request

OWNER, OTHER = "lock:upkeep-1", "incident:7"
RULE = PatchRule(("/usr/bin/apt-get", "-y", "dist-upgrade"), 1800.0, ())


def verb(world: World, name: str, number: int, **args: Any) -> Any:
    """Let a healer ask; return the last line."""
    world.clock.pass_seconds(60)
    expect = {"boot_id": str(world.clock.boot_id())}
    deadline = {"deadline_seconds": 900} if name == "node.patch" else {}
    line = request(world, number, verb=name, args=args, expect=expect, **deadline)
    return ask(world, line)[-1]


def owners(world: World) -> tuple[str, ...] | None:
    found = world.marks.read().get(("node.lock", "web1"))
    return None if found is None else found.owners


def hello(world: World, *names: str) -> Any:
    (answer,) = world.talk(json.dumps({"v": 1, "hello": True, "look": names}).encode())
    return json.loads(answer)


def test_a_lock_is_a_mark_on_the_node_and_goes_with_its_last_owner(world):
    assert verb(world, "node.lock", 1, owner=OWNER)["reason"] == "locked"
    assert verb(world, "node.lock", 2, owner=OTHER)["reason"] == "locked"
    assert owners(world) == (OTHER, OWNER)
    assert verb(world, "node.unlock", 3, owner=OWNER)["reason"] == "still_marked"
    assert verb(world, "node.unlock", 4, owner=OTHER)["reason"] == "unlocked"
    assert owners(world) is None


def test_unlocking_what_nobody_locks_is_done(world):
    assert verb(world, "node.unlock", 1, owner=OWNER)["reason"] == "unlocked"


def test_a_lock_is_told_in_hello_and_to_the_exporter_and_survives_a_boot(world):
    verb(world, "node.lock", 1, owner=OWNER)
    world.clock.reboot()
    assert reapply(world.node, lambda: None, 0.0)
    (mark,) = hello(world)["marks"]
    assert (mark["mark"], mark["subject"], mark["applied"]) == ("node.lock", "web1", True)
    published = json.loads((world.marks.run / "marks.json").read_text())
    assert published["marks"][0]["owners"] == [OWNER]


@pytest.mark.parametrize("args", [{}, {"owner": "person:eve"}, {"owner": OWNER, "node": "web2"}])
def test_only_a_lock_or_an_incident_locks_over_the_wire_and_only_this_node(world, args):
    assert verb(world, "node.lock", 1, **args)["reason"] == "bad_argument"
    assert owners(world) is None


def test_a_damaged_marks_file_locks_nothing(world):
    world.marks.state.mkdir(parents=True, exist_ok=True)
    (world.marks.state / "marks.json").write_text("{")
    assert verb(world, "node.lock", 1, owner=OWNER)["reason"] == "marks_unreadable"


def test_a_mark_has_room_for_sixteen_owners(world):
    with world.marks.open() as marks:
        many = tuple(f"incident:{number}" for number in range(16))
        marks.own("node.lock", "web1", many, "2026-01-02T03:04:05Z")
    assert verb(world, "node.lock", 1, owner=OWNER)["reason"] == "too_many_owners"


# --- node.patch -----------------------------------------------------------------------------


def patching(world: World, rule: PatchRule | None = RULE, *, needs: bool | None = False) -> None:
    world.config = replace(world.config, patch=rule)
    world.machine = Machine("c" * 32, needs)


def test_a_node_that_is_locked_is_patched_in_a_unit_of_its_own(world):
    patching(world)
    verb(world, "node.lock", 1, owner=OWNER)
    assert verb(world, "node.patch", 2)["reason"] == "patched"
    (ran,) = [line for line in world.diary if "apt-get" in line]
    assert ran.startswith("systemd-run --wait")
    assert ran.endswith("-- /usr/bin/apt-get -y dist-upgrade")


def test_a_node_that_is_not_locked_is_not_patched(world):
    patching(world)
    said = verb(world, "node.patch", 1)
    assert (said["state"], said["reason"]) == ("refused", "not_locked")


def test_without_a_declared_command_nothing_is_patched(world):
    patching(world, None)
    verb(world, "node.lock", 1, owner=OWNER)
    assert verb(world, "node.patch", 2)["reason"] == "not_listed"


@pytest.mark.parametrize("needs", [True, None])
def test_a_boot_that_is_needed_or_may_be_is_told(world, needs):
    patching(world, needs=needs)
    verb(world, "node.lock", 1, owner=OWNER)
    assert verb(world, "node.patch", 2)["reason"] == "patched_needs_reboot"


def test_a_declared_check_says_whether_a_boot_is_needed(world):
    patching(world, PatchRule(RULE.command, 60.0, ("/usr/local/bin/needs-boot",)))
    verb(world, "node.lock", 1, owner=OWNER)
    assert verb(world, "node.patch", 2)["reason"] == "patched_needs_reboot"
    assert world.diary[-1] == "/usr/local/bin/needs-boot"


@pytest.mark.parametrize(
    ("code", "state", "reason"), [(100, "failed", "patch_failed"), (None, "unknown", "deadline")]
)
def test_a_command_that_fails_or_is_ended_is_no_success(world, code, state, reason):
    patching(world)
    verb(world, "node.lock", 1, owner=OWNER)
    world.programs.answer = Ran(code, b"E: Unable to fetch some archives\n")
    said = verb(world, "node.patch", 2)
    assert (said["state"], said["reason"]) == (state, reason)


@pytest.mark.parametrize(
    "patch",
    [
        {"command": [], "seconds": 1},
        {"command": ["apt-get"], "seconds": 1},
        {"command": ["/bin/true"]},
        {"command": ["/bin/true"], "seconds": 1, "shell": True},
        {"command": ["/bin/true"], "seconds": 1, "reboot_check": ["needrestart"]},
    ],
)
def test_gate_json_declares_a_whole_command_or_none(patch):
    whole = {"v": 1, "cluster": "first", "node": "web1", "patch": patch}
    with pytest.raises(ValueError, match="patch"):
        config.parse(json.dumps(whole).encode())


# --- The machine ----------------------------------------------------------------------------


def test_a_gate_tells_the_id_by_which_its_machine_asks_for_a_lock(world):
    patching(world, needs=True)
    seen = hello(world, "machine:")["seen"]["machine:"]
    assert seen == {"kind": "machine", "fleet_lock_id": "c" * 32, "reboot_required": True}


def test_the_id_is_what_systemd_derives_for_zincati():
    # systemd-id128 machine-id --app-specific=de35106b6ec24688b63afddaa156679b, of systemd 252
    machine_id = bytes.fromhex("3d1219c7c4c5404aaa1f6d2a48adfda4")
    made = machine.app_specific(machine_id, machine.ZINCATI)
    assert made == "975228d46dc94622b9bbe16671e2b58d"


@pytest.mark.parametrize("text", [None, "", "uninitialized\n", "3d12"])
def test_a_machine_without_an_id_says_so(tmp_path, text):
    path = tmp_path / "machine-id"
    if text is not None:
        path.write_text(text)
    assert machine.look(path, tmp_path / "reboot-required") == Machine(None, False)


def test_a_file_says_that_a_boot_is_needed(tmp_path):
    path = tmp_path / "machine-id"
    path.write_text("3d1219c7c4c5404aaa1f6d2a48adfda4\n")
    required = tmp_path / "reboot-required"
    required.touch()
    assert machine.look(path, required) == Machine("975228d46dc94622b9bbe16671e2b58d", True)
