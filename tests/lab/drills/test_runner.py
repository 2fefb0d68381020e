"""A drill from given to report, against a lab that keeps a diary, on virtual time."""

from dataclasses import dataclass, replace

import pytest

from lab.drills.facts.healing import VerbsCounted
from lab.drills.facts.monitoring import AlertFires
from lab.drills.facts.ruling import Ruling, Watch
from lab.drills.model import Expected, Limits, Step
from lab.drills.observation import Observation
from lab.drills.reading import Seconds
from lab.drills.runner import run_in
from lab.drills.session import opened
from lab.faults.node_power_off import NodePowerOff
from lab.ports import LabError, TimedOut
from tests.lab.drills.drilled import DRILL, ran
from tests.lab.drills.eyes import Eyes, told
from tests.lab.drills.fakes import FakeLab


def test_everything_happens_in_order(lab: FakeLab) -> None:
    """Whatever watches comes first, snapshot before fault, undo before the eyes close."""
    report = ran(lab)
    assert report.held, report.broken
    assert lab.diary == [
        "started lab.pager",
        "started lab.eyes",
        "started lab.load",
        "mon1: sh",  # until Prometheus knows an Alertmanager
        "snapshot web2",
        "web1: kill -KILL 77",
        "snapshot web2",
        "web1: sh nginx.service",
        "stopped lab.load",
        "stopped lab.eyes",
        "stopped lab.pager",
    ]


def test_moments_are_told_as_they_become_known(lab: FakeLab) -> None:
    """Each moment once, the fault first."""
    heard: list[str] = []
    ran(lab, say=lambda moment, began: heard.append(moment.word))
    assert heard == ["fault", "detected"]


def test_a_figure_is_measured_from_the_fault(lab: FakeLab) -> None:
    """Two seconds of load come before the fault; the alert came five seconds after the start."""
    assert ran(lab).figures.detected == pytest.approx(3.0, abs=0.3)


def test_a_limit_that_is_broken_is_said(lab: FakeLab) -> None:
    """The drill did not hold, and says by how much."""
    lab.on_spawn = Eyes(lab, detects_after=9.0)
    report = ran(lab)
    assert not report.held
    assert any(text.startswith("detected: after 7.") for text in report.broken)


def test_what_never_comes_ends_the_drill_at_its_limit(lab: FakeLab) -> None:
    """Nobody waits longer than anything could still come in time."""
    lab.on_spawn = Eyes(lab, detects_after=None)
    report = ran(lab)
    assert report.ended - report.began == pytest.approx(61, abs=1)
    assert "ServiceDown web1 fires: no, firing now: nothing" in report.broken
    assert "detected: never, limit 5.0 s" in report.broken


def test_what_must_never_be_true_is_watched_for(lab: FakeLab) -> None:
    """One alert that may not fire breaks the drill."""
    lab.on_spawn = Eyes(lab, alert="NodeDown")
    drill = replace(DRILL, expected=(Expected(VerbsCounted(0), Seconds(5)),))
    assert ran(lab, drill).broken == ("never: NodeDown fires: it did, after 3.0 s",)


def test_a_fault_that_fails_half_way_is_undone(lab: FakeLab) -> None:
    """What could not be injected completely may have changed something."""
    lab.wrong["kill -KILL"] = TimedOut("web1 did not answer")
    with pytest.raises(TimedOut):
        ran(lab)
    assert "web1: sh nginx.service" in lab.diary
    assert lab.diary[-1] == "stopped lab.pager"


@dataclass(frozen=True)
class Bug:
    """A fact whose judge fails."""

    raised: BaseException

    def judge(self, seen: Observation) -> Ruling:
        raise self.raised

    def watch(self) -> Watch | None:
        return None


@pytest.mark.parametrize("raised", [ZeroDivisionError(), KeyboardInterrupt()])
def test_undo_runs_when_a_judge_fails_or_the_drill_is_cancelled(
    lab: FakeLab, raised: BaseException
) -> None:
    """Whatever was begun is taken back, last first."""
    steps = (*DRILL.steps, Step("node.power_off", NodePowerOff("web2"), Seconds(1)))
    drill = replace(DRILL, steps=steps, expected=(Expected(Bug(raised), Seconds(5)),))
    with pytest.raises(type(raised)):
        ran(lab, drill)
    assert lab.diary[-5:] == [
        "web2: power on",
        "web1: sh nginx.service",
        "stopped lab.load",
        "stopped lab.eyes",
        "stopped lab.pager",
    ]


def test_a_step_waits_for_what_it_names(lab: FakeLab) -> None:
    """Its time counts from then, and the drill is watched from then on."""
    waits = Step("node.power_off", NodePowerOff("web2"), Seconds(2), AlertFires("ServiceDown"))
    report = ran(lab, replace(DRILL, steps=(*DRILL.steps, waits)))
    assert report.held, report.broken
    faults = [round(m.at - report.began) for m in report.moments if m.word == "fault"]
    assert faults == [0, 5]
    assert report.ended - report.began >= 9


def test_a_step_that_waits_in_vain_is_not_done(lab: FakeLab) -> None:
    """The drill did not hold, and says what was waited for."""
    waits = Step("node.power_off", NodePowerOff("web2"), when=AlertFires("NoSuchAlert"))
    report = ran(lab, replace(DRILL, steps=(*DRILL.steps, waits)))
    assert "node.power_off was not done: it waited for: NoSuchAlert fires" in report.broken
    assert "web2: power off" not in lab.diary


def test_several_drills_share_one_session(lab: FakeLab) -> None:
    """Nothing is started twice, and the second is not judged by what the first one saw."""
    calm = replace(
        DRILL,
        name="two",
        expected=(Expected(VerbsCounted(0), Seconds(5)),),
        never=(AlertFires("ServiceDown"),),
        limits=Limits(),
    )
    eyes = lab.on_spawn
    with opened(lab, [DRILL, calm], lab.clock, lab.directory / "seen") as session:
        assert run_in(session, DRILL, lambda moment, began: None).held
        eyes.write(told(lab, "alerts", "", []))
        report = run_in(session, calm, lambda moment, began: None)
        assert report.held, report.broken
    assert [line for line in lab.diary if line.startswith("started")] == [
        "started lab.pager",
        "started lab.eyes",
        "started lab.load",
    ]


def test_a_step_that_cannot_be_undone_does_not_keep_others_from_it(lab: FakeLab) -> None:
    """The rest is undone, and the drill did not hold."""
    steps = (Step("node.power_off", NodePowerOff("web2")), *DRILL.steps)
    lab.wrong["reset-failed"] = LabError("systemctl hangs")
    report = ran(lab, replace(DRILL, steps=steps))
    assert "service.kill could not be undone: systemctl hangs" in report.broken
    assert "web2: power on" in lab.diary


def test_a_change_between_the_snapshots_is_named(lab: FakeLab) -> None:
    """The path, with what it was and what it is."""
    lab.clock.after(4.0, lambda: lab.probe.update(files={"/etc/hosts": "bb"}))
    report = ran(lab)
    assert report.broken == ("nothing changed on web2: no, web2: /etc/hosts (aa -> bb)",)


def test_with_settle_the_first_snapshot_comes_after_the_fault(lab: FakeLab) -> None:
    """What the fault itself changed is then no difference."""
    drill = replace(DRILL, settle=Seconds(2), watch=Seconds(6))
    lab.clock.after(2.5, lambda: lab.probe.update(files={"/etc/hosts": "bb"}))
    assert ran(lab, drill).held
    words = [line for line in lab.diary if "snapshot" in line or "kill" in line]
    assert words == ["web1: kill -KILL 77", "snapshot web2", "snapshot web2"]


def test_old_entries_of_a_ledger_do_not_count(lab: FakeLab) -> None:
    """What another drill had a gate do is not this one's."""
    lab.entries["web1"] = [{"id": "1.1.1", "verb": "service.restart", "state": "done"}]
    drill = replace(DRILL, expected=(Expected(VerbsCounted(0), Seconds(5)),))
    assert ran(lab, drill).held


def test_new_entries_of_a_ledger_count(lab: FakeLab) -> None:
    """The gate's own times are used."""
    new = {
        "id": "1.1.2",
        "verb": "service.restart",
        "state": "done",
        "reason": "restarted",
        "started_at": "1970-01-01T00:16:46Z",
        "ended_at": "1970-01-01T00:16:47Z",
    }
    lab.clock.after(4.0, lambda: lab.entries.update(web1=[new]))
    drill = replace(DRILL, expected=(Expected(VerbsCounted(1, state="done"), Seconds(9)),))
    report = ran(lab, drill)
    assert report.held, report.broken
    assert report.figures.acted == pytest.approx(4.0)


def test_a_node_that_does_not_answer_is_unknown_and_left_alone(lab: FakeLab) -> None:
    """A frozen node costs one question in five seconds, and nothing about it is guessed."""
    lab.wrong["hale-gate"] = TimedOut("no answer")
    drill = replace(DRILL, expected=(Expected(VerbsCounted(0), Seconds(5)),))
    assert "the gates together ran exactly 0 verbs: no, no ledger could be read" in (
        ran(lab, drill).broken
    )
