"""What the tests of the gate have in common."""

from pathlib import Path

import pytest

from tests.gate.fakes import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A node with its gate, of which nothing is real but the files."""
    return World(tmp_path)
