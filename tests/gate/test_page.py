"""docs/gate.md explains every word that the gate says, and nothing that it does not say."""

import re
from pathlib import Path

import gate
from gate.words import Reason

ROOT = Path(gate.__file__).parents[1]
PAGE = (ROOT / "docs" / "gate.md").read_text()
CONTRACT = (ROOT / "docs" / "contracts.md").read_text()
WORDS = {str(reason) for reason in Reason}


def test_every_reason_has_a_row_in_the_page() -> None:
    rows = PAGE.partition("## Every reason")[2].splitlines()
    explained = {
        word
        for row in rows
        for word in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert explained == WORDS


def test_every_reason_is_in_the_contract() -> None:
    protocol = CONTRACT.partition("## The gate protocol")[2].partition("### gate.json")[0]
    assert set(re.findall(r"`(\w+)`", protocol)) >= WORDS


def test_every_installed_file_is_in_the_page() -> None:
    for path in (Path(gate.__file__).parent / "systemd").iterdir():
        assert f"gate/systemd/{path.name}" in PAGE
