"""Every drill of scenarios/first, on real nodes: the fault is real, and what is promised holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from tests.lab.conftest import ROOT
from tests.lab.playing import each, hold

pytestmark = pytest.mark.lab

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/first")]


@pytest.fixture(scope="module")
def session(first, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills."""
    with drills.opened(first, DRILLS, WallClock(), tmp_path_factory.mktemp("seen")) as session:
        yield session


@pytest.mark.parametrize("drill", each("first", DRILLS))
def test_drill(session: drills.Session, drill, tmp_path: Path):
    hold(session, drill, tmp_path)
