"""What is put in place, what is kept, and what a killed restore leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backup import mounting, plan, swap
from backup.words import Failed, Reason
from tests.backup.node import ROOT, TOOLS, Node, program, systemctl

pytestmark = pytest.mark.tools


def kept(node: Node) -> list[Path]:
    return sorted(node.site.parent.glob(".site.hale-old-*"))


def test_a_deleted_directory_is_back_as_it_was(proven: Node) -> None:
    before = proven.tree()
    del before["left.tmp"]
    shutil.rmtree(proven.site)
    assert proven.run("restore") == 0
    assert proven.tree() == before
    assert not kept(proven)
    assert proven.report("restore")["ok"]


def test_what_was_there_is_kept_beside_it_and_status_lists_it(
    proven: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    before = proven.tree()["big"]
    (proven.site / "big").write_bytes(b"corrupt")
    (proven.site / "newer").write_text("not in the backup")
    assert proven.run("restore") == 0
    assert proven.tree()["big"] == before
    (old,) = kept(proven)
    assert proven.report("restore")["kept"] == [str(old)]
    assert (old / "newer").read_text() == "not in the backup"
    assert f"yours to remove: {old}" in capsys.readouterr().out
    (proven.site.parent / ".site.hale-old-1").symlink_to(proven.root)  # no restore's
    (proven.site.parent / f"..site{old.name.removeprefix('.site')}").mkdir()  # of another directory
    assert proven.run("status", "--output", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)["site"]["kept"]
    assert row["path"] == str(old)
    assert 0 <= row["age_seconds"] < 600
    assert row["bytes"] > (old / "big").stat().st_size + len("not in the backup")
    assert proven.run("status") == 0
    assert "kept by a restore 0.0 days ago" in capsys.readouterr().out
    assert [path.name for path in proven.site.parent.iterdir() if "restore" in path.name] == []


@pytest.mark.parametrize("name", [".hale-restore-site:site", ".hale-restore-site-site"])
def test_what_a_restore_left_half_made_is_listed_also_that_of_an_older_release(
    node: Node, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    left = node.site.parent / name
    left.mkdir()
    (left / "big").write_bytes(b"x" * 100_000)
    (node.site.parent / ".hale-restore-other:site").mkdir()  # of another backup
    node.run("status", "--output", "json")
    (row,) = json.loads(capsys.readouterr().out)["site"]["half_made"]
    assert row["path"] == str(left)
    assert row["bytes"] >= 100_000
    node.run("status")
    assert f"MiB: {left}" in capsys.readouterr().out
    shutil.rmtree(left)
    left.symlink_to(node.root)  # no restore's
    node.run("status")
    assert "half made" not in capsys.readouterr().out


def test_two_backups_whose_names_run_into_each_other_are_restored_to_two_folders() -> None:
    one = plan.Move(Path("/srv/b-c"), Path("/srv/old")).stage("a")
    other = plan.Move(Path("/srv/c"), Path("/srv/old")).stage("a-b")
    assert one != other


def test_the_declared_units_are_stopped_around_the_switch_and_started_after(proven: Node) -> None:
    proven.configure(units=["app.service", "web.service"])
    assert proven.run("restore") == 0
    words = [line.split() for line in (proven.root / "systemctl").read_text().splitlines()]
    assert [word for word in words if word[0] != "reset-failed"] == [
        ["stop", "app.service"],
        ["stop", "web.service"],
        ["start", "web.service"],
        ["start", "app.service"],
    ]


@pytest.mark.parametrize(
    ("state", "started"),
    [
        ("active", True),
        ("activating", True),
        ("failed", True),
        ("inactive", False),
        ("deactivating", False),
    ],
)
def test_only_what_ran_or_should_is_started_again(proven: Node, state: str, started: bool) -> None:
    proven.configure(units=["app.service", "web.service"])
    (proven.root / "app.service.state").write_text(state)
    assert proven.run("restore") == 0
    words = (proven.root / "systemctl").read_text().splitlines()
    assert ("start app.service" in words) is started
    assert {"stop app.service", "start web.service"} <= set(words)
    assert proven.report("restore").get("left_stopped") == (None if started else ["app.service"])


def test_what_a_run_that_was_cut_off_had_stopped_is_started_by_the_next_one(
    proven: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven.configure(units=["app.service", "web.service"])
    (proven.root / "web.service.state").write_text("inactive")

    def die(*_: object) -> None:
        (proven.root / "bin/systemctl").unlink()  # nothing is started any more, as after kill -9
        program(proven.root / "bin", "systemctl", "#!/bin/sh\n")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(swap, "switch", die)
        with pytest.raises(KeyboardInterrupt):
            proven.run("restore")
    assert (proven.root / "app.service.state").read_text() == "inactive\n"
    program(proven.root / "bin", "systemctl", systemctl(proven.root))
    assert proven.run("restore") == 0
    assert (proven.root / "app.service.state").read_text() == "active\n"
    assert (proven.root / "web.service.state").read_text() == "inactive\n"


def test_where_systemd_does_not_say_whether_a_unit_runs_nothing_is_stopped(proven: Node) -> None:
    (proven.site / "big").write_bytes(b"corrupt")
    proven.configure(units=["app.service"])
    program(proven.root / "bin", "systemctl", '#!/bin/sh\necho "$@" >>"${0%/bin/*}/systemctl"\n')
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "service_stuck"
    assert "stop app.service" not in (proven.root / "systemctl").read_text()
    assert proven.tree()["big"] == b"corrupt"


def test_a_unit_that_does_not_stop_keeps_everything_as_it_is(proven: Node) -> None:
    (proven.site / "big").write_bytes(b"corrupt")
    proven.configure(units=["app.service"])
    program(proven.root / "bin", "systemctl", systemctl(proven.root, stops=False))
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "service_stuck"
    assert proven.tree()["big"] == b"corrupt"


def test_only_what_a_drill_proved_within_its_period_is_restored(proven: Node) -> None:
    proven.configure(drill_period_seconds=0.001)
    time.sleep(0.01)
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "not_proven"
    assert proven.run("status") == 3


def test_a_path_in_which_there_is_no_file_keeps_no_other_from_being_restored(node: Node) -> None:
    """The drill has proved the backup as a whole."""
    empty = node.root / "srv/uploads"
    empty.mkdir()
    node.configure(paths=[str(node.site), str(empty)])
    assert node.run("run") == 0
    assert node.run("drill") == 0
    good = node.tree()["big"]
    (node.site / "big").write_bytes(b"corrupt")
    empty.rmdir()
    assert node.run("restore") == 0
    assert node.tree()["big"] == good
    assert empty.is_dir()


def test_a_proof_of_a_time_that_is_still_to_come_is_none(proven: Node) -> None:
    """Else a clock that was set back would make it last."""
    path = proven.places.report("site", "drill")
    told = json.loads(path.read_text())
    told["proven"][0]["proved_at"] = "2999-01-01T00:00:00Z"
    path.write_text(json.dumps(told))
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "not_proven"
    assert proven.run("status") == 3


def test_a_newer_snapshot_that_no_drill_proved_is_passed_over(proven: Node) -> None:
    good = proven.tree()["pages/1.html"]
    (proven.site / "pages/1.html").write_text("unproven")
    assert proven.run("run") == 0
    newest = proven.listed()[-1]
    assert proven.run("restore", "--snapshot", newest) == 1
    assert proven.run("restore") == 0
    assert proven.tree()["pages/1.html"] == good


def test_a_report_that_others_could_write_proves_nothing(proven: Node) -> None:
    proven.places.report("site", "drill").chmod(0o666)
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "not_proven"


def test_a_backup_that_rotted_after_its_drill_replaces_nothing(proven: Node) -> None:
    (proven.site / "big").write_bytes(b"corrupt")
    pack = proven.packs()[0]
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "restore_failed"
    assert proven.tree()["big"] == b"corrupt"
    assert not kept(proven)


def slow_restic(node: Node) -> None:
    """Let restic write the files and then take its time."""
    slow = f'case "$*" in *" restore "*) touch {node.root}/half; sleep 60 ;; esac'
    lines = ("#!/bin/sh", f'{TOOLS}/restic "$@"; status=$?', slow, "exit $status", "")
    program(node.root / "bin", "restic", "\n".join(lines))


def test_a_restore_killed_half_way_leaves_the_old_and_the_next_run_finishes(proven: Node) -> None:
    before = proven.tree()
    del before["left.tmp"]
    (proven.site / "big").write_bytes(b"corrupt")
    slow_restic(proven)
    p = proven.places
    where = [f"--{n}={getattr(p, n)}" for n in ("reports", "state", "run", "cache")]
    words = [
        sys.executable,
        "-m",
        "backup.cli",
        "restore",
        "site",
        *where,
        f"--config={proven.root}/backup.json",
    ]
    script = "import sys; from backup.cli import main; sys.exit(main(sys.argv[1:]))"
    run = subprocess.Popen(
        [sys.executable, "-c", script, *words[3:]], cwd=ROOT, start_new_session=True
    )
    while not (proven.root / "half").exists():
        assert run.poll() is None
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert proven.tree()["big"] == b"corrupt", "nothing was touched"
    (proven.root / "bin/restic").unlink()
    assert proven.run("restore") == 0
    assert proven.tree() == before
    assert not list(proven.site.parent.glob(".hale-restore-*"))


def test_where_a_part_is_in_place_no_other_snapshot_is_begun(proven: Node) -> None:
    other = proven.root / "srv/other"
    other.mkdir()
    (other / "file").write_text("second path")
    proven.configure(paths=[str(proven.site), str(other)])
    for _ in range(2):
        assert proven.run("run") == 0
        assert proven.run("drill") == 0
    newest, older = (one["snapshot"] for one in proven.report("drill")["proven"][:2])
    real, calls = swap.switch, []

    def once(staged: Path, place: Path, aside: Path) -> None:
        if calls:
            raise Failed(Reason.NOT_SWITCHED, "the disk went away")
        calls.append(place)
        real(staged, place, aside)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swap, "switch", once)
        assert proven.run("restore") == 1
    assert proven.run("restore", "--snapshot", older) == 1
    assert proven.report("restore")["reason"] == "other_snapshot"
    assert proven.run("restore", "--snapshot", newest) == 0
    assert len(list(other.parent.glob(".*.hale-old-*"))) == 2


def test_a_file_system_that_cannot_exchange_is_switched_in_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = swap._rename

    def without(source: Path, target: Path, flags: int) -> None:
        if flags == swap._EXCHANGE:
            raise OSError(22, "Invalid argument")
        rename(source, target, flags)

    monkeypatch.setattr(swap, "_rename", without)
    for name in ("new", "place"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)
    swap.switch(tmp_path / "new", tmp_path / "place", tmp_path / "kept")
    assert (tmp_path / "place/who").read_text() == "new"
    assert (tmp_path / "kept/who").read_text() == "place"


def test_nobody_else_may_be_able_to_lead_a_restore_elsewhere(proven: Node) -> None:
    proven.site.parent.chmod(0o777)
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "not_switched"
    proven.site.parent.chmod(0o755)
    real = proven.root / "real"
    proven.site.parent.rename(real)
    proven.site.parent.symlink_to(real)
    assert proven.run("restore") == 1
    assert proven.report("restore")["reason"] == "not_switched"


def test_a_mount_point_is_not_switched() -> None:
    with pytest.raises(Failed, match="mount_point"):
        swap.may_be_switched(Path("/proc"))


def test_a_plan_that_names_nothing_done_gives_way_to_a_newer_snapshot(proven: Node) -> None:
    begun = proven.places.of("site") / plan.NAME
    moves = [{"place": str(proven.site), "kept": str(proven.site.with_name("k")), "inode": None}]
    begun.write_text(json.dumps({"snapshot": "0" * 64, "snapshot_at": 0.0, "moves": moves}))
    assert proven.run("restore") == 0
    assert not begun.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"snapshot": "a", "moves": [1]}', "[" * 100_000])
def test_a_plan_that_cannot_be_read_is_told_and_nothing_is_touched(proven: Node, text: str) -> None:
    begun = proven.places.of("site") / plan.NAME
    begun.write_text(text)
    assert proven.run("restore") == 1
    told = proven.report("restore")
    assert told["reason"] == "other_snapshot"
    assert f"{begun} cannot be read" in told["detail"]
    assert "then remove that file" in told["detail"]
    assert not kept(proven)


def test_what_is_half_in_place_can_be_ended_however_late(proven: Node) -> None:
    other = proven.root / "srv/other"
    other.mkdir()
    (other / "file").write_text("second path")
    proven.configure(paths=[str(proven.site), str(other)], keep={"last": 1})
    assert proven.run("run") == 0
    assert proven.run("drill") == 0
    half = proven.report("drill")["snapshot"]
    real = swap.switch

    def once(staged: Path, place: Path, aside: Path) -> None:
        if place == other:
            raise Failed(Reason.NOT_SWITCHED, "the disk went away")
        real(staged, place, aside)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swap, "switch", once)
        assert proven.run("restore") == 1
    for command in ("run", "drill", "run"):  # a newer one is proved, and the old one is forgotten
        assert proven.run(command) == 0
    assert proven.run("restore") == 1
    assert f"restore site --snapshot {half[:8]}" in proven.report("restore")["detail"]
    assert proven.run("restore", "--snapshot", half[:8]) == 0
    assert proven.report("restore")["snapshot"] == half
    assert not (proven.places.of("site") / plan.NAME).exists()


def test_where_a_mount_is_missing_nothing_is_backed_up_or_restored(
    proven: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = proven.root / "fstab"
    odd = f"{proven.root}/s\\162v"  # as fstab(5) writes characters that would end a word
    table.write_text(
        f"# devices\n\nproc /proc proc\n/dev/sdx1 {odd} ext4 defaults 0 2\nswap none swap\n"
    )
    monkeypatch.setattr(mounting, "FSTAB", table)
    shutil.rmtree(proven.site)
    for command in ("run", "restore"):
        assert proven.run(command) == 1
        told = proven.report(command)
        assert told["reason"] == "not_mounted"
        assert f"mount {proven.root}/srv" in told["detail"]
    assert not proven.site.exists()
