"""A node is fenced when its power device says so a second time; everything else is told for what it is.

Each agent here is a program of its own, run as the gate runs it, and one of them is fence-agents' fence_dummy.
"""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate import fence_agents, process
from gate.listed import FenceRule
from gate.marks import Marks
from gate.note import note
from gate.reapply import reapply
from tests.cluster.native import TOOLS, tool
from tests.gate.fakes import World
from tests.gate.real import RealNode
from tests.gate.test_session import ask, request

AGENT = Path(__file__).parent / "bin" / "fence_file"
OWNER, OTHER = "incident:1800000000.1", "incident:1800000000.2"
PASSWORD = "correct horse"


class Device:
    """A power controller of one node, and the rule by which the gate uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "device"
        self.folder.mkdir()
        self.secrets = folder / "secrets"
        self.secrets.write_text(f"# for the board\npasswd={PASSWORD}\n")
        self.secrets.chmod(0o600)
        self.set(power="on", mode="obeys")

    def set(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / name).write_text(text)

    @property
    def power(self) -> str:
        return (self.folder / "power").read_text()

    @property
    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def rule(self) -> FenceRule:
        options = (("device_folder", str(self.folder)), ("plug", "7"))
        return FenceRule("pdu", str(AGENT), options, str(self.secrets), 5.0, 2.0)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


@pytest.fixture
def world(tmp_path: Path, device: Device) -> World:
    made = World(tmp_path)
    made.config = replace(made.config, fencing={"db1": device.rule})
    made.programs = process.run
    return made


def fence(world: World, number: int = 1, verb: str = "node.fence", **changes: Any) -> Any:
    """Let a healer ask for it; return the last line."""
    args = {"node": "db1", "owner": OWNER} | changes.pop("args", {})
    told = {"expect": {"boot_id": str(world.clock.boot_id())}, "deadline_seconds": 30} | changes
    world.clock.pass_seconds(600)
    return ask(world, request(world, number, verb=verb, args=args, **told))[-1]


def marked(world: World) -> dict[str, tuple[str, ...]]:
    return {mark.subject: mark.owners for mark in world.marks.read().values()}


def look(world: World, *names: str) -> Any:
    (answer,) = world.talk(json.dumps({"v": 1, "hello": True, "look": names}).encode())
    return json.loads(answer)


def state(said: Any) -> tuple[str, str]:
    return said["state"], said["reason"]


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
    assert look(world, "power:db1")["seen"]["power:db1"]["state"] == "unknown"


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
    found = look(world, "power:db1")
    assert found["marks"][0]["applied"] is False


def test_a_look_reads_the_power_and_tells_whether_the_mark_is_so(world, device):
    fence(world)
    found = look(world, "power:db1")
    assert found["seen"]["power:db1"] == {
        "kind": "power",
        "state": "off",
        "reading": "pdu says off",
    }
    assert [one["applied"] for one in found["marks"]] == [True]
    assert (
        look(world)["marks"][0]["applied"] is None
    )  # no device is asked by who does not want to know


def test_of_a_node_that_is_not_listed_nothing_is_seen_and_nothing_is_cut(world, device):
    assert look(world, "power:web1", "power:db2")["seen"] == {"power:web1": None, "power:db2": None}
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


# --- People at a fencing host -------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path, device: Device) -> RealNode:
    node = RealNode(tmp_path / "host")
    rule = {
        "device": "pdu",
        "agent": str(AGENT),
        "options": dict(device.rule.options),
        "secrets": str(device.secrets),
    }
    rules = json.loads((node.folder / "gate.json").read_text()) | {"fencing": {"db1": rule}}
    (node.folder / "gate.json").write_text(json.dumps(rules))
    return node


def test_a_person_fences_and_switches_on_again_at_a_fencing_host(host, device):
    done = host.run("fence", "db1", *host.paths)
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "fenced")
    assert host.run("power", "db1", *host.paths).stdout == "off: pdu says off\n"
    assert "node.fence  db1  for person:" in host.run("marks", *host.paths).stdout
    assert host.run("unfence", "db1", *host.paths).stdout == "unfenced: pdu says on\n"
    assert device.power == "on"


def test_a_person_is_told_what_could_not_be_done(host, device):
    device.set(mode="refuses")
    refused = host.run("fence", "db1", *host.paths)
    assert (refused.returncode, refused.stderr.split(":")[0]) == (1, "fence_refused")
    device.set(mode="blind")
    assert host.run("power", "db1", *host.paths).returncode == 1
    unknown = host.run("fence", "db9", *host.paths)
    assert unknown.returncode == 2
    assert "Known: db1" in unknown.stderr


def test_a_person_does_not_switch_on_what_an_incident_keeps_off(host, device):
    host.run("fence", "db1", *host.paths)
    with Marks(host.folder / "state", host.folder / "run").open() as marks:
        marks.own("node.fence", "db1", (OWNER,), "2026-01-02T03:04:05Z")
    assert host.run("unfence", "db1", *host.paths).stdout.startswith("still_marked")
    assert device.power == "off"
    assert host.run("unfence", "db1", "--all", *host.paths).stdout.startswith("unfenced")


@pytest.mark.parametrize("mode", ["refuses", "blind", "lies"])
def test_where_the_controller_is_dead_a_persons_word_ends_the_mark_and_switches_nothing(
    host, device, mode
):
    host.run("fence", "db1", *host.paths)
    device.set(mode=mode)
    asked = host.run("unfence", "db1", "--all", *host.paths)
    assert asked.returncode == 1
    assert "node.fence  db1" in host.run("marks", *host.paths).stdout
    how, power = "its controller is dead; I switched it on by hand", device.power
    said = host.run("unfence", "db1", "--all", "--mark-only", how, *host.paths)
    assert (said.returncode, said.stdout.split(":")[0]) == (0, "unfenced")
    assert f": {how}; nothing was switched" in said.stdout
    assert device.power == power
    assert "nothing is marked" in host.run("marks", *host.paths).stdout


def test_a_persons_word_is_for_their_own_mark_unless_they_say_for_everybodys(host, device):
    host.run("fence", "db1", *host.paths)
    with Marks(host.folder / "state", host.folder / "run").open() as marks:
        marks.own("node.fence", "db1", (OWNER,), "2026-01-02T03:04:05Z")
    said = host.run("unfence", "db1", "--mark-only", "it is on", *host.paths)
    assert said.stdout.startswith(f"still_marked: off for {OWNER}")
    assert host.run("unfence", "db1", "--mark-only", " ", *host.paths).returncode == 2


def test_no_healer_can_end_a_mark_by_its_word(world, device):
    fence(world, 1)
    device.set(mode="refuses")
    answer = fence(world, 2, "node.unfence", args={"mark_only": "it is on"})
    assert state(answer) == ("refused", "bad_argument")


def test_what_a_person_says_at_a_terminal_is_written_to_the_journal_as_one_line(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "log"))
        assert note("fence.mark_ended_by_word", str(tmp_path / "log"), how='a "word"')
        told = journal.recv(4096).decode()
    assert told == '<84>hale-gate: fence.mark_ended_by_word {"how": "a \\"word\\""}'
    assert not note("fence.mark_ended_by_word", str(tmp_path / "gone"), how="")


# --- fence-agents' own ------------------------------------------------------------------------


@pytest.fixture
def dummy(tmp_path: Path) -> FenceRule:
    """fence_dummy of fence-agents, with the library that it was unpacked with."""
    program = tool("fence_dummy")
    places = [TOOLS / "usr/share/fence", TOOLS / "usr/lib/python3/dist-packages"]
    libraries = [*TOOLS.glob("usr/lib/*-linux-gnu"), *TOOLS.glob("lib/*-linux-gnu")]
    wrapper = tmp_path / "fence_dummy"
    wrapper.write_text(
        f"#!/bin/sh\nPYTHONPATH={os.pathsep.join(map(str, places))} "
        f"LD_LIBRARY_PATH={os.pathsep.join(map(str, libraries))} "
        f'exec /usr/bin/python3 {program} "$@"\n'
    )
    wrapper.chmod(0o755)
    (tmp_path / "status").write_text("on")
    options = (("plug", "7"), ("status_file", str(tmp_path / "status")), ("type", "file"))
    return FenceRule("dummy", str(wrapper), options, None, 20.0, 10.0)


def test_fence_agents_own_dummy_is_cut_read_and_switched_on(world, dummy, tmp_path):
    world.config = replace(world.config, fencing={"db1": dummy})
    assert look(world, "power:db1")["seen"]["power:db1"]["state"] == "on"
    assert state(fence(world, 1)) == ("done", "fenced")
    assert (tmp_path / "status").read_text() == "off"
    assert fence_agents.read(dummy, 10.0, process.run).state == "off"
    assert state(fence(world, 2, "node.unfence")) == ("done", "unfenced")
    assert (tmp_path / "status").read_text() == "on"


def test_fence_agents_own_dummy_that_fails_is_not_known_to_be_off(world, dummy):
    broken = replace(dummy, options=(*dummy.options[:2], ("type", "fail"), ("power_timeout", "1")))
    world.config = replace(world.config, fencing={"db1": broken})
    assert fence(world, 1)["state"] != "done"
