"""Every drill of scenarios/web-tier, on real nodes: the fault is real, and what is promised holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from tests.lab.conftest import ROOT
from tests.lab.playing import each, hold

pytestmark = pytest.mark.lab

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/web-tier")]


@pytest.fixture(scope="module")
def session(web_tier, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills."""
    with drills.opened(web_tier, DRILLS, WallClock(), tmp_path_factory.mktemp("seen")) as session:
        yield session


@pytest.mark.parametrize("drill", each("web-tier", DRILLS))
def test_drill(session: drills.Session, drill, tmp_path: Path):
    hold(session, drill, tmp_path)
