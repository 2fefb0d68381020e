"""A restore that a gate started: what it says while it waits, and what it may put in place."""

import pytest

from backup import cli, places, plan, turn
from tests.backup.node import Node

pytestmark = pytest.mark.tools


def instance(node: Node, snapshot: str) -> int:
    """Run what the unit of the gate runs."""
    p = node.places
    where = [f"--{n}={getattr(p, n)}" for n in ("reports", "state", "run", "cache")]
    return cli.main(["restore", f"site:{snapshot}", *where, f"--config={node.root}/backup.json"])


def turn_of(node: Node) -> str:
    return (node.places.run / "site.turn").read_text()


def test_what_the_gate_started_says_that_it_waits_and_has_begun_before_it_touches_anything(
    proven: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "one")
    monkeypatch.setattr(turn, "PATIENCE", 0.3)
    agreed = proven.report("drill")["snapshot"]
    with places.locked(proven.places, "site"):
        assert instance(proven, agreed) == 1
    assert proven.report("restore")["reason"] == "busy"
    assert turn_of(proven) == "waits one\n"
    monkeypatch.setenv("INVOCATION_ID", "two")
    seen: list[str] = []
    monkeypatch.setattr(plan, "read", lambda _: seen.append(turn_of(proven)))
    assert instance(proven, agreed) == 0
    assert seen == ["begun two\n"]


def test_what_cannot_say_that_it_has_begun_touches_nothing(
    proven: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "one")
    (proven.site / "big").write_bytes(b"corrupt")
    tell = turn.tell

    def full(where: places.Places, name: str, how: turn.Turn) -> None:
        if how is turn.Turn.BEGUN:
            raise OSError(28, "No space left on device")
        tell(where, name, how)

    monkeypatch.setattr(turn, "tell", full)
    assert instance(proven, proven.report("drill")["snapshot"]) == 1
    assert proven.report("restore")["reason"] == "interrupted"
    assert proven.tree()["big"] == b"corrupt"


def test_a_restore_by_a_person_tells_no_gate(proven: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOCATION_ID", "of the shell")
    assert proven.run("restore") == 0
    assert not (proven.places.run / "site.turn").exists()


def test_a_restore_says_once_that_it_waits_and_one_that_waited_in_vain_leaves_a_report(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = lambda where, name, _, first: places.locked(where, name, 0.5, first=first)  # noqa: E731
    monkeypatch.setattr(cli, "locked", short)
    with places.locked(node.places, "site"):
        assert node.run("restore") == 1
    told = node.report("restore")
    assert (told["ok"], told["reason"]) == (False, "busy")
    assert "nothing was touched" in told["detail"]
    said = capsys.readouterr().err
    assert said.count("waits for the job of site that runs") == 1


def test_what_was_agreed_to_is_restored_only_while_it_is_the_newest_that_is_proved(
    proven: Node,
) -> None:
    agreed = proven.report("drill")["snapshot"]
    (proven.site / "big").write_bytes(b"corrupt")
    assert instance(proven, agreed) == 0
    assert proven.report("restore")["snapshot"] == agreed
    assert proven.run("run") == 0
    assert proven.run("drill") == 0
    (proven.site / "big").write_bytes(b"newer")
    assert instance(proven, agreed) == 1
    told = proven.report("restore")
    assert told["reason"] == "other_snapshot"
    assert proven.report("drill")["snapshot"][:12] in told["detail"]
    assert proven.tree()["big"] == b"newer"
    assert proven.run("restore", "--snapshot", agreed) == 0


def test_a_wrong_backup_json_is_told_to_who_started_the_unit(node: Node) -> None:
    """A name that a person mistyped is no backup's, and gets no report."""
    (node.root / "backup.json").write_text("{")
    assert instance(node, "a" * 64) == 2
    told = node.report("restore")
    assert (told["ok"], told["reason"]) == (False, "misconfigured")
    node.places.report("site", "restore").unlink()
    assert node.run("restore") == 2
    assert not node.places.report("site", "restore").exists()
