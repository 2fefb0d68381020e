"""The page of scenarios/postgres-ha says what its files say, and no limit is less than three times what it shows."""

import re

import pytest

from cluster.load import load
from lab.drills import load_drill
from tests.test_contract import ROOT

HOME = ROOT / "scenarios/postgres-ha"
PAGE = "\n" + (HOME / "README.md").read_text()
CLUSTER = load(HOME / "cluster.yml")
DRILLS = {file.stem: load_drill(file) for file in sorted((HOME / "drills").glob("*.yml"))}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its first two lines."""
    part = PAGE.partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\|\n)+", part, re.MULTILINE)
    assert table is not None, heading
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_node_has_its_row() -> None:
    told = {row[0]: (row[1], row[2], row[3]) for row in rows("# The database")}
    assert told == {
        name: (node.address, node.failure_domain, CLUSTER.first_group(name))
        for name, node in CLUSTER.nodes.items()
    }


def test_every_drill_is_named_as_its_file_and_has_its_row() -> None:
    assert [row[0] for row in rows("## The drills")] == list(DRILLS)
    assert {name: drill.name for name, drill in DRILLS.items()} == {name: name for name in DRILLS}


@pytest.mark.parametrize("row", rows("## Watch it break"), ids=lambda row: str(row[0]))
def test_a_limit_is_at_least_three_times_what_was_measured(row: list[str]) -> None:
    limits = DRILLS[row[0]].limits
    for cell, limit in ((row[3], limits.serving), (row[4], limits.redundancy)):
        measured = re.fullmatch(r"\+([0-9.]+) s", cell)
        if measured is not None and limit is not None:
            assert limit >= 3 * float(measured[1])
    assert limits.two_primaries is not None
    assert limits.two_primaries >= 3 * float(row[8].removesuffix(" s"))
    assert limits.acknowledged_lost is not None
    assert limits.acknowledged_lost >= int(row[7])
