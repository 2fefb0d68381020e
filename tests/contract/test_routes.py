"""Every path that the healer and the exporter answer on is in their page."""

import re
from pathlib import Path

import pytest

from tests.test_contract import ROOT

HEALER = sorted((ROOT / "healer/web").glob("*.py"))
EXPORTER = [ROOT / "exporter/server.py"]
# The page tells the socket's commands by their names, in one paragraph.
OF_THE_SOCKET = {"/api/v1/COMMAND"}


def paths(files: list[Path]) -> set[str]:
    """Return the paths of the routes in some modules, a variable part as pages write it: ID."""
    text = "\n".join(file.read_text() for file in files)
    found = re.findall(r'(?:web\.|add_)(?:get|post)\("(/[^"]*)"', text)
    return {re.sub(r"\{(\w+)\}", lambda part: part[1].upper(), path) for path in found}


def said(page: str) -> set[str]:
    """Return what a page sets in code type and is a path; an incident is its ID."""
    text = (ROOT / page).read_text()
    found = re.findall(r"`(?:POST )?(/[^`\s]*)`", text)
    return {re.sub(r"(?<=/incidents/)ID$", "INCIDENT", path) for path in found}


@pytest.mark.parametrize(
    ("files", "page"), [(HEALER, "docs/healer.md"), (EXPORTER, "docs/exporter.md")]
)
def test_every_path_is_in_the_page(files: list[Path], page: str) -> None:
    there = paths(files) - OF_THE_SOCKET
    assert "/-/healthy" in there
    assert there <= said(page)
