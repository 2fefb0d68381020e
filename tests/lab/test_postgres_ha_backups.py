"""The backups of scenarios/postgres-ha, on real nodes: proved by a follower, recovered to a moment, found where bad."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.running import RunningLab

pytestmark = pytest.mark.lab

MEMBERS = ("db1", "db2", "db3")
DATA = "/data/postgresql/main"
BEGIN = "/etc/patroni/main/60-restored.yml"
RESTORED = f"""\
bootstrap:
  method: restored
  restored: {{command: mv -T {DATA}.new {DATA}, no_params: true}}
"""
"""What has Patroni begin with a folder that was restored; docs/backups.md has the same."""
FORGET = "printf 'main\\nYes I am aware\\n' | patronictl -c /etc/patroni/main remove main"
HISTORY = f"""\
cd {DATA}/pg_wal
for one in *.history; do
    runuser -u postgres -- pgbackrest --stanza=main archive-push "$PWD/$one"
done
"""
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
    assert drill(postgres_ha, follower)[
        "verified"
    ]  # with the right key again, so that no alert stays


def test_a_job_on_the_leader_leaves_drills_to_others(postgres_ha: RunningLab, leader: str) -> None:
    assert "left to the nodes that follow" in run(postgres_ha, leader, "drill", "main")


def sell(lab: RunningLab, node: str, count: int) -> None:
    """Write numbered rows, each acknowledged by itself."""
    for _ in range(count):
        sql(lab, node, "INSERT INTO sold SELECT coalesce(max(n), 0) + 1 FROM sold")


@pytest.fixture
def lost(postgres_ha: RunningLab, leader: str) -> Iterator[None]:
    """A cluster of which nothing is left but its repository: 20 rows are proved to be in it, 5 were written since.

    Hale is told to begin nothing meanwhile, as a person does.
    """
    sql(postgres_ha, leader, "CREATE TABLE sold (n int PRIMARY KEY)")
    sell(postgres_ha, leader, 20)
    run(postgres_ha, leader, "check", "main")
    sell(postgres_ha, leader, 5)
    shell(postgres_ha, "mon1", "hale-healer freeze 'main is lost'")
    for node in MEMBERS:
        shell(postgres_ha, node, "systemctl kill -s KILL patroni; systemctl stop patroni")
        shell(postgres_ha, node, f"rm -r {DATA}")
    yield
    shell(postgres_ha, "mon1", "hale-healer unfreeze")


def shell(lab: RunningLab, node: str, script: str) -> str:
    done = lab.exec(node, ["sh", "-ec", script], timeout=DRILL_SECONDS)
    assert done.code == 0, done.stdout + done.stderr
    return done.stdout


def until(what: Callable[[], bool]) -> None:
    """Wait for what has to come true."""
    end = time.monotonic() + DRILL_SECONDS
    while not what():
        assert time.monotonic() < end
        time.sleep(1.0)


def has_role(lab: RunningLab, node: str, role: str) -> bool:
    """Ask a member's Patroni whether it is the leader, or a replica that streams."""
    url = f"http://localhost:8008/{role}"
    return lab.exec(node, ["curl", "-sfo", "/dev/null", url], timeout=20.0).code == 0


def test_a_cluster_that_is_lost_starts_anew_from_its_repository(
    postgres_ha: RunningLab, lost: None, follower: str
) -> None:
    """The steps of docs/backups.md: none of what was archived is lost, and the next drill starts from what is new."""
    others = [node for node in MEMBERS if node != follower]
    run(postgres_ha, follower, "restore", "main", "--into", f"{DATA}.new")
    until(lambda: postgres_ha.exec(follower, ["sh", "-c", FORGET], timeout=60.0).code == 0)
    shell(postgres_ha, follower, f"cat >{BEGIN} <<'END'\n{RESTORED}END\nsystemctl start patroni")
    until(lambda: has_role(postgres_ha, follower, "leader"))
    shell(postgres_ha, follower, f"rm {BEGIN}")
    shell(postgres_ha, follower, HISTORY)
    run(postgres_ha, follower, "run", "main")
    for node in others:
        shell(postgres_ha, node, "systemctl start patroni")
    until(lambda: all(has_role(postgres_ha, node, "replica") for node in others))
    assert sql(postgres_ha, others[0], "SELECT count(*) FROM sold WHERE n <= 20") == "20"
    run(postgres_ha, follower, "check", "main")
    told = {one["table"]: one["rows"] for one in drill(postgres_ha, others[0])["tables"]}
    assert told["public.sold"] >= 20
