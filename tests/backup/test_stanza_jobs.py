"""Whose turn a job of a database is, what it backs up, and points in time, on the real PostgreSQL and pgBackRest."""

import json
import time

import pytest

from backup.places import locked
from backup.postgres.info import ACCEPTED, Info, parse
from backup.words import Failed
from tests.backup.database import Database

pytestmark = pytest.mark.tools


def test_who_follows_backs_nothing_up_and_lists_what_there_is(database: Database) -> None:
    before = labels(database)
    database.answers.status = 503
    assert database.run("run") == 0
    assert database.report("run")["left_to"] == "the node that leads"
    assert labels(database) == before
    assert database.run("check") == 0
    assert "archived_at" not in database.report("check")


def test_who_leads_leaves_the_drill_to_those_that_follow(database: Database) -> None:
    database.configure(alone=False)
    assert database.run("drill") == 0
    assert not database.places.report("main", "drill").exists()


@pytest.mark.parametrize("command", ["run", "check", "drill"])
def test_a_patroni_that_does_not_say_is_no_answer(database: Database, command: str) -> None:
    database.configure(alone=False)
    database.answers.status = 500
    assert database.run(command) == 1
    assert database.report(command)["reason"] == "role_unknown"
    database.configure(leader_url="http://127.0.0.1:1/leader", alone=False)
    assert database.run(command) == 1
    assert database.report(command)["reason"] == "role_unknown"


def test_the_stanza_is_made_where_it_leads(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.answers.status = 503
    assert database.run("init") == 1
    assert "not_leader" in capsys.readouterr().err


def test_a_full_one_is_made_when_it_is_due_and_differential_ones_in_between(
    database: Database,
) -> None:
    assert database.run("run") == 0
    assert database.report("run")["kind"] == "diff"
    database.configure(full_every_seconds=0)
    assert database.run("run") == 0
    assert database.report("run")["kind"] == "full"


def test_what_does_not_come_into_the_archive_is_told_with_until_when_it_did(
    database: Database,
) -> None:
    assert database.run("check") == 0
    archived = database.report("check")["archived_at"]
    database.write_key("another key")
    assert database.run("check") == 1
    told = database.report("check")
    assert (told["reason"], told["archived_at"]) == ("archive_failed", archived)
    database.write_key("a key")
    assert database.run("check") == 0
    assert database.report("check")["archived_at"] > archived


def test_a_point_in_time_is_recovered_without_touching_what_runs(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.sql("CREATE TABLE gone AS SELECT n FROM generate_series(1, 50) n")
    time.sleep(0.1)
    moment = database.sql(
        "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    )
    time.sleep(0.1)
    database.sql("DELETE FROM gone")
    database.archived()
    capsys.readouterr()
    assert database.run("drill", "--to", moment) == 0
    assert "  postgres public.gone: 50\n" in capsys.readouterr().out
    assert not database.places.report("main", "drill").exists()
    into = database.root / "then"
    assert database.run("restore", "--into", str(into), "--to", moment) == 0
    assert "public.gone: 50\n" in capsys.readouterr().out
    assert (into / "PG_VERSION").exists()
    assert not (into / "recovery.signal").exists()
    assert not (into / "postmaster.pid").exists()
    assert (into / "postgresql.auto.conf").read_text().startswith("# Do not edit")
    assert database.sql("SELECT count(*) FROM gone") == "0"
    assert not list(database.root.glob("scratch/*"))


def test_a_point_that_the_archive_does_not_reach_is_refused(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert database.run("drill", "--to", "2099-01-01T00:00:00Z") == 1
    assert "not_reached" in capsys.readouterr().err
    assert database.run("drill", "--to", "2001-01-01T00:00:00Z") == 1
    assert "no_snapshot" in capsys.readouterr().err
    assert database.run("drill", "--to", "yesterday") == 2
    into = database.root / "never"
    assert database.run("restore", "--into", str(into), "--to", "2099-01-01T00:00:00Z") == 1
    assert not into.exists()


def test_no_database_is_put_in_place(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(database.places, "main"):  # by another job, for which it does not wait
        assert database.run("restore") == 1
        assert "by_a_person" in capsys.readouterr().err
        assert database.run("restore", "--into", str(database.data)) == 1
        assert "by_a_person" in capsys.readouterr().err


def labels(database: Database) -> list[str]:
    return [one.label for one in database.job().repository.info().copies]


def copies(*sizes: int, accepted: int = -1) -> Info:
    """Return backups of such sizes, one after the other."""
    told = [
        {
            "label": f"copy-{number}",
            "timestamp": {"start": number, "stop": number},
            "type": "full",
            "info": {"size": size},
            "error": False,
            **({"annotation": {ACCEPTED: "yes"}} if number == accepted else {}),
        }
        for number, size in enumerate(sizes)
    ]
    stanza = {"name": "main", "repo": [{"status": {"code": 0}}], "archive": [], "backup": told}
    return parse(json.dumps([stanza]).encode(), "main")


def test_one_that_is_much_smaller_is_not_believed_until_a_person_does() -> None:
    assert [one.size for one in copies(100, 51, 30).believed(0.5)] == [100, 51, 30]
    assert [one.size for one in copies(100, 49, 45, 90).believed(0.5)] == [100, 90]
    assert [one.size for one in copies(100, 49, 45, accepted=1).believed(0.5)] == [100, 49, 45]
    assert len(json.loads(copies(100, 10).report(copies(100, 10).believed(0.5)))[0]["backup"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'[{"name": "main"}]',
        b'[{"name": "main", "repo": [{"status": {"code": 99, "message": "wrong key\\n\xb3"}}]}]',
    ],
)
def test_what_pgbackrest_could_not_use_is_no_repository(text: bytes) -> None:
    with pytest.raises(Failed, match="repository_unusable"):
        parse(text, "main")


def test_a_backup_that_shrank_fails_and_is_listed_once_it_is_accepted(database: Database) -> None:
    assert database.run("run") == 0
    listed = database.labels()
    database.configure(size_drop=0.01)
    database.sql("CREATE TABLE big AS SELECT repeat('x', 900) AS v FROM generate_series(1, 5000)")
    assert database.run("run") == 0
    database.sql("DROP TABLE big")
    assert database.run("run") == 1
    assert database.report("run")["reason"] == "size_dropped"
    assert len(database.labels()) == len(listed) + 1
    assert database.run("drill") == 1
    assert database.report("drill")["reason"] == "size_dropped"
    assert database.run("run", "--accept-drop") == 0
    assert database.labels()[-1] == database.report("run")["snapshot"]
