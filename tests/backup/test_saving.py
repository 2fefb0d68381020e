"""What counts as a backup, and what does not."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backup import report
from backup.job import reported
from backup.places import Places, locked
from backup.words import Failed
from tests.backup.node import TOOLS, Node, program

pytestmark = pytest.mark.tools


def test_a_run_leaves_a_snapshot_with_a_manifest_and_says_so(node: Node) -> None:
    assert node.run("run") == 0
    told = node.report("run")
    assert told["ok"]
    assert told["files"] == 21, "what is excluded is not counted"
    assert node.listed() == [told["snapshot"]]
    assert all(one.manifest for one in node.job().restic.snapshots())


def test_what_restic_could_not_read_in_full_is_no_backup(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """restic ends with 3 then, and has made a snapshot."""
    assert node.run("run") == 0
    good = node.listed()
    real = TOOLS / "restic"
    program(
        node.root / "bin",
        "restic",
        f'#!/bin/sh\n{real} "$@"; status=$?\ncase "$*" in *--stdin*) ;; backup*) exit 3 ;; esac\nexit $status\n',
    )
    assert node.run("run") == 1
    assert node.report("run")["reason"] == "incomplete"
    assert node.report("run")["succeeded_at"] < node.report("run")["ended_at"]
    assert node.listed() == good
    assert len(node.job().restic.snapshots()) == 2, "it is there, for people"


def test_a_source_that_is_gone_is_not_backed_up(node: Node) -> None:
    assert node.run("run") == 0
    first = node.report("run")["first_succeeded_at"]
    node.site.rename(node.root / "elsewhere")
    assert node.run("run") == 1
    assert node.report("run")["reason"] == "source_missing"
    assert node.report("run")["first_succeeded_at"] == first


@dataclass(frozen=True)
class _Job:
    name: str
    places: Places
    wall: Callable[[], float] = lambda: 50.0
    told: dict[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("before", "first"),
    [
        ({}, "1970-01-01T00:00:50.000Z"),
        ({"succeeded_at": "1970-01-01T00:00:40.000Z"}, "1970-01-01T00:00:40.000Z"),
        (
            {
                "first_succeeded_at": "1970-01-01T00:00:09.000Z",
                "succeeded_at": "1970-01-01T00:00:40.000Z",
            },
            "1970-01-01T00:00:09.000Z",
        ),
        ({"first_succeeded_at": "2099-01-01T00:00:00.000Z"}, "1970-01-01T00:00:50.000Z"),
    ],
    ids=["the first", "of an older hale-backup", "a later one", "made while a clock ran ahead"],
)
def test_a_report_says_since_when_there_are_good_ones(
    tmp_path: Path, before: dict[str, str], first: str
) -> None:
    places = Places(*(tmp_path / name for name in ("reports", "state", "run", "cache")))
    if before:
        report.save(places, "site", "run", before)
    job = _Job("site", places)
    assert reported(job, "run", lambda _: None) is None
    assert report.read(places.report("site", "run"))["first_succeeded_at"] == first


def test_a_time_that_is_still_to_come_is_no_newest_change_and_stops_nothing(node: Node) -> None:
    os.utime(node.site / "big", (2**33, 2**33))  # as anybody may who has a file there
    assert node.run("run") == 0
    assert node.report("run")["newest_change_at"] < "2100"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a tmpfs")
def test_nor_is_one_that_no_calendar_has(node: Node) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        file = Path(folder) / "file"
        file.write_text("content")
        os.utime(file, (2**40, 2**40))  # ext4 has no such time, and btrfs, ZFS and tmpfs have
        node.configure(paths=[folder])
        assert node.run("run") == 0
    assert "newest_change_at" not in node.report("run")


def test_a_run_that_finds_nothing_any_more_still_tells_when_there_was_a_change(node: Node) -> None:
    assert node.run("run") == 0
    before, as_of = (node.report("run")[f"newest_change_{one}"] for one in ("at", "seen_at"))
    assert before <= as_of
    shutil.rmtree(node.site)
    assert node.run("run") == 1
    assert node.report("run")["reason"] == "source_missing"
    assert node.report("run")["newest_change_at"] == before
    assert node.report("run")["newest_change_seen_at"] == as_of


def test_a_backup_that_is_much_smaller_counts_only_where_a_person_says_so(node: Node) -> None:
    assert node.run("run") == 0
    good = node.listed()
    (node.site / "big").unlink()
    assert node.run("run") == 1
    assert node.report("run")["reason"] == "size_dropped"
    assert node.listed() == good
    assert node.run("run", "--accept-drop") == 0
    assert len(node.listed()) == 2
    assert len(node.job().restic.snapshots()) == 2, "the one that never counted is gone"
    assert node.run("run") == 0


@pytest.mark.parametrize("lost", [False, True], ids=["as it is", "made anew"])
def test_a_node_that_was_made_anew_does_not_push_out_what_was_good(node: Node, lost: bool) -> None:
    """All that it knew is gone with it, and its site is nearly empty until somebody restores."""
    node.configure(keep={"last": 1})
    assert node.run("run") == 0
    good = node.listed()
    (node.site / "big").unlink()
    if lost:
        shutil.rmtree(node.places.state)
        shutil.rmtree(node.places.reports)
    assert node.run("run") == 1
    assert node.report("run")["reason"] == "size_dropped"
    assert [one.id for one in node.job().restic.snapshots() if one.manifest] == good
    assert not list(node.places.of("site").glob("stored-*"))


def test_only_so_many_are_kept_and_manifests_go_with_them(node: Node) -> None:
    for _ in range(5):
        assert node.run("run") == 0
    snapshots = node.job().restic.snapshots()
    assert [one.id for one in snapshots] == node.listed()
    assert len(snapshots) == 3
    words = [
        TOOLS / "restic",
        "-r",
        node.repository,
        "-p",
        node.root / "key",
        "snapshots",
        "--json",
    ]
    everything = subprocess.run(
        words, capture_output=True, check=True, env=environment(node)
    ).stdout
    assert len(json.loads(everything)) == 6


def test_the_snapshot_that_a_drill_proved_stays_whatever_is_kept(node: Node) -> None:
    node.configure(keep={"last": 1})
    assert node.run("run") == 0
    assert node.run("drill") == 0
    proven = node.report("drill")["snapshot"]
    for _ in range(2):
        assert node.run("run") == 0
    assert node.listed()[0] == proven
    assert len(node.listed()) == 2


def test_a_node_that_may_only_add_removes_nothing(node: Node) -> None:
    node.configure(keep={})
    for _ in range(4):
        assert node.run("run") == 0
    assert len(node.listed()) == 4


@pytest.mark.parametrize("broken", ["wrong key", "no repository"])
def test_a_repository_that_cannot_be_used_is_said(node: Node, broken: str) -> None:
    if broken == "wrong key":
        (node.root / "key").write_text("another\n")
    else:
        node.repository.rename(node.root / "elsewhere")
    assert node.run("run") == 1
    assert node.report("run")["reason"] == "repository_unusable"
    assert not node.repository.exists() or broken == "wrong key", "none is made by itself"


@pytest.mark.parametrize("command", ["run", "drill", "restore"])
def test_where_no_report_can_be_written_who_started_it_hears_how_it_went(
    node: Node, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for earlier in ("run", "drill"):
        assert node.run(earlier) == 0
    # A directory where the new one is to be written: it fails for root too, as a full disk does.
    report = node.places.report("site", command)
    blocked = report.with_name(f".{report.name}.{os.getpid()}.new")
    (blocked / "in the way").mkdir(parents=True)
    assert node.run(command) == 1
    said = capsys.readouterr().err
    assert f"unreported: it went well, and no report says so, since {report} could not" in said
    assert "as root" not in said


def test_what_a_killed_drill_left_keeps_no_other_job_from_its_work(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    assert node.run("run") == 0
    assert node.run("drill") == 0
    (node.root / "scratch/hale-drill-site").symlink_to("/etc")
    assert node.run("run") == 0
    assert node.run("restore") == 0
    assert "what a killed drill left is still there: " in capsys.readouterr().err
    assert node.run("drill") == 1
    assert node.report("drill")["reason"] == "interrupted"
    assert (node.root / "scratch/hale-drill-site").is_symlink()


def test_the_lock_of_a_killed_run_stops_nobody(node: Node) -> None:
    """restic keeps it in the repository, and `check` wants the repository for itself."""
    assert node.run("run") == 0
    (node.site / "fifo.bin").write_bytes(os.urandom(40_000_000))
    words = [TOOLS / "restic", "-r", node.repository, "-p", node.root / "key", "backup", node.site]
    run = subprocess.Popen(words, env=environment(node), stdout=subprocess.DEVNULL)
    locks = node.repository / "locks"
    while not [one for one in locks.iterdir() if "-tmp-" not in one.name]:
        assert run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert node.run("check") == 0
    assert not [one for one in locks.iterdir() if "-tmp-" not in one.name]


def test_a_job_waits_for_another_one_of_its_backup(node: Node) -> None:
    begun = threading.Event()

    def hold() -> None:
        with locked(node.places, "site"):
            begun.set()
            assert not node.places.report("site", "run").exists()
            time.sleep(0.5)
            assert not node.places.report("site", "run").exists()

    other = threading.Thread(target=hold)
    other.start()
    begun.wait()
    assert node.run("run") == 0
    other.join()


def test_a_restore_goes_before_all_that_wait(node: Node) -> None:
    """Jobs that come every minute and take as long would keep lost files away for as long as they come."""
    order: list[str] = []

    def job(word: str, *, first: bool) -> None:
        with locked(node.places, "site", first=first):
            order.append(word)

    jobs = [threading.Thread(target=job, args=(word,), kwargs={"first": False}) for word in "abcd"]
    restore = threading.Thread(target=job, args=("restore",), kwargs={"first": True})
    with locked(node.places, "site"):
        for one in (*jobs, restore):
            one.start()
        way = os.open(node.places.run / "site.first", os.O_RDWR)
        while may_pass(way):
            time.sleep(0.01)
        os.close(way)
    for one in (*jobs, restore):
        one.join()
    assert order[0] == "restore"
    assert sorted(order) == ["a", "b", "c", "d", "restore"]


def may_pass(way: int) -> bool:
    """Whether nobody that goes first bars the way."""
    try:
        fcntl.flock(way, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(way, fcntl.LOCK_UN)
    return True


def test_one_that_waited_in_vain_says_so(node: Node) -> None:
    again = locked(node.places, "site", 0.1)
    with locked(node.places, "site"), pytest.raises(Failed, match="busy"), again:
        pass


def environment(node: Node) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "RESTIC_CACHE_DIR": str(node.places.cache),
        "HOME": str(Path("/root")),
    }
