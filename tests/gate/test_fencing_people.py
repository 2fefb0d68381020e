"""A person at a fencing host cuts a node's power, switches it on again, and can end a mark by their word."""

import json
import socket
from pathlib import Path

import pytest

from gate.marks import Marks
from gate.note import note
from tests.gate.healers import OWNER
from tests.gate.power import AGENT, Device
from tests.gate.real import RealNode


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


def test_what_a_person_says_at_a_terminal_is_written_to_the_journal_as_one_line(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "log"))
        assert note("fence.mark_ended_by_word", str(tmp_path / "log"), how='a "word"')
        told = journal.recv(4096).decode()
    assert told == '<84>hale-gate: fence.mark_ended_by_word {"how": "a \\"word\\""}'
    assert not note("fence.mark_ended_by_word", str(tmp_path / "gone"), how="")
