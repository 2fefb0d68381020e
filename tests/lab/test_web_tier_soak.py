"""Two minutes of `make soak`: a healthy tier under a load that rises and falls is left alone."""

from pathlib import Path

import pytest

from lab import drills, scenario

pytestmark = pytest.mark.lab

SECONDS = 120.0


def test_nothing_happens_to_a_healthy_tier(web_tier, tmp_path: Path):
    load = scenario.load(web_tier.scenario).lab.load
    status = drills.soaked(web_tier, load, SECONDS, tmp_path)
    assert status == 0, (tmp_path / "soak.txt").read_text()
