"""What a drill is given comes before its fault, in the right order, and is taken back."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.drills.facts.monitoring import AlertFires
from lab.drills.model import ExtraService, Given, Journal, Limits
from lab.drills.underway import NotGiven
from lab.ports import Completed
from tests.lab.drills.drilled import DRILL, ran
from tests.lab.drills.eyes import Eyes, alert, told
from tests.lab.drills.fakes import FakeLab


def test_monitoring_that_is_given_anew_starts_before_anything_is_waited_for(lab: FakeLab) -> None:
    """Nothing of earlier alerts is at hand when the fault comes."""
    report = ran(lab, replace(DRILL, given=replace(DRILL.given, monitoring_anew=True)))
    assert report.held, report.broken
    anew = lab.diary.index("mon1: systemctl restart prometheus prometheus-alertmanager")
    assert lab.diary[anew + 1 : anew + 3] == ["mon1: sh", "snapshot web2"]


def test_without_what_is_given_nothing_is_broken(lab: FakeLab) -> None:
    """A cluster that is already ill is not drilled."""
    lab.on_spawn = Eyes(lab, sound=False)
    with pytest.raises(NotGiven, match="redundancy lacks web1/nginx; redundancy lacks web2/nginx"):
        ran(lab)
    assert not any("kill" in line for line in lab.diary)
    assert lab.diary[-1] == "stopped lab.pager"


def test_a_healer_that_could_not_act_is_waited_for(lab: FakeLab) -> None:
    """An alert that fires before it is armed would be pre-existing, and prove nothing."""
    lab.on_spawn = Eyes(lab, freezes=("not_armed",))
    with pytest.raises(NotGiven, match="the healer is frozen: not_armed"):
        ran(lab)


def test_requests_that_are_lost_before_the_fault_keep_the_drill_from_it(lab: FakeLab) -> None:
    """What is lost later would be nobody's fault in particular."""
    lost = {"at": 1001.0, "url": DRILL.load.urls[0], "ok": False, "status": 0, "seconds": 1}
    load = lab.directory / "seen" / "load.jsonl"
    lab.clock.after(1.0, lambda: load.write_text(json.dumps(lost) + "\n"))
    report = ran(lab)
    assert report.began == pytest.approx(1003, abs=0.3)
    assert report.figures.lost_requests == 0


def test_the_healer_comes_last_onto_an_empty_journal(lab: FakeLab) -> None:
    """Old failures fire before it is there; afterwards the scenario is restored."""
    given = Given(
        quiet=False,
        redundant=False,
        services=(ExtraService("old", "web1", failed=True),),
        journal=Journal.EMPTY,
        facts=(AlertFires("ServiceDown"),),
    )
    report = ran(lab, replace(DRILL, given=given, limits=Limits()))
    assert report.held, report.broken
    lines = [line for line in lab.diary if not line.startswith(("started", "stopped", "snapshot"))]
    assert lines == [
        "mon1: sh",  # until Prometheus knows an Alertmanager
        "mon1: systemctl stop hale-healer.service",
        "web1: wrote /etc/systemd/system/old.service",
        "web1: systemctl daemon-reload",
        "web1: systemctl start old.service",
        "web1: sh old.service 60",
        "mon1: find /var/lib/hale-healer -mindepth 1 -delete",
        "mon1: runuser -u hale-healer -- /opt/hale/bin/hale-healer store init "
        "--config /etc/hale/cluster.yml",
        "mon1: sh hale-healer.service",
        "mon1: sh",
        "web1: kill -KILL 77",
        "web1: sh nginx.service",
        "mon1: systemctl stop hale-healer.service",
        "web1: systemctl stop old.service",
        "web1: systemctl reset-failed old.service",
        "web1: rm --recursive --force /etc/systemd/system/old.service "
        "/etc/systemd/system/old.service.d",
        "web1: systemctl daemon-reload",
        "mon1: find /var/lib/hale-healer -mindepth 1 -delete",
        "mon1: runuser -u hale-healer -- /opt/hale/bin/hale-healer store init "
        "--config /etc/hale/cluster.yml",
        "mon1: sh hale-healer.service",
    ]


def test_changes_to_the_cluster_are_installed_and_taken_back(lab: FakeLab) -> None:
    """Explain mode is written to the healer's node, and the scenario's own file after the drill."""
    given = Given(overrides={"healer": {"mode": "explain"}})
    written: list[bytes] = []
    lab.clock.after(1.0, lambda: written.append(lab.files["mon1", "/etc/hale/cluster.yml"]))
    ran(lab, replace(DRILL, given=given))
    assert b"mode: explain" in written[0]
    own = (lab.scenario / "cluster.yml").read_bytes()
    assert lab.files["mon1", "/etc/hale/cluster.yml"] == own


class HealerAway(FakeLab):
    """HealerDown fires, or would soon, while the healer is stopped, and until Prometheus has seen it back."""

    started = killed = 0.0
    state = "firing"

    def exec(self, node: str, argv: Sequence[str], **how: Any) -> Completed:
        completed = super().exec(node, argv, **how)
        match self.diary[-1]:
            case "mon1: systemctl stop hale-healer.service":
                self.tell([alert("HealerDown", state=self.state)])
            case "mon1: sh hale-healer.service":
                self.started = self.started or self.clock.time
                self.clock.after(3.0, lambda: self.tell([]))
            case "web1: kill -KILL 77":
                self.killed = self.killed or self.clock.time
        return completed

    def tell(self, alerts: list[dict[str, object]]) -> None:
        self.on_spawn.write(told(self, "alerts", "", alerts))


@pytest.mark.parametrize("state", ["firing", "pending"])
def test_a_healer_that_starts_last_is_missed_meanwhile_and_heard_before_the_fault(
    tmp_path: Path, state: str
) -> None:
    """Its own stop is no reason to give a drill up, and its page does not count for the fault."""
    lab = HealerAway(tmp_path)
    lab.state = state
    lab.on_spawn = Eyes(lab, detects_after=None)
    given = replace(DRILL.given, overrides={"healer": {"mode": "explain"}})
    assert ran(lab, replace(DRILL, given=given, expected=(), limits=Limits())).held
    assert lab.started
    assert lab.killed >= lab.started + 3.0
