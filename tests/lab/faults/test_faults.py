"""Faults against a lab that keeps a diary: what each does, and that each is taken back."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lab import faults
from lab.faults import FAULTS, KINDS
from lab.faults.fault import insist
from lab.ports import Completed, LabError
from tests.lab.drills.fakes import FakeLab
from tests.lab.faults import data_rows, node_rows, people_rows, service_rows
from tests.lab.faults.service_rows import UNIT

OF_DATABASES = {"postgres.fill_wal"}
OF_THE_NETWORK = {"network.cut", "network.split", "network.mend"}
INCIDENTS = '[{"id": "7", "node": "web1", "service": "old", "state": "held"}]'


@pytest.fixture
def lab(tmp_path: Path) -> FakeLab:
    answers = {
        "hale-healer incidents": INCIDENTS,
        "date": "T",
        "SENTINEL REPLICAS": "slave\n",
        "SENTINEL FAILOVER": "OK",
        "fill.tmp": "3 files, 0 bytes free",
        "filefrag": "4096",
        "-printf '%s": "/srv/r/data/aa",
        "echo killed": "killed",
    }
    (tmp_path / "web1-data.img").write_bytes(bytes(8192))
    begun = {"id": "1.2.3", "verb": "service.restart", "state": "begun"}
    return FakeLab(tmp_path, answers=answers, entries={"web1": [begun]})


@pytest.mark.parametrize(
    ("kind", "args", "does", "undoes"),
    [*service_rows.ROWS, *node_rows.ROWS, *data_rows.ROWS, *people_rows.ROWS],
)
def test_a_fault_is_done_and_taken_back(
    lab: FakeLab, kind: str, args: dict[str, str], does: list[str], undoes: list[str]
) -> None:
    """On the node that it names and nowhere else."""
    text = faults.inject(lab, "web1", kind, args)
    assert text.startswith("web1: ")
    assert "\n" not in text
    assert lab.diary == [f"web1: {one}" for one in does]
    lab.diary.clear()
    faults.undo(lab, "web1", kind, args)
    assert lab.diary == [f"web1: {one}" for one in undoes]


def test_a_restore_that_never_began_was_not_killed(lab: FakeLab) -> None:
    """A node that boots meanwhile ends the waiting command with 0, and has killed nothing."""
    del lab.answers["echo killed"]
    with pytest.raises(LabError, match="no restore wrote into /data"):
        faults.inject(lab, "web1", "restore.kill", {"folder": "/data"})


def test_a_disk_rots_where_the_file_lies_on_it(lab: FakeLab) -> None:
    faults.inject(lab, "web1", "files.rot", {"path": "/data/site"})
    disk = lab.disk("web1", "data").read_bytes()
    assert disk[:4096] == bytes(4096)
    assert b"rotten" in disk[4096:4160]
    assert disk[4160:] == bytes(4032)


def test_every_kind_is_tried_here() -> None:
    """A new fault comes with a row of its theme."""
    marks = test_a_fault_is_done_and_taken_back.pytestmark  # type: ignore[attr-defined]
    elsewhere = OF_THE_NETWORK | OF_DATABASES | {"power.mode"}
    assert {row[0] for row in marks[0].args[1]} | elsewhere == set(KINDS)


def test_the_power_controller_behaves_as_a_drill_says_and_obeys_again(lab: FakeLab) -> None:
    """It stands outside of all nodes."""
    assert faults.inject(lab, "mon1", "power.mode", {"mode": "lies"}) == "the power controller lies"
    faults.undo(lab, "mon1", "power.mode", {"mode": "lies"})
    assert lab.diary == ["power controller: lies", "power controller: obeys"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Completed(0, "", ""), "done"),
        (Completed(3, "", "x\nserver closed the connection\n"), "server closed the connection"),
        (Completed(1, "", ""), "failed"),
    ],
)
def test_a_log_that_cannot_grow_is_what_was_asked_for(
    lab: FakeLab, answer: Completed, said: str
) -> None:
    lab.wrong["psql"] = answer
    text = faults.inject(lab, "web1", "postgres.fill_wal", {})
    assert text == f"web1: the write-ahead log switched on and on: {said}"
    faults.undo(lab, "web1", "postgres.fill_wal", {})


def test_two_sides_stop_hearing_each_other_in_one_instant(lab: FakeLab) -> None:
    said = faults.inject(lab, "web1", "network.split", {"others": "lb2 web2"})
    assert "web1 and lb2, web2: no longer hear each other" in said
    faults.undo(lab, "web1", "network.split", {"others": "lb2 web2"})
    here, there = lab.port("web1"), ", ".join(map(lab.port, ("lb2", "web2")))
    text = "\n".join(lab.diary)
    assert f"iifname {{ {here} }} oifname {{ {there} }} drop" in text
    assert f"iifname {{ {there} }} oifname {{ {here} }} drop" in text
    assert "nft delete table bridge hale_lab_switch" in text


def test_a_switch_fails_for_all_its_nodes_at_once_and_works_again(lab: FakeLab) -> None:
    """One transaction of nft, from and to their ports; mending is safe where nothing is cut."""
    mended = ["nft add table bridge hale_lab_switch", "nft delete table bridge hale_lab_switch"]
    said = faults.inject(lab, "web1", "network.cut", {"others": "lb2 web2"})
    assert said == "web1, lb2, web2: behind a switch that failed"
    rules = [line for line in lab.diary if "add rule" in line]
    assert rules == [
        "nft add rule bridge hale_lab_switch prerouting iifname { vb-web1, vb-lb2, vb-web2 } drop",
        "nft add rule bridge hale_lab_switch postrouting oifname { vb-web1, vb-lb2, vb-web2 } drop",
    ]
    lab.diary.clear()
    faults.undo(lab, "web1", "network.cut", {})
    assert lab.diary == mended
    faults.inject(lab, "web1", "network.mend", {})
    faults.undo(lab, "web1", "network.mend", {})
    assert lab.diary == mended * 2


def test_a_switch_that_nft_cannot_cut_is_said(lab: FakeLab) -> None:
    """With what nft said."""
    lab.wrong_on_host = Completed(1, "", "Operation not supported")
    with pytest.raises(LabError, match=r"nft: add table.*not supported"):
        faults.inject(lab, "web1", "network.cut", {})


def test_a_healer_is_not_killed_when_no_gate_is_at_work(lab: FakeLab) -> None:
    """Then the drill would show nothing."""
    lab.entries["web1"][0]["state"] = "done"
    with pytest.raises(LabError, match=r"no service\.restart was under way"):
        faults.inject(lab, "mon1", "healer.kill_at_begun", {"gate": "web1", "within": "0"})
    assert lab.diary == []


@pytest.mark.parametrize(
    ("kind", "args", "said"),
    [
        ("service.kil", {}, "unknown fault 'service.kil'. Known: alert.forge"),
        ("service.kill", {}, "service.kill: argument 'unit' is missing. Arguments: unit"),
        ("service.kill", UNIT | {"x": "1"}, "unknown argument 'x'"),
        ("node.freeze", {"x": "1"}, "unknown argument 'x'. Arguments: none"),
        (
            "service.break_config",
            UNIT | {"path": "/x", "then": "wait"},
            "Known: kill, stop, nothing",
        ),
        ("alert.forge", {"labels": "node=web1"}, "no alertname"),
        ("haproxy.set", {"server": "web/web1", "state": "up"}, "Known: ready, drain, maint"),
        ("service.slow_start", UNIT | {"seconds": "4s"}, "not a whole number"),
        ("node.slow_boot", {"seconds": "4s"}, "not a whole number"),
        ("person.adopt", {"target": "web2/old"}, "no open incident about web2/old"),
    ],
)
def test_a_wrong_word_touches_nothing(
    lab: FakeLab, kind: str, args: dict[str, str], said: str
) -> None:
    """The message says what is known."""
    with pytest.raises(LabError, match=r".") as caught:
        faults.inject(lab, "web1", kind, args)
    assert said in str(caught.value)
    assert not [line for line in lab.diary if "incidents" not in line]


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[{}]", '{"incidents": 5}'])
def test_what_the_healer_says_may_be_nonsense(lab: FakeLab, text: str) -> None:
    """Then nothing is adopted."""
    lab.answers["hale-healer incidents"] = text
    with pytest.raises(LabError):
        faults.inject(lab, "mon1", "person.adopt", {"target": "web1/old"})
    assert not any("adopt" in line for line in lab.diary)


def test_a_command_that_fails_is_quoted(lab: FakeLab) -> None:
    """With its exit status and the end of what it said."""
    lab.wrong["systemctl stop"] = Completed(5, "", "Unit x.service not loaded.")
    with pytest.raises(
        LabError, match=r"web1: systemctl stop x: exit status 5: Unit x.service not"
    ):
        faults.inject(lab, "web1", "unit.stop", {"unit": "x"})


def test_a_person_asks_again_until_nobody_says_no_and_not_for_ever() -> None:
    said = ["lagging", "", "not to be asked for"]
    insist(lambda: said.pop(0), 60.0, "switchover")
    assert said == ["not to be asked for"]
    with pytest.raises(LabError, match="switchover: lagging"):
        insist(lambda: "lagging", 0.0, "switchover")


def test_units_of_several_nodes_are_killed_at_the_same_time(tmp_path: Path) -> None:
    """Each kill begins before another ends: one after the other would wait here for ever."""
    both = threading.Barrier(2)

    class MeetingLab(FakeLab):
        def exec(self, node: str, argv: Sequence[str], **how: Any) -> Completed:
            both.wait(timeout=10)
            return super().exec(node, argv, **how)

    lab = MeetingLab(tmp_path)
    done = faults.inject(lab, "web1", "service.kill_until_failed", {**UNIT, "also": "web2"})
    assert done == "web1, web2: nginx.service killed until systemd gave up"
    assert sorted(lab.diary) == ["web1: sh nginx.service 60", "web2: sh nginx.service 60"]


def test_units_of_several_nodes_are_each_started_again(lab: FakeLab) -> None:
    """What undoes the fault undoes all of it."""
    faults.undo(lab, "web1", "service.kill_until_failed", {**UNIT, "also": "web2"})
    assert sorted(lab.diary) == ["web1: sh nginx.service", "web2: sh nginx.service"]


def test_a_unit_that_never_stays_down_is_given_up_on(lab: FakeLab) -> None:
    """Killing is bounded; the message says what the unit lacks."""
    lab.wrong["kill -KILL"] = Completed(1, "", "")
    with pytest.raises(LabError, match="is not failed after 60 s of killing"):
        faults.inject(lab, "web1", "service.kill_until_failed", UNIT)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_is(kind: str) -> None:
    """Its class has a sentence of its own, not the one that dataclasses make."""
    assert not (FAULTS[kind].__doc__ or "").startswith(FAULTS[kind].__name__ + "(")


def test_what_receives_nothing_cannot_be_stalled_and_need_not_go_on(lab: FakeLab) -> None:
    lab.wrong["walreceiver"] = Completed(3, "", "")
    with pytest.raises(LabError, match="no PostgreSQL there receives anything"):
        faults.inject(lab, "web1", "postgres.stall", {})
    faults.undo(lab, "web1", "postgres.stall", {})
    said = faults.inject(lab, "web1", "postgres.go_on", {})
    assert said == "web1: PostgreSQL has nothing that was stopped"
