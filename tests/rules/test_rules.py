"""Prometheus' own tool checks the rules, and plays each alert's fires and near misses."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.test_contract import queries_for_people

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RULES = sorted((ROOT / "rules").glob("*.yml"))
CASES = sorted(HERE.glob("*.test.yml"))

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def promtool() -> str:
    unpacked = ROOT / ".tools/usr/bin/promtool"
    found = os.environ.get("PROMTOOL") or (str(unpacked) if unpacked.exists() else None)
    tool = found or shutil.which("promtool")
    assert tool, f"no promtool at {unpacked}, in $PROMTOOL or on the PATH; run `make tools`"
    return tool


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def test_promtool_accepts_all_rules_together(promtool: str) -> None:
    answer = run(promtool, "check", "rules", *RULES)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix(".test.yml"))
def test_alert_fires_and_stays_silent_as_its_file_says(promtool: str, case: Path) -> None:
    answer = run(promtool, "test", "rules", case)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_expressions_that_people_are_told_to_ask_are_valid(promtool: str, tmp_path: Path) -> None:
    asked = tmp_path / "asked.yml"
    rules = [
        {"record": f"asked:{n}", "expr": e} for n, e in enumerate(sorted(queries_for_people()))
    ]
    assert rules, "no page asks Prometheus anything"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    answer = run(promtool, "check", "rules", asked)
    assert answer.returncode == 0, answer.stdout + answer.stderr
