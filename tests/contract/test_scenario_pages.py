"""A scenario's page names each of its drills, and in a column of limits it has those of the drill's file."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.test_contract import ROOT

DRILLS = sorted((ROOT / "scenarios").glob("*/drills/*.yml"))

# How a limit of a drill is called in a page.
LIMITS = {"lost_requests": "lost"}


def tables(page: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Yield the heads of each table, and its rows, as cells."""
    for found in re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
        heads, _, *rows = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in found.splitlines()
        ]
        yield heads, rows


def written(file: Path) -> str:
    """Return a drill's limits as a page has them."""
    limits = yaml.safe_load(file.read_text()).get("limits", {})
    return ", ".join(f"{LIMITS.get(name, name)} {value}" for name, value in limits.items())


@pytest.mark.parametrize("file", DRILLS, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_every_drill_is_on_its_page(file: Path) -> None:
    page = (file.parents[1] / "README.md").read_text()
    assert re.search(rf"\b{re.escape(file.stem)}\b", page), f"{file.stem} is on no row of the page"


@pytest.mark.parametrize("file", DRILLS, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_the_limits_on_a_page_are_those_of_the_drill(file: Path) -> None:
    page = (file.parents[1] / "README.md").read_text()
    said = {
        row[0]: row[heads.index("limits")]
        for heads, rows in tables(page)
        if "limits" in heads
        for row in rows
    }
    mine = [
        limits for first, limits in said.items() if file.stem in re.split(r"[][(/)]|\.yml", first)
    ]
    assert mine in ([], [written(file)]), f"write {written(file)!r} in the row of {file.stem}"
