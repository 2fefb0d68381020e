"""A boot that the node asks for itself waits for people at the node and for a verb that runs, as every verb does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gate import cli, reboot_lock
from gate.holds import NAME as HOLD
from gate.holds import Holds
from gate.ledger import Ledger
from gate.mark import LOCK
from gate.marks import NAME as MARKS
from gate.marks import Marks
from gate.own_boot import OwnBoot
from gate.process import Ran
from gate.reboot_lock import reboot_if_due
from gate.run_lock import RunLock
from gate.unwritable import LedgerUnwritable
from tests.gate.fakes import FakeClock
from tests.gate.test_reboot_lock import DUE, NO, URL, YES, Answer, leads

NOW = "2026-01-02T03:04:05.000Z"


def nothing() -> None:
    """Do nothing."""


@dataclass
class Machine:
    """A node for which a boot is due, what keeps it up, and who gives it a lock."""

    state: Path
    run: Path
    on_lock: Callable[[], None] = nothing
    on_boot: Callable[[], None] = nothing
    diary: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.holds = Holds(self.state, self.run, FakeClock())
        self.marks = Marks(self.state, self.run)
        self.ledger = Ledger(self.state / "ledger")
        self.verb = RunLock(self.run / "action.lock")
        """Whoever carries out a verb has it."""

    def lock_for(self, owner: str) -> None:
        with self.marks.open() as marks:
            marks.own(LOCK, "web1", (owner,), NOW)

    def post(self, url: str, below: str, machine_id: str) -> Answer:
        self.diary.append(below)
        if below == "v1/pre-reboot":
            assert self.verb.is_free(), "who gives the lock has verbs to run here"
            self.on_lock()
        return YES

    def programs(self, argv: tuple[str, ...], seconds: float) -> Ran:
        self.diary.append(" ".join(argv))
        self.on_boot()
        return Ran(0, b"")

    def boot(self) -> int:
        lock = RunLock(self.run / "action.lock")
        boot = OwnBoot(self.ledger, lock, self.holds, self.marks, {}, self.programs)
        return reboot_if_due(URL, DUE, leads, self.post, self.programs, boot.now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path / "state", tmp_path / "run")
    found.ledger.create_if_missing(16)
    return found


KEEPS_UP: dict[str, Callable[[Machine], object]] = {
    "held: new fan (until released)": lambda one: one.holds.place("new fan", None),
    "locked: for person:ann; `hale-gate unlock` ends it": lambda one: one.lock_for("person:ann"),
    "busy: an action runs here": lambda one: one.verb.take(),
    f"held: {HOLD} is damaged": lambda one: (one.state / HOLD).write_text("{"),
    "marks_unreadable: a person may lock it": lambda one: (one.state / MARKS).write_text("{"),
}
"""What keeps a node up, by what is said of it."""


@pytest.mark.parametrize("why", KEEPS_UP)
def test_what_keeps_a_node_up_keeps_it_from_asking_for_a_lock(machine, capsys, why):
    KEEPS_UP[why](machine)
    assert machine.boot() == 0
    assert machine.diary == []
    assert f"not now: {why}" in capsys.readouterr().out.replace(f"{machine.state}/", "")


@pytest.mark.parametrize("why", KEEPS_UP)
def test_what_comes_while_the_lock_is_asked_for_has_it_given_back(machine, capsys, why):
    machine.on_lock = lambda: KEEPS_UP[why](machine)
    assert machine.boot() == 0
    assert machine.diary == ["v1/pre-reboot", "v1/steady-state"]
    said = capsys.readouterr().out.replace(f"{machine.state}/", "")
    assert f"not now: {why}" in said
    assert "given back" in said


def test_the_lock_that_a_healer_gave_it_keeps_no_node_from_its_boot(machine):
    machine.on_lock = lambda: machine.lock_for("lock:upkeep-1")
    assert machine.boot() == 0
    assert machine.diary == ["v1/pre-reboot", "systemctl reboot"]


def test_no_verb_begins_and_no_hold_is_placed_unheard_while_the_boot_is_asked_for(machine):
    def look() -> None:
        assert not machine.verb.take()
        with pytest.raises(LedgerUnwritable, match="cannot be locked"), machine.ledger.open(0.0):
            pass

    machine.on_boot = look
    assert machine.boot() == 0
    assert machine.diary[-1] == "systemctl reboot"
    assert machine.verb.take(), "it was kept beyond that"


def test_a_boot_needs_no_ledger_and_still_waits_for_a_verb(tmp_path, capsys):
    machine = Machine(tmp_path / "state", tmp_path / "run")
    machine.verb.take()
    assert machine.boot() == 0
    assert machine.diary == []
    assert "busy: an action runs here" in capsys.readouterr().out
    machine.verb.release()
    assert machine.boot() == 0
    assert machine.diary == ["v1/pre-reboot", "systemctl reboot"]


def test_where_nobody_can_know_whether_a_verb_runs_nothing_is_booted(tmp_path, capsys):
    (tmp_path / "run").write_text("no directory")
    machine = Machine(tmp_path / "state", tmp_path / "run")
    assert machine.boot() == 0
    assert machine.diary == []
    assert "not now: busy: nobody can know whether a verb runs here: " in capsys.readouterr().out


def test_the_command_asks_all_of_it(machine, monkeypatch, capsys):
    urls = machine.state / "fleet_lock"
    urls.write_text(URL)
    monkeypatch.setattr("gate.machine.look", lambda: DUE)
    monkeypatch.setattr(reboot_lock, "post", lambda *_: NO)
    monkeypatch.setattr(reboot_lock, "standby", leads)
    places = ("--state", machine.state, "--run", machine.run, "--config", machine.state / "none")
    argv = [str(one) for one in ("reboot-if-due", "--url-file", urls, *places)]
    assert cli.main(argv) == 0
    assert "not now: capacity" in capsys.readouterr().out
    assert cli.main(["hold", "new fan", *argv[3:7]]) == 0
    assert cli.main(argv) == 0
    assert "not now: held: new fan (until released)" in capsys.readouterr().out
