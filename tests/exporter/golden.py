"""Golden expositions: one file for each collector, from captured sources; `pytest --rewrite` accepts what comes out."""

from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "fixtures/golden"


def same_as_golden(request: pytest.FixtureRequest, name: str, seen: bytes) -> None:
    """Assert that a collector's series are those of fixtures/golden/NAME.prom."""
    file = GOLDEN / f"{name}.prom"
    if request.config.getoption("--rewrite"):
        file.write_bytes(seen)
    assert seen == file.read_bytes()
