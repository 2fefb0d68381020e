"""Whoever looks into a journal afterwards can tell whether it was changed, and take it along."""

import json
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from healer import cli
from healer.adapters import audit_reading
from healer.adapters.etcd_history import HistoryFile
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.audit import since
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.history import Going
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.test_journal_crashes import writer
from tests.healer.core.world import alert

FIRST = Path(__file__).parents[2] / "scenarios" / "first" / "cluster.yml"


@pytest.fixture
def where(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStore.init(path, 1)
    return StoreSettings(path, 64 * 1024, 1e9)


async def lived(where, *, pruned=(2, 3, 6)):
    """Ten records or so, some of them gone; the healer still runs."""
    clock = HandClock()
    store = await SqliteStore.open(where, clock)
    for number in range(1, 5):
        fired = alert(began=number / 3, note='a "label", with ,"body": and \u2028 in it')
        opened = ie.IncidentOpened(str(number), fired, "restart-service", "d1")
        await store.append([opened, ie.IncidentClosed(str(number), "cleared", "")])
        clock.now += 3600.5
    if pruned:
        await store.prune(Going(pruned, (), 0, 0, 4, (), 0.0))
    await store.append([ev.Frozen("moving", "ann")])
    return store


def run(capsys, *argv):
    code = cli.main(["audit", *map(str, argv)])
    said = capsys.readouterr()
    return code, said.out, said.err


def asked(capsys, *argv):
    code, out, _ = run(capsys, *argv, "--output", "json")
    return code, json.loads(out)


def exported(capsys, path, *argv):
    code, out, err = run(capsys, "export", "--file", path, *argv)
    assert (code, err) == (0, "")
    return out


def lines_of(text):
    """Lines as every JSON reader takes them: other signs that end a line stand within strings."""
    return text.removesuffix("\n").split("\n")


# --- verify -------------------------------------------------------------------------------


async def test_the_journal_of_a_running_healer_is_followed_and_nothing_is_written(where, capsys):
    store = await lived(where)
    before = {
        one.name: one.read_bytes() for one in where.path.parent.iterdir() if "shm" not in one.name
    }
    code, found = asked(capsys, "verify", "--file", where.path)
    assert code == 0
    assert {
        key: found[key] for key in ("holds", "whole", "records", "pruned", "left_out", "last_seq")
    } == {
        "holds": True,
        "whole": True,
        "records": 7,
        "pruned": 3,
        "left_out": 0,
        "last_seq": 10,
    }
    after = {
        one.name: one.read_bytes() for one in where.path.parent.iterdir() if "shm" not in one.name
    }
    assert after == before
    await store.append([ev.Unfrozen("ann")])
    assert asked(capsys, "verify", "--file", where.path)[1]["last_seq"] == 11
    await store.release()
    code, out, _ = run(capsys, "verify", "--file", where.path)
    assert (code, "the chain holds: 8 records up to seq 11, 3 pruned" in out) == (0, True)


async def test_beside_a_journal_at_rest_no_file_is_made(where, capsys):
    await (await lived(where)).release()
    before = sorted(one.name for one in where.path.parent.iterdir())
    assert run(capsys, "verify", "--file", where.path)[0] == 0
    assert sorted(one.name for one in where.path.parent.iterdir()) == before


def test_what_a_killed_healer_left_is_followed_too(tmp_path, capsys):
    path = tmp_path / "journal.db"
    SqliteStore.init(path, 1)
    with writer("endless", str(path)) as process:
        for _ in range(20):
            answered = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    code, found = asked(capsys, "verify", "--file", path)
    assert (code, found["last_seq"] >= answered) == (0, True)


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE events SET body = replace(body, 'cleared', 'healed!') WHERE seq = 4", 5),
        ("DELETE FROM events WHERE seq = 7", 7),
        ("DELETE FROM events WHERE seq = 10", 9),
        ("UPDATE gaps SET last = 2 WHERE first = 2", 3),
    ],
)
async def test_a_change_is_named_by_its_place_with_what_was_expected_and_found(
    where, capsys, statement, seq
):
    await (await lived(where)).release()
    db = sqlite3.connect(where.path)
    with db:
        assert db.execute(statement).rowcount == 1
    db.close()
    code, found = asked(capsys, "verify", "--file", where.path)
    assert (code, found["holds"], found["seq"]) == (1, False, seq)
    assert "" not in (found["expected"], found["found"])
    code, out, err = run(capsys, "verify", "--file", where.path)
    assert (code, out) == (1, "")
    assert f"breaks at seq {seq}: expected {found['expected']}, found {found['found']}" in err


@pytest.mark.parametrize(
    "content", [None, b"", b"SQLite format 3\0 and no more", b"{}\n", b"not JSON\n", b"[1]\n"]
)
def test_what_is_no_journal_is_told_from_a_broken_one(tmp_path, capsys, content):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    code, _, err = run(capsys, "verify", "--file", path)
    assert code == 2
    assert str(path) in err


# --- export -------------------------------------------------------------------------------


async def test_an_export_has_a_line_for_each_record_and_is_verified_again(where, capsys, tmp_path):
    store = await lived(where)
    out = exported(capsys, where.path)
    head, *lines = map(json.loads, lines_of(out))
    assert (head["export"], head["whole"], head["head_seq"]) == (1, True, 10)
    assert [one.get("seq") or tuple(one["gap"].values())[:2] for one in lines] == [
        *(1, (2, 3), 4, 5, (6, 6), 7, 8, 9, 10)
    ]
    opened = lines[0]
    assert list(opened) == [
        *("seq", "at_wall", "boot_id", "at_mono", "incident", "kind", "version"),
        *("body", "prev_sha256", "sha256"),
    ]
    assert (opened["kind"], opened["version"], opened["incident"]) == ("incident_opened", 1, "1")
    assert opened["body"]["cause"]["name"] == "ServiceDown"
    copy = tmp_path / "export.jsonl"
    copy.write_text(out)
    code, found = asked(capsys, "verify", "--file", copy)
    assert (code, found["whole"], found["records"], found["pruned"]) == (0, True, 7, 3)
    assert found["last_sha256"] == asked(capsys, "verify", "--file", where.path)[1]["last_sha256"]
    assert exported(capsys, where.path, "--output", "json") == out
    await store.release()


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        (lambda lines: [line.replace("cleared", "healed") for line in lines], 4),
        (lambda lines: [one for one in lines if not one.startswith('{"seq":5,')], 5),
        (lambda lines: lines[:-1], 9),
        (lambda lines: [one for one in lines if "gap" not in one], 2),
        (
            lambda lines: [
                one.replace('"first": 6, "last": 6', '"first": 6, "last": 7') for one in lines
            ],
            8,
        ),
    ],
)
async def test_a_changed_export_is_seen(where, capsys, tmp_path, change, seq):
    await (await lived(where)).release()
    lines = [f"{one}\n" for one in lines_of(exported(capsys, where.path))]
    copy = tmp_path / "export.jsonl"
    copy.write_text("".join(change(lines)))
    code, found = asked(capsys, "verify", "--file", copy)
    assert (code, found.get("seq")) == (1, seq)


async def test_a_part_is_exported_by_incident_or_time_and_says_that_it_is_one(
    where, capsys, tmp_path
):
    await (await lived(where, pruned=())).release()
    out = exported(capsys, where.path, "--incident", "2")
    head, *lines = map(json.loads, lines_of(out))
    assert (head["whole"], head["incident"], [one["seq"] for one in lines]) == (False, "2", [3, 4])
    copy = tmp_path / "part.jsonl"
    copy.write_text(out)
    code, found = asked(capsys, "verify", "--file", copy)
    assert (code, found["whole"], found["records"], found["left_out"]) == (0, False, 2, 2)
    copy.write_text(out.replace("cleared", "healed!"))
    assert asked(capsys, "verify", "--file", copy)[1]["seq"] == 4

    third = json.loads(lines_of(exported(capsys, where.path))[5])["at_wall"]
    late = exported(
        capsys, where.path, "--since", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(third))
    )
    assert [json.loads(line)["seq"] for line in lines_of(late)[1:]] == [5, 6, 7, 8, 9]


async def test_a_long_journal_is_exported_page_by_page(where, capsys, monkeypatch):
    store = await lived(where)
    whole = exported(capsys, where.path)
    monkeypatch.setattr(audit_reading, "PAGE", 2)
    assert exported(capsys, where.path) == whole
    lines = audit_reading.export(where.path, audit_reading.Wanted())
    first = [next(lines) for _ in range(4)]
    await store.append([ev.Unfrozen("ann")])  # a slow reader keeps nobody from writing
    assert [*first, *lines] == lines_of(whole)
    lines = audit_reading.export(where.path, audit_reading.Wanted())
    next(lines), next(lines)
    await store.prune(Going((4,), (), 0, 0, 4, (), 0.0))
    with pytest.raises(audit_reading.ConfigError, match="pruned while it was read"):
        list(lines)
    await store.release()


def test_a_time_is_an_age_or_rfc_3339():
    assert since("2h") == pytest.approx(time.time() - 7200, abs=5)
    assert since("2026-01-31T22:00:00Z") == since("2026-01-31T23:00:00+01:00")


@pytest.mark.parametrize("wrong", ["yesterday", "2026-01-31T22:00:00", "7", "d", ""])
async def test_what_is_no_time_is_refused_with_how_to_write_one(where, capsys, wrong):
    code, out, err = run(capsys, "export", "--file", where.path, "--since", wrong)
    assert (code, out) == (2, "")
    assert "Write 12h or 7d" in err


def test_without_a_file_the_journal_of_cluster_yml_is_meant(capsys):
    code, _, err = run(capsys, "verify", "--config", FIRST)
    assert (code, "/var/lib/hale-healer/journal.db" in err) == (2, True)


async def test_a_healer_s_copy_of_a_journal_in_etcd_is_followed_as_far_as_it_goes(
    where, capsys, tmp_path
):
    await (await lived(where, pruned=())).release()
    db = sqlite3.connect(where.path)
    rows = [audit_reading.Row(*row) for row in db.execute("SELECT * FROM events")]
    db.close()
    path = tmp_path / "history.db"
    copy = HistoryFile(path, "store")
    copy.add([*rows[:3], *rows[5:]])
    copy.close()
    code, found = asked(capsys, "verify", "--file", path)
    assert (code, found["whole"], found["records"], found["left_out"]) == (0, False, 7, 2)
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE events SET body = replace(body, 'd1', 'd2') WHERE seq = 7")
    db.close()
    assert asked(capsys, "verify", "--file", path)[1]["seq"] == 8


@pytest.mark.parametrize(
    "content", [b"", b"garbage\n", b"\x00\xff" * 40, b"[1]\n", b"{}\n", b"[" * 100_000]
)
def test_what_is_no_journal_is_told_with_what_to_name(tmp_path, capsys, content):
    path = tmp_path / "garbage"
    path.write_bytes(content)
    code, out, err = run(capsys, "verify", "--file", path)
    assert (code, out) == (2, "")
    assert err == (
        f"hale-healer: {path}: it is neither a journal nor an export of one: name a healer's journal.db, "
        "a copy of it, or what `hale-healer audit export` printed\n"
    )


@pytest.mark.parametrize("command", ["verify", "export"])
def test_what_is_not_there_is_told_with_what_to_name(tmp_path, capsys, command):
    code, _, err = run(capsys, command, "--file", tmp_path / "journal.db")
    assert (code, "name a healer's journal.db, a copy of it" in err) == (2, True)


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, '{"export": 1, "whole": true}'),
        (3, '{"seq": 2'),
        (3, "[2]"),
        (3, '{"seq": 2}'),
        (3, "[" * 100_000),
    ],
)
async def test_an_export_that_was_cut_off_is_to_be_copied_again(
    where, capsys, tmp_path, number, line
):
    await (await lived(where, pruned=())).release()
    lines = lines_of(exported(capsys, where.path))
    lines[number - 1] = line
    copy = tmp_path / "export.jsonl"
    copy.write_text("\n".join(lines) + "\n")
    code, _, err = run(capsys, "verify", "--file", copy)
    assert code == 2
    assert f"line {number} " in err
    assert "take a copy of the export again" in err


def test_an_export_of_another_version_is_for_the_release_that_made_it(tmp_path, capsys):
    copy = tmp_path / "export.jsonl"
    copy.write_text('{"export": 2, "whole": false}\n')
    code, _, err = run(capsys, "verify", "--file", copy)
    assert (code, "an export of version 2" in err) == (2, True)


@pytest.mark.parametrize("command", ["verify", "export"])
def test_help_has_an_example_and_says_what_each_exit_status_means(capsys, command):
    with pytest.raises(SystemExit):
        cli.main(["audit", command, "--help"])
    said = capsys.readouterr().out
    assert f"example:\n  hale-healer audit {command} --" in said
    assert "1  the chain is broken" in said
