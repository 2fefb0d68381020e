"""Every drill of scenarios/postgres-ha, on real nodes: the fault is real, and what is promised holds."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from lab.running import RunningLab
from tests.lab.conftest import ROOT
from tests.lab.playing import Played

pytestmark = pytest.mark.lab

PATIENCE = 30.0
"""Seconds in which the ports of a Patroni that was stopped have to be free."""

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/postgres-ha")]


@pytest.fixture(scope="module")
def session(postgres_ha, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills."""
    with drills.opened(
        postgres_ha, DRILLS, WallClock(), tmp_path_factory.mktemp("seen")
    ) as session:
        yield session


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_drill(session: drills.Session, drill, played: Played, tmp_path: Path):
    played.hold(session, drill, tmp_path)


def test_patroni_accepts_what_is_rendered(postgres_ha: RunningLab):
    # Its own checker wants the ports free and etcd within reach, so it runs on a member whose Patroni is stopped.
    stopped = ["systemctl", "stop", "patroni.service"]
    check = ["runuser", "-u", "postgres", "--", "patroni", "--validate-config", "/etc/patroni/main"]
    for node in ("db1", "db2", "db3"):
        assert postgres_ha.exec(node, stopped, timeout=60.0).code == 0
        until = time.monotonic() + PATIENCE
        while True:
            said = postgres_ha.exec(node, check, timeout=60.0)
            answer = (said.code, said.stdout, said.stderr)
            if answer == (0, "", "") or time.monotonic() > until:
                break
            time.sleep(1.0)
        assert postgres_ha.exec(node, ["systemctl", "start", "patroni.service"]).code == 0
        assert answer == (0, "", "")
