"""Every drill of scenarios/storage-pair, on real nodes: the one that writes is fenced, or nothing is taken over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from tests.lab.conftest import ROOT
from tests.lab.playing import each, hold

pytestmark = pytest.mark.lab

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/storage-pair")]


@pytest.fixture(scope="module")
def session(storage_pair, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills, which are played in their order."""
    seen = tmp_path_factory.mktemp("seen")
    with drills.opened(storage_pair, DRILLS, WallClock(), seen) as session:
        yield session


@pytest.mark.parametrize("drill", each("storage-pair", DRILLS))
def test_drill(session: drills.Session, drill, tmp_path: Path):
    hold(session, drill, tmp_path)
