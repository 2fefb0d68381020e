"""A node is fenced when its power device says so a second time; everything else is told for what it is.

Each agent here is a program of its own, run as the gate runs it.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate import process
from gate.reapply import reapply
from tests.gate.fakes import World
from tests.gate.healers import OTHER, OWNER, hello, marked
from tests.gate.power import PASSWORD, Device, fence, state


@pytest.fixture
def world(tmp_path: Path, device: Device) -> World:
    made = World(tmp_path)
    made.config = replace(made.config, fencing={"db1": device.rule})
    made.programs = process.run
    return made


def test_off_counts_once_the_device_says_so_a_second_time(world, device):
    assert state(fence(world)) == ("done", "fenced")
    assert device.power == "off"
    assert device.asked == ["off 7 1", "status 7 1"]
    assert marked(world) == {"db1": (OWNER,)}


def test_a_refusal_leaves_the_power_on_and_no_mark(world, device):
    device.set(mode="refuses")
    said = fence(world)
    assert state(said) == ("failed", "fence_refused")
    assert "permission denied" in said["detail"]
    assert device.power == "on"
    assert marked(world) == {}


def test_a_refusal_of_a_device_that_cannot_be_read_leaves_the_mark(world, device):
    device.secrets.write_text("passwd=wrong\n")
    assert state(fence(world)) == ("failed", "fence_refused")
    assert marked(world) == {"db1": (OWNER,)}


def test_an_agent_that_does_not_end_may_yet_cut_so_the_mark_stays(world, device):
    device.set(mode="hangs")
    world.config = replace(world.config, fencing={"db1": replace(device.rule, off_seconds=0.5)})
    assert state(fence(world)) == ("unknown", "deadline")
    assert marked(world) == {"db1": (OWNER,)}
    assert state(fence(world)) == ("unknown", "deadline")  # the same id, never run again
    assert device.asked == ["off 7 1"]


def test_an_agent_that_lies_is_found_out(world, device):
    device.set(mode="lies")
    assert state(fence(world)) == ("failed", "still_on")
    assert marked(world) == {"db1": (OWNER,)}


def test_a_device_that_tells_late_is_read_once_more(world, device):
    device.set(mode="late")
    assert state(fence(world)) == ("done", "fenced")


@pytest.mark.parametrize("mode", ["blind", "broken"])
def test_what_cannot_be_read_is_not_known_to_be_off(world, device, mode):
    device.set(mode=mode)
    assert state(fence(world)) == ("unknown", "power_unread")
    assert hello(world, "power:db1")["seen"]["power:db1"]["state"] == "unknown"


def test_an_agent_that_is_not_there_touches_nothing(world, device):
    rule = replace(device.rule, agent="/nonexistent/fence_x")
    world.config = replace(world.config, fencing={"db1": rule})
    assert state(fence(world)) == ("failed", "no_agent")
    assert marked(world) == {}


@pytest.mark.parametrize("wrong", ["missing", "open", "no pair", "long", "link"])
def test_without_its_secrets_the_agent_is_not_started(world, device, wrong):
    match wrong:
        case "missing":
            device.secrets.unlink()
        case "open":
            device.secrets.chmod(0o640)
        case "no pair":
            device.secrets.write_text(PASSWORD)
        case "long":
            device.secrets.write_text(f"passwd={PASSWORD}\n" * 1000)
        case "link":
            device.secrets.rename(device.folder / "elsewhere")
            device.secrets.symlink_to(device.folder / "elsewhere")
    said = fence(world)
    assert state(said) == ("failed", "secrets_unreadable")
    assert PASSWORD not in said["detail"]
    assert device.asked == []
    assert marked(world) == {}


@pytest.mark.parametrize("name", ["plug", "port", "nodename", "action", "method"])
def test_a_file_of_secrets_does_not_say_whose_power_is_cut(world, device, name):
    device.secrets.write_text(f"{name}=3\npasswd={PASSWORD}\n")
    said = fence(world)
    assert state(said) == ("failed", "secrets_unreadable")
    assert f"line 1: {name} says what is cut" in said["detail"]
    assert device.asked == []
    assert marked(world) == {}


def test_what_was_cut_is_told_also_where_nobody_can_see_to_its_mark(world, device):
    def damaging(argv: tuple[str, ...], seconds: float, **rest: Any) -> process.Ran:
        (world.marks.state / "marks.json").write_text("{")
        return process.run(argv, seconds, **rest)

    world.programs = damaging
    said = fence(world)
    assert state(said) == ("unknown", "marks_unreadable")
    assert "says that it was cut, and pdu says off; whether it is still marked" in said["detail"]
    assert device.power == "off"


def test_a_refusal_stays_one_where_nobody_can_take_its_mark_back(world, device):
    def damaging(argv: tuple[str, ...], seconds: float, **rest: Any) -> process.Ran:
        (world.marks.state / "marks.json").write_text("{")
        return process.run(argv, seconds, **rest)

    world.programs = damaging
    device.set(mode="refuses")
    assert state(fence(world)) == ("failed", "fence_refused")


@pytest.mark.parametrize(
    "how", ["", " in base64", " in base64 without its end", " in a URL"], ids=str.strip
)
def test_a_secret_in_the_agents_own_words_is_not_passed_on(world, device, how):
    device.set(mode=f"tells{how}")
    said = fence(world)
    assert "not shown" in said["detail"]
    assert PASSWORD not in json.dumps(said)
    assert PASSWORD.encode() not in world.ledger.path.read_bytes()


def test_it_stays_off_until_its_last_owner_lets_go(world, device):
    fence(world)
    fence(world, 2, args={"owner": OTHER})
    assert state(fence(world, 3, "node.unfence")) == ("done", "still_marked")
    assert device.power == "off"
    assert state(fence(world, 4, "node.unfence", args={"owner": OTHER})) == ("done", "unfenced")
    assert device.power == "on"
    assert marked(world) == {}


def test_what_was_never_marked_is_not_switched_on(world, device):
    device.set(power="off")
    assert state(fence(world, 1, "node.unfence")) == ("done", "unfenced")
    assert device.power == "off"
    assert device.asked == []


@pytest.mark.parametrize(
    ("mode", "word"),
    [("lies", ("failed", "still_off")), ("refuses", ("failed", "fence_refused"))],
)
def test_a_node_that_does_not_come_on_stays_marked(world, device, mode, word):
    fence(world)
    device.set(mode=mode)
    assert state(fence(world, 2, "node.unfence")) == word
    assert marked(world) == {"db1": (OWNER,)}


def test_the_mark_is_on_disk_before_the_agent_runs(world, device):
    seen = []

    def watched(argv: tuple[str, ...], seconds: float, **rest: Any) -> process.Ran:
        seen.append(marked(world))
        return process.run(argv, seconds, **rest)

    world.programs = watched
    fence(world)
    assert seen[0] == {"db1": (OWNER,)}


def test_what_a_person_let_go_meanwhile_is_marked_again_once_it_is_off(world, device):
    def forgetful(argv: tuple[str, ...], seconds: float, **rest: Any) -> process.Ran:
        with world.marks.open() as marks:
            if mark := marks.get("node.fence", "db1"):
                marks.drop(mark)
        return process.run(argv, seconds, **rest)

    world.programs = forgetful
    assert state(fence(world)) == ("done", "fenced")
    assert marked(world) == {"db1": (OWNER,)}


def test_a_boot_of_the_fencing_host_cuts_nobody_again(world, device):
    fence(world)
    device.set(power="on")  # somebody pressed the button
    assert reapply(world.node, lambda: None, 0.0)
    assert device.power == "on"
    found = hello(world, "power:db1")
    assert found["marks"][0]["applied"] is False


def test_a_look_reads_the_power_and_tells_whether_the_mark_is_so(world, device):
    fence(world)
    found = hello(world, "power:db1")
    assert found["seen"]["power:db1"] == {
        "kind": "power",
        "state": "off",
        "reading": "pdu says off",
    }
    assert [one["applied"] for one in found["marks"]] == [True]
    assert (
        hello(world)["marks"][0]["applied"] is None
    )  # no device is asked by who does not want to know


def test_of_a_node_that_is_not_listed_nothing_is_seen_and_nothing_is_cut(world, device):
    assert hello(world, "power:web1", "power:db2")["seen"] == {
        "power:web1": None,
        "power:db2": None,
    }
    assert state(fence(world, args={"node": "db2"})) == ("refused", "not_listed")


@pytest.mark.parametrize(
    "args", [{"node": 1}, {"owner": "person:eve"}, {"more": "x"}, {"owner": "nobody"}]
)
def test_arguments_are_checked_before_anything_is_marked(world, device, args):
    assert fence(world, args=args)["reason"] == "bad_argument"
    assert marked(world) == {}


def test_another_boot_of_the_fencing_host_is_another_decision(world, device):
    assert fence(world, expect={"boot_id": "other"})["reason"] == "changed"
    assert fence(world, expect={})["reason"] == "bad_argument"
    assert device.asked == []


def test_a_running_agent_shows_no_secret_to_the_other_users_of_the_host(world, device):
    shown = []

    def peeking(argv: tuple[str, ...], seconds: float, **rest: Any) -> process.Ran:
        shown.append(argv)
        return process.run(argv, seconds, **rest)

    world.programs = peeking
    fence(world)
    assert {len(argv) for argv in shown} == {1}
    assert PASSWORD not in str(shown)


def test_no_healer_can_end_a_mark_by_its_word(world, device):
    fence(world, 1)
    device.set(mode="refuses")
    answer = fence(world, 2, "node.unfence", args={"mark_only": "it is on"})
    assert state(answer) == ("refused", "bad_argument")
