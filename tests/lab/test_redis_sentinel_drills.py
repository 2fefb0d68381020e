"""Every drill of scenarios/redis-sentinel, on real nodes: Redis' owner moves the master, also when Hale asks it to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from tests.lab.conftest import ROOT
from tests.lab.playing import each, hold

pytestmark = pytest.mark.lab

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/redis-sentinel")]


@pytest.fixture(scope="module")
def session(redis_sentinel, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills."""
    seen = tmp_path_factory.mktemp("seen")
    with drills.opened(redis_sentinel, DRILLS, WallClock(), seen) as session:
        yield session


@pytest.mark.parametrize("drill", each("redis-sentinel", DRILLS))
def test_drill(session: drills.Session, drill, tmp_path: Path):
    hold(session, drill, tmp_path)
