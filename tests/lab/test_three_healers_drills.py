"""Every drill of scenarios/three-healers, on real nodes with a real etcd: one effect each, whoever leads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from tests.lab.conftest import ROOT
from tests.lab.playing import each, hold

pytestmark = pytest.mark.lab

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/three-healers")]


@pytest.fixture(scope="module")
def session(three_healers, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills."""
    seen = tmp_path_factory.mktemp("seen")
    with drills.opened(three_healers, DRILLS, WallClock(), seen) as session:
        yield session


@pytest.mark.parametrize("drill", each("three-healers", DRILLS))
def test_drill(session: drills.Session, drill, tmp_path: Path):
    hold(session, drill, tmp_path)
