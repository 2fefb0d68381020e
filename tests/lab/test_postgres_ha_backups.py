"""The backups of scenarios/postgres-ha, on real nodes: proved by a follower, recovered to a moment, found where bad."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.running import RunningLab

pytestmark = pytest.mark.lab

MEMBERS = ("db1", "db2", "db3")
DRILL_SECONDS = 180.0
"""For one drill; measured ones took a tenth of that."""

_NOW = """SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def sql(lab: RunningLab, node: str, text: str) -> str:
    argv = ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text]
    done = lab.exec(node, argv, timeout=60.0)
    assert done.code == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def leader(postgres_ha: RunningLab) -> str:
    """The member that leads, with a table of 500 rows."""
    asked = "SELECT pg_is_in_recovery()"
    (one,) = [node for node in MEMBERS if sql(postgres_ha, node, asked) == "f"]
    sql(
        postgres_ha,
        one,
        "CREATE TABLE shop AS SELECT n, repeat('x', 100) AS v FROM generate_series(1, 500) n",
    )
    return one


@pytest.fixture(scope="module")
def follower(leader: str) -> str:
    """A member that follows."""
    return next(node for node in MEMBERS if node != leader)


@pytest.fixture
def deleted(postgres_ha: RunningLab, leader: str) -> Iterator[str]:
    """A moment after which all rows were deleted; they are there again afterwards."""
    time.sleep(0.1)
    moment = sql(postgres_ha, leader, _NOW)
    time.sleep(0.1)
    sql(postgres_ha, leader, "DELETE FROM shop")
    run(postgres_ha, leader, "check", "main")
    yield moment
    sql(postgres_ha, leader, "INSERT INTO shop SELECT n, 'again' FROM generate_series(1, 500) n")


def run(lab: RunningLab, node: str, *words: str, code: int = 0) -> str:
    done = lab.exec(node, ["hale-backup", *words], timeout=DRILL_SECONDS)
    assert done.code == code, done.stderr
    return done.stdout + done.stderr


def drill(lab: RunningLab, node: str, *, ok: bool = True) -> dict[str, Any]:
    """Start the unit that the timer starts, in its sandbox, and return what it reported."""
    unit = "hale-backup-drill@main.service"
    done = lab.exec(node, ["systemctl", "start", unit], timeout=DRILL_SECONDS)
    said = lab.exec(node, ["journalctl", "-n", "20", "-o", "cat", "-u", unit], timeout=20.0).stdout
    assert (done.code == 0) == ok, said
    told = lab.exec(node, ["cat", "/var/lib/hale-backups/main.drill.json"], timeout=20.0).stdout
    found: dict[str, Any] = json.loads(told)
    return found


def test_a_follower_recovers_what_the_leader_wrote_last(
    postgres_ha: RunningLab, leader: str, follower: str
) -> None:
    run(postgres_ha, leader, "check", "main")
    told = drill(postgres_ha, follower)
    assert told["verified"]
    rows = {one["table"]: one["rows"] for one in told["tables"]}
    assert rows["public.shop"] == 500
    assert told["restore_seconds"] < 300


def test_rows_are_there_at_a_moment_before_they_were_deleted(
    postgres_ha: RunningLab, follower: str, deleted: str
) -> None:
    then = run(postgres_ha, follower, "drill", "main", "--to", deleted)
    assert "postgres public.shop: 500\n" in then
    rows = {one["table"]: one["rows"] for one in drill(postgres_ha, follower)["tables"]}
    assert rows["public.shop"] == 0


def test_a_wrong_key_is_published_as_a_failed_drill(postgres_ha: RunningLab, follower: str) -> None:
    before = drill(postgres_ha, follower)
    key = "/etc/hale/backup/main.conf"
    swap = f"cp -p {key} {key}.kept; printf '[main]\\nrepo1-cipher-pass=another\\n' >{key}"
    assert postgres_ha.exec(follower, ["sh", "-ec", swap], timeout=20.0).code == 0
    try:
        told = drill(postgres_ha, follower, ok=False)
    finally:
        postgres_ha.exec(follower, ["mv", f"{key}.kept", key], timeout=20.0)
    assert (told["verified"], told["reason"]) == (False, "repository_unusable")
    assert told["verified_at"] == before["verified_at"]


def test_a_job_on_the_leader_leaves_drills_to_others(postgres_ha: RunningLab, leader: str) -> None:
    assert "left to the nodes that follow" in run(postgres_ha, leader, "drill", "main")
