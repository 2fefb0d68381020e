"""What the tests of the gate have in common."""

from pathlib import Path

import pytest

from tests.gate.fakes import World
from tests.gate.power import Device


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A node with its gate, of which nothing is real but the files."""
    return World(tmp_path)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """A power controller that obeys; the node's power is on."""
    return Device(tmp_path)
