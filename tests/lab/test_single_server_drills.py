"""Every drill of scenarios/single-server, on real nodes with a real restic: what was lost comes back as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import drills
from lab.drills.waiting import WallClock
from tests.lab.conftest import ROOT
from tests.lab.playing import each, hold

pytestmark = pytest.mark.lab

DRILLS = [drills.load_drill(file) for file in drills.find(ROOT / "scenarios/single-server")]


@pytest.fixture(scope="module")
def session(single_server, tmp_path_factory) -> Iterator[drills.Session]:
    """What watches the lab through all of its drills."""
    seen = tmp_path_factory.mktemp("seen")
    with drills.opened(single_server, DRILLS, WallClock(), seen) as session:
        yield session


@pytest.mark.parametrize("drill", each("single-server", DRILLS))
def test_drill(session: drills.Session, drill, tmp_path: Path):
    hold(session, drill, tmp_path)
