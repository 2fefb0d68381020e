"""Every drill of scenarios/postgres-ha, on real nodes: the fault is real, and what is promised holds."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from lab.running import RunningLab
from tests.lab.conftest import ROOT
from tests.lab.playing import each, hold

pytestmark = pytest.mark.lab

MEMBERS = ("db1", "db2", "db3")
PATIENCE = 30.0
"""Seconds in which every etcd has to be within reach."""

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/postgres-ha")]


@pytest.fixture(scope="module")
def session(postgres_ha, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills.

    No backup is proved meanwhile: after 8-log-has-no-room that may rightly fail, and the next drill wants all well.
    """
    for node in MEMBERS:
        stopped = postgres_ha.exec(node, ["systemctl", "stop", "hale-backup-drill@main.timer"])
        assert stopped.code == 0, stopped.stderr
    with drills.opened(
        postgres_ha, DRILLS, WallClock(), tmp_path_factory.mktemp("seen")
    ) as session:
        yield session


@pytest.mark.parametrize("drill", each("postgres-ha", DRILLS))
def test_drill(session: drills.Session, drill, tmp_path: Path):
    hold(session, drill, tmp_path)


def test_patroni_accepts_what_is_rendered(postgres_ha: RunningLab):
    # Its own checker wants the ports free and etcd within reach; of the first it complains on a member that runs.
    check = ["runuser", "-u", "postgres", "--", "patroni", "--validate-config", "/etc/patroni/main"]
    for node in MEMBERS:
        until = time.monotonic() + PATIENCE
        while complaints(postgres_ha, node, check) and time.monotonic() < until:
            time.sleep(1.0)
        assert complaints(postgres_ha, node, check) == []


def complaints(lab: RunningLab, node: str, check: list[str]) -> list[str]:
    said = lab.exec(node, check, timeout=60.0)
    lines = (said.stdout + said.stderr).splitlines()
    assert lines, "the ports of a member that runs are in use, and the checker does not say so"
    return [line for line in lines if "is already in use." not in line]
