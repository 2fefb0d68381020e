"""What the tests of drills have in common."""

from pathlib import Path

import pytest

from tests.lab.drills.eyes import Eyes
from tests.lab.drills.fakes import FakeLab


@pytest.fixture
def lab(tmp_path: Path) -> FakeLab:
    """A lab that keeps a diary, with eyes that see a sound cluster and then the alert of a fault."""
    lab = FakeLab(tmp_path)
    lab.on_spawn = Eyes(lab)
    return lab
