"""Every drill of scenarios/first, on real nodes: the fault is real, and what is promised holds."""

from pathlib import Path

import pytest

from lab import drills
from tests.lab.conftest import ROOT

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("drill", drills.find(ROOT / "scenarios/first"), ids=lambda path: path.stem)
def test_drill(first, drill: Path, tmp_path: Path):
    assert drills.main(first, drill, tmp_path) == 0, (tmp_path / f"{drill.stem}.md").read_text()
