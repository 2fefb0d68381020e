"""What becomes of a restore that was cut off, and of what was there, whatever came in between."""

import json
from pathlib import Path

import pytest

from backup import plan, swap
from backup.job import Job
from backup.restic import Restic
from tests.backup.node import Node
from tests.backup.test_restoring import kept

pytestmark = pytest.mark.tools


def cut_off(node: Node, cut: str) -> None:
    """Let a restore die where its plan is saved for the first or second time, or at one of the steps of the switch."""
    saved, save = [], plan.save

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    def save_or_die(job: Job, what: plan.Plan) -> None:
        saved.append(what)
        if len(saved) == (1 if cut == "begun" else 2):
            die()
        save(job, what)

    with pytest.MonkeyPatch.context() as patch:
        if cut in ("begun", "staged"):
            patch.setattr(plan, "save", save_or_die)
        else:
            patch.setattr(swap, cut, die)
        with pytest.raises(KeyboardInterrupt):
            node.run("restore")


def meddled(node: Node, since: str) -> None:
    """Do what may come to what was restored half, before the next run."""
    if since in ("moved away", "made anew"):
        node.site.rename(node.site.with_name("looked-at"))
    if since == "made anew":
        node.site.mkdir()
        (node.site / "big").write_bytes(b"by hand")
    if since == "another device":  # as an older release wrote it down, before a boot
        begun = node.places.of("site") / plan.NAME
        told = json.loads(begun.read_text()) if begun.exists() else {"moves": []}
        for move in told["moves"]:
            move["inode"] = move["inode"] and [1, move["inode"]]
        if begun.exists():
            begun.write_text(json.dumps(told))


@pytest.mark.parametrize("since", ["nothing", "moved away", "made anew", "another device"])
@pytest.mark.parametrize("cut", ["begun", "staged", "switch", "set_aside"])
def test_wherever_it_is_cut_off_one_whole_tree_is_there_and_the_next_run_ends_it(
    proven: Node, cut: str, since: str
) -> None:
    before = proven.tree()
    del before["left.tmp"]
    (proven.site / "big").write_bytes(b"corrupt")
    old = proven.tree()
    cut_off(proven, cut)
    assert proven.tree() == (before if cut == "set_aside" else old)
    meddled(proven, since)
    assert proven.run("restore") == 0
    assert proven.tree() == before
    there = [] if since in ("moved away", "made anew") and cut != "set_aside" else [b"corrupt"]
    if since == "made anew":
        there.append(b"by hand")
    told = [Path(one) for one in proven.report("restore").get("kept", [])]
    assert [(one / "big").read_bytes() for one in told] == there
    assert kept(proven) == sorted(told)
    assert not (proven.places.of("site") / plan.NAME).exists()
    assert not list(proven.site.parent.glob(".hale-restore-*"))


def test_a_newer_snapshot_removes_nothing_that_a_run_that_was_cut_off_had_exchanged(
    proven: Node,
) -> None:
    (proven.site / "big").write_bytes(b"corrupt")
    cut_off(proven, "set_aside")
    meddled(proven, "made anew")
    assert proven.run("run", "--accept-drop") == 0
    assert proven.run("drill") == 0
    newer = proven.report("drill")["snapshot"]
    assert proven.run("restore") == 0
    told = proven.report("restore")
    assert told["snapshot"] == newer
    assert [(Path(one) / "big").read_bytes() for one in told["kept"]] == [b"corrupt", b"by hand"]


def test_what_a_run_that_was_cut_off_had_staged_in_part_is_never_told_as_what_was_there(
    proven: Node,
) -> None:
    before = proven.tree()
    del before["left.tmp"]
    (proven.site / "big").write_bytes(b"corrupt")
    cut_off(proven, "set_aside")
    meddled(proven, "moved away")

    def in_part(_: Restic, snapshot: str, target: Path, path: str | None = None) -> None:
        Path(f"{target}{path}").mkdir(parents=True)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Restic, "restore", in_part)
        with pytest.raises(KeyboardInterrupt):
            proven.run("restore")
    assert proven.run("restore") == 0
    assert proven.tree() == before
    (aside,) = proven.report("restore")["kept"]
    assert kept(proven) == [Path(aside)]
    assert (Path(aside) / "big").read_bytes() == b"corrupt"
