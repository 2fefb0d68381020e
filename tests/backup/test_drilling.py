"""What a drill proves, and which bad backups it finds."""

import os
import time
from pathlib import Path

import pytest

from backup import entry, manifest, report
from exporter.restore_drill import parse
from tests.backup.node import TOOLS, Node, program

pytestmark = pytest.mark.tools


def test_a_good_backup_is_proved_and_the_scratch_place_is_clean(node: Node) -> None:
    assert node.run("run") == 0
    assert node.run("drill") == 0
    told = node.report("drill")
    assert told["verified"]
    assert told["files"] == 21
    assert told["proven"][0]["snapshot"] == told["snapshot"] == node.listed()[0]
    assert not list((node.root / "scratch").iterdir())
    assert node.run("status") == 0


def test_the_exporter_reads_the_report(node: Node) -> None:
    assert node.run("run") == 0
    assert node.run("drill") == 0
    drill = parse(node.places.report("site", "drill").read_bytes())
    assert drill.verified
    assert drill.restore_seconds is not None
    (node.root / "key").write_text("another\n")
    assert node.run("drill") == 1
    failed = parse(node.places.report("site", "drill").read_bytes())
    assert not failed.verified
    assert failed.verified_at == drill.ended_at


def break_bits(node: Node) -> None:
    pack = node.packs()[0]
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(pack.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))


def truncate(node: Node) -> None:
    pack = node.packs()[0]
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)


def wrong_key(node: Node) -> None:
    (node.root / "key").write_text("another\n")


def empty_repository(node: Node) -> None:
    node.repository.rename(node.root / "elsewhere")
    node.init()


def empty_backup(node: Node) -> None:
    for path in sorted(node.site.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert node.run("run") == 1


BROKEN = {
    break_bits: "restore_failed",
    truncate: "restore_failed",
    wrong_key: "repository_unusable",
    empty_repository: "no_snapshot",
    empty_backup: "no_manifest",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: one.__name__)
def test_a_bad_backup_is_found(node: Node, broken: object) -> None:
    assert node.run("run") == 0
    assert callable(broken)
    broken(node)
    assert node.run("drill") == 1
    told = node.report("drill")
    assert not told["verified"]
    assert told["reason"] == BROKEN[broken]
    assert told["proven"] == []
    assert not list((node.root / "scratch").iterdir())
    assert node.run("restore") == 1
    assert node.report("restore")["reason"] == "not_proven"


def add(node: Node, name: str) -> None:
    """Put a snapshot with one more file beside the last one, as who has the key and the repository can."""
    run = node.job().restic.snapshots()[-1].run
    (node.site / name).write_text("not from here")
    node.job().restic.save(run)
    (node.site / name).unlink()


def test_a_file_that_was_added_to_a_snapshot_is_found(node: Node) -> None:
    time.sleep(
        2 * manifest.TICK / 1e9
    )  # what was changed in this very moment may change again unseen
    assert node.run("run") == 0
    add(node, "pages/shell.php")
    assert node.run("drill") == 1
    told = node.report("drill")
    assert told["reason"] == "differs"
    assert told["detail"] == f"{node.site}/pages/shell.php was not there"


def test_names_that_come_and_go_while_the_backup_runs_refute_nothing(node: Node) -> None:
    job = node.job()
    (node.site / "left.tmp").unlink()
    time.sleep(2 * manifest.TICK / 1e9)  # as above
    found = manifest.scan(job.backup, {})
    (node.site / "pages/upload").write_text("for a moment")
    whole = manifest.after(found, "some")
    assert not manifest.compare(whole, Path("/")).wrong
    (node.site / "upload").symlink_to("big")
    assert manifest.compare(whole, Path("/")).wrong == (f"{node.site}/upload was not there",)
    (node.site / "upload").unlink()
    (node.site / "pages").chmod(0o700)
    assert "has the mode 700" in manifest.compare(whole, Path("/")).wrong[0]


def test_a_manifest_from_before_it_knew_of_directories_is_held_against_what_it_has(
    node: Node,
) -> None:
    whole = manifest.scan(node.job().backup, {})
    entries = {
        path: entry.nameless(one) if one.kind == "d" else one for path, one in whole.entries.items()
    }
    (node.site / "upload").write_text("since")  # beside left.tmp, which is not in it either
    older = manifest.Manifest(whole.paths, entries)
    assert not manifest.compare(older, Path("/")).wrong


def test_a_link_that_an_older_restic_cannot_keep_is_named_and_holds_nothing_off(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any user of the tree can make one."""
    (node.site / "menu").symlink_to(os.fsdecode(b"caf\xe9"))
    assert node.run("run") == 0
    whole = manifest.read(node.places.of("site") / "manifest.jsonl")
    (node.site / "menu").unlink()
    (node.site / "menu").symlink_to("caf\ufffd")
    assert manifest.compare(whole, Path("/")).links_not_kept == [f"{node.site}/menu"]
    (node.site / "menu").unlink()
    (node.site / "menu").symlink_to("caf")
    assert f"{node.site}/menu has other content" in manifest.compare(whole, Path("/")).wrong
    capsys.readouterr()
    for command in ("drill", "restore"):
        assert node.run(command) == 0
        named = node.report(command).get("links_not_kept", [])
        assert (str(node.site / "menu") in capsys.readouterr().out) == bool(named)
    kept = (node.site / "menu").readlink() == Path(os.fsdecode(b"caf\xe9"))
    assert named == ([] if kept else [str(node.site / "menu")])


def ahead(node: Node) -> None:
    """Let the next backup be of a time that is still to come, as while a clock runs ahead."""
    words = '[ "$word" = backup ] && ahead="--time=2099-01-01 00:00:00"'
    exec_it = f'exec {TOOLS / "restic"} ${{ahead:+"$ahead"}} "$@"'
    program(node.root / "bin", "restic", f"#!/bin/sh\nfor word; do {words}; done\n{exec_it}\n")
    assert node.run("run") == 0
    (node.root / "bin/restic").unlink()


def test_a_backup_of_a_time_to_come_is_not_the_newest(node: Node) -> None:
    node.configure(keep={"last": 1})
    ahead(node)
    assert node.run("drill") == 1
    assert "2099-01-01T00:00:00.000Z or later, after now" in node.report("drill")["detail"]
    (node.site / "new").write_text("written since")
    assert node.run("run") == 0
    assert node.run("drill") == 0
    assert node.report("drill")["snapshot_at"] < "2099"
    proved = node.report("drill")["snapshot"]
    assert node.run("run") == 0
    assert proved in node.listed(), "it stays, as the newest that is proved"
    (node.site / "new").unlink()
    assert node.run("restore") == 0
    assert (node.site / "new").exists()


@pytest.mark.parametrize("key", ["proved_at", "snapshot_at"])
def test_a_proof_from_after_now_counts_nowhere(node: Node, key: str) -> None:
    assert node.run("run") == 0
    assert node.run("drill") == 0
    told = node.report("drill")
    told["proven"][0][key] = "2099-01-01T00:00:00Z"
    report.save(node.places, "site", "drill", told)
    assert node.run("status") == 3
    assert node.run("restore") == 1
    assert node.report("restore")["reason"] == "not_proven"


def test_what_changes_while_the_backup_runs_neither_proves_nor_refutes(node: Node) -> None:
    job = node.job()
    (node.site / "left.tmp").unlink()  # no backup would bring it back
    found = manifest.scan(job.backup, {})
    (node.site / "pages/3.html").write_text("written in between")
    (node.site / "pages/4.html").unlink()
    whole = manifest.after(found, "some")
    moving = {path for path, one in whole.entries.items() if one.moving}
    assert moving == {str(node.site / "pages/3.html"), str(node.site / "pages/4.html")}
    compared = manifest.compare(whole, Path("/"))
    assert not compared.wrong
    assert compared.proved == 19


def test_a_backup_of_which_nothing_stood_still_is_not_proved(node: Node) -> None:
    whole = manifest.after(manifest.scan(node.job().backup, {}), "some")
    moving = {path: one._replace(moving=True) for path, one in whole.entries.items()}
    compared = manifest.compare(manifest.Manifest(whole.paths, moving), Path("/"))
    with pytest.raises(Exception, match="nothing_proven"):
        manifest.judge(compared)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_text("other content of its"), "bytes instead of"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.chmod(0o600), "has the mode 600"),
        (lambda path: os.utime(path, (1, 1)), "another time"),
        (lambda path: os.chown(path, 1, 1), "belongs to 1:1"),
    ],
)
def test_every_way_to_differ_is_told(node: Node, change: object, said: str) -> None:
    if os.geteuid() != 0 and "belongs" in said:
        pytest.skip("needs root")
    (node.site / "left.tmp").unlink()  # no backup would bring it back
    whole = manifest.scan(node.job().backup, {})
    assert callable(change)
    change(node.site / "pages/5.html")
    (wrong,) = manifest.compare(whole, Path("/")).wrong
    assert said in wrong


def test_a_hash_is_taken_over_only_where_no_write_can_have_come(node: Node) -> None:
    path = str(node.site / "big")
    before = entry.look(path)
    assert before is not None
    faked = before._replace(proof="taken over")
    assert entry.look(path, faked) == faked
    (node.site / "big").touch()
    assert entry.look(path, faked) == entry.look(path)


def test_a_killed_drill_leaves_nothing_after_the_next_job(node: Node) -> None:
    left = node.root / "scratch/hale-drill-site/restored"
    left.mkdir(parents=True)
    (left / "secret").write_text("of a drill that was killed")
    assert node.run("run") == 0
    assert not left.exists()


def test_a_manifest_survives_strange_names(node: Node, tmp_path: Path) -> None:
    strange = os.fsdecode(b"bad\xff\nname")
    (node.site / strange).write_text("x")
    assert node.run("run") == 0
    assert node.run("drill") == 0
    assert node.report("drill")["files"] == 22


def test_a_manifest_that_is_not_this_nodes_is_refused(node: Node) -> None:
    assert node.run("run") == 0
    own = node.places.of("site") / "manifest.jsonl"
    lines = own.read_text().splitlines()
    own.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    assert node.run("drill") == 1
    assert node.report("drill")["reason"] == "manifest_changed"


def test_parts_are_read_in_turn_until_all_was_read(node: Node) -> None:
    assert node.run("run") == 0
    assert node.run("check") == 0
    first = node.report("check")
    assert (first["part"], first.get("whole_at")) == (1, None)
    assert node.run("check") == 0
    second = node.report("check")
    assert second["part"] == 2
    assert second["whole_at"] <= second["ended_at"]
    assert node.run("check") == 0
    assert node.report("check")["part"] == 1


def test_what_a_disk_changed_is_told_until_it_is_well(node: Node) -> None:
    assert node.run("run") == 0
    own = node.places.of("site") / "manifest.jsonl"
    whole = manifest.read(own)
    big = str(node.site / "big")
    # As if the disk gave other bytes now than were hashed, and nobody had written to it.
    entries = {**whole.entries, big: whole.entries[big]._replace(proof="0" * 64)}
    manifest.save(manifest.Manifest(whole.paths, entries, whole.run), own)
    assert 1 in [node.run("check"), node.run("check")]
    for _ in range(2):
        assert node.run("check") == 1
        assert node.report("check")["reason"] == "source_corrupt"
        assert node.report("check")["corrupt"] == [big]
    (node.site / "big").write_bytes(b"written by somebody")
    assert node.run("check") == 0
