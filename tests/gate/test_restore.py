"""files.restore: only what a drill proved and a person agreed to, and done only where its report says so."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gate import restores
from gate.clock import NANO
from gate.config import parse
from gate.process import Ran
from gate.restore_rule import RestoreRule
from tests.gate.fakes import NGINX, World
from tests.gate.test_locking import hello
from tests.gate.test_session import ask, request

SNAPSHOT, OLDER = "a" * 64, "b" * 64
UNIT = f"hale-backup-restore@site:{SNAPSHOT}.service"
PERIOD = 6 * 3600.0


def at(world: World, ago: float = 0.0) -> str:
    return datetime.fromtimestamp(world.clock.wall() / NANO - ago, UTC).isoformat()


class Reports:
    """What hale-backup has written on the node."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        folder.mkdir()
        self.drill(proof(world, SNAPSHOT, 1800))
        self.write("run", newest_change_at=at(world, 60), newest_change_seen_at=at(world, 30))

    def write(self, kind: str, **told: Any) -> Path:
        path = self.folder / f"site.{kind}.json"
        path.write_text(json.dumps({"v": 1, **told}))
        path.chmod(0o644)
        return path

    def drill(self, *proofs: dict[str, Any], **told: Any) -> Path:
        return self.write("drill", verified=True, proven=list(proofs), **told)


def proof(world: World, snapshot: str, ago: float, proved_ago: float = 600) -> dict[str, Any]:
    return {
        "snapshot": snapshot,
        "snapshot_at": at(world, ago),
        "proved_at": at(world, proved_ago),
        "newest_record_at": None,
        "bytes": 1,
    }


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(restores, "TURN", tmp_path)
    names = (str(tmp_path / f"reports/site.{kind}.json") for kind in ("drill", "run", "restore"))
    made.config.restores["site"] = RestoreRule(*names, PERIOD, ("nginx.service",))
    made.clock.pass_seconds(3600)
    for each in (UNIT, UNIT.replace(SNAPSHOT, OLDER)):
        made.systemd.units[each] = replace(NGINX, id=each, invocation_id="")
    return made


@pytest.fixture
def reports(world: World, tmp_path: Path) -> Reports:
    return Reports(world, tmp_path / "reports")


def restore(world: World, snapshot: str = SNAPSHOT, number: int = 1, **changes: Any) -> Any:
    world.clock.pass_seconds(60)
    expect = {"boot_id": str(world.clock.boot_id()), "backups": {"site": {"snapshot": snapshot}}}
    told = {"verb": "files.restore", "args": {"backup": "site"}, "expect": expect} | changes
    return ask(world, request(world, number, **told))[-1]


def works(world: World, reports: Reports, **told: Any) -> None:
    """Let hale-backup's unit end well, or as it is told, when it is started."""
    said = {"ok": True, "snapshot": SNAPSHOT, "snapshot_at": "then", "ended_at": "now"} | told
    world.programs.during = lambda: reports.write("restore", **said)


def seen(world: World) -> Any:
    return hello(world, "backup:site")["seen"]["backup:site"]


def test_a_look_shows_what_would_be_put_back_and_how_new_what_is_there_is(world, reports):
    found = seen(world)
    assert found["kind"] == "backup"
    assert found["proven"]["snapshot"] == SNAPSHOT
    assert found["newest_change_at"] > found["proven"]["snapshot_at"]
    assert found["newest_change_seen_at"] > found["newest_change_at"]
    reports.write("run", newest_change_at=at(world, 60))  # of an older hale-backup
    assert seen(world)["newest_change_seen_at"] is None


def test_hale_backups_own_unit_does_it_for_that_snapshot(world, reports):
    works(world, reports)
    said = restore(world)
    assert (said["state"], said["reason"]) == ("done", "restored")
    assert world.diary[-1] == f"systemctl start hale-backup-restore@site:{SNAPSHOT}.service"


def test_of_several_the_newest_snapshot_counts_whenever_it_was_proved(world, reports):
    reports.drill(proof(world, OLDER, 7200, 60), proof(world, SNAPSHOT, 1800, 900))
    assert seen(world)["proven"]["snapshot"] == SNAPSHOT


def test_a_proof_that_ran_out_is_none(world, reports):
    reports.drill(proof(world, SNAPSHOT, 1800, PERIOD + 60))
    assert seen(world)["proven"] is None
    said = restore(world)
    assert (said["state"], said["reason"]) == ("refused", "changed")
    assert world.diary == []


def test_a_proof_from_the_future_is_none(world, reports):
    reports.drill(proof(world, SNAPSHOT, 1800, -3600))
    assert seen(world)["proven"] is None


def test_a_backup_of_a_time_to_come_is_not_the_newest(world, reports):
    reports.drill(proof(world, OLDER, -86400), proof(world, SNAPSHOT, 1800))
    assert seen(world)["proven"]["snapshot"] == SNAPSHOT
    reports.drill(proof(world, OLDER, -86400))
    assert seen(world)["proven"] is None


def test_another_snapshot_than_was_agreed_to_is_not_put_back(world, reports):
    said = restore(world, OLDER)
    assert (said["state"], said["reason"]) == ("refused", "changed")
    assert SNAPSHOT in said["detail"]


@pytest.mark.parametrize("bad", ["missing", "writable", "link", "no JSON", "no proof", "a pipe"])
def test_a_report_that_cannot_be_believed_proves_nothing(world, reports, bad):
    path = reports.folder / "site.drill.json"
    match bad:
        case "missing":
            path.unlink()
        case "writable":
            path.chmod(0o666)
        case "link":
            path.rename(path.with_name("real"))
            path.symlink_to("real")
        case "no JSON":
            path.write_text("{")
        case "no proof":
            reports.drill({**proof(world, SNAPSHOT, 60), "snapshot": "x; reboot"})
        case "a pipe":
            path.unlink()
            os.mkfifo(path)
    assert seen(world) is None
    assert restore(world)["reason"] == "changed"
    assert world.diary == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"args": {}}, "bad_argument"),
        ({"args": {"backup": "site", "more": 1}}, "bad_argument"),
        ({"args": {"backup": "other"}}, "not_listed"),
        ({"expect": {}}, "bad_argument"),
        ({"expect": {"boot_id": "b"}}, "bad_argument"),
    ],
)
def test_what_it_is_told_must_be_listed_and_whole(world, reports, changes, reason):
    assert restore(world, **changes)["reason"] == reason
    assert world.diary == []


def test_a_restore_that_failed_says_what_hale_backup_said(world, reports):
    works(world, reports, ok=False, reason="differs", detail="/srv/site/1 has other content")
    world.programs.answer = Ran(1, b"Job failed.\n")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("failed", "not_restored")
    assert said["detail"] == "differs: /srv/site/1 has other content"


def test_a_unit_that_did_not_begin_failed_whatever_an_old_report_says(world, reports):
    reports.write("restore", ok=True, snapshot=SNAPSHOT, ended_at="yesterday")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("failed", "not_restored")
    assert "did not begin" in said["detail"]


@pytest.mark.parametrize("readable", [True, False])
def test_one_that_began_and_left_no_report_may_have_put_a_part_in_place(world, reports, readable):
    reports.write("restore", ok=True, snapshot=SNAPSHOT, ended_at="yesterday")

    def killed():
        world.systemd.units[UNIT] = replace(world.systemd.units[UNIT], invocation_id="begun")
        world.systemd.readable = readable

    world.programs.during, world.programs.answer = killed, Ran(1, b"Job failed.\n")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("unknown", "interrupted")


def test_the_report_of_another_snapshot_is_no_success(world, reports):
    works(world, reports, snapshot=OLDER)
    assert restore(world)["reason"] == "not_restored"


def test_one_that_takes_too_long_may_still_run(world, reports):
    world.programs.answer = Ran(None, b"")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("unknown", "deadline")


class Late:
    """A unit of hale-backup's that is not over in time; it is as `turn` has it, and `stopped` happens in a stop."""

    def __init__(self, world: World, folder: Path, turn: str | None) -> None:
        self.world, self.folder = world, folder
        self.code: int | None = 0
        self.stopped: Callable[[], object] = lambda: None
        world.systemd.units[UNIT] = replace(world.systemd.units[UNIT], invocation_id="this run")
        if turn is not None:
            self.is_at(turn)
        world.programs.during, world.programs.answer = self.systemctl, Ran(None, b"")

    def is_at(self, turn: str) -> None:
        (self.folder / "site.turn").write_text(f"{turn}\n")

    def systemctl(self) -> None:
        if self.world.diary[-1] == f"systemctl stop {UNIT}":
            self.stopped()
            self.world.programs.answer = Ran(self.code, b"")


def test_one_that_still_waits_when_time_is_up_is_called_off(world, reports, tmp_path):
    """Else it would begin later, over what a person repaired meanwhile."""
    Late(world, tmp_path, "waits this run")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("failed", "not_restored")
    assert said["detail"].startswith("busy: another job of site ran")
    assert world.diary[-1] == f"systemctl stop {UNIT}"


@pytest.mark.parametrize("turn", [None, "begun this run", "waits another run", "waits this run\nx"])
def test_one_that_may_have_begun_is_left_to_its_end(world, reports, tmp_path, turn):
    """Also where hale-backup is of an older release, which does not say that it waits."""
    Late(world, tmp_path, turn)
    said = restore(world)
    assert (said["state"], said["reason"]) == ("unknown", "deadline")
    assert not [line for line in world.diary if "systemctl stop" in line]


def test_where_systemd_does_not_say_which_run_it_is_nothing_is_stopped(world, reports, tmp_path):
    late = Late(world, tmp_path, "waits this run")
    started = late.systemctl

    def silent() -> None:
        world.systemd.readable = False
        started()

    world.programs.during = silent
    said = restore(world)
    assert (said["state"], said["reason"]) == ("unknown", "deadline")
    assert not [line for line in world.diary if "systemctl stop" in line]


def test_one_that_begins_just_when_it_is_stopped_may_have_put_a_part_in_place(
    world, reports, tmp_path
):
    late = Late(world, tmp_path, "waits this run")
    late.stopped = lambda: late.is_at("begun this run")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("unknown", "interrupted")


@pytest.mark.parametrize("code", [None, 1])
def test_one_that_cannot_be_stopped_may_begin_yet(world, reports, tmp_path, code):
    Late(world, tmp_path, "waits this run").code = code
    said = restore(world)
    assert (said["state"], said["reason"]) == ("unknown", "deadline")


@pytest.mark.parametrize(
    "change",
    [{"drill": "relative"}, {"period_seconds": -1}, {"units": "nginx"}, {"more": 1}, {"run": None}],
)
def test_gate_json_is_read_strictly(change):
    rule = {"drill": "/d", "run": "/r", "report": "/p", "period_seconds": 1, "units": []}
    whole = {"v": 1, "cluster": "c", "node": "n", "restores": {"site": rule}}
    assert parse(json.dumps(whole).encode()).restores["site"].drill == "/d"
    whole["restores"] = {"site": rule | change}
    with pytest.raises(ValueError, match=r"restores\['site'\]"):
        parse(json.dumps(whole).encode())
