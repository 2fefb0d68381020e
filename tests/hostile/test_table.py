"""docs/hostile.md says what was tried: each row names a test that there is, and each test here has a row."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| (tests/[^|]+) \|$", (ROOT / "docs/hostile.md").read_text(), re.M
)
HEADS = re.findall(
    r"^\| tried \| happened \| shown by \|$", (ROOT / "docs/hostile.md").read_text(), re.M
)
LINES = re.findall(r"^\|(?!---).*\|$", (ROOT / "docs/hostile.md").read_text(), re.M)


def named_in(path: Path) -> set[str]:
    """Name the tests of a file."""
    found = ast.walk(ast.parse(path.read_text()))
    functions = (one for one in found if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    return {one.name for one in functions if one.name.startswith("test_")}


@pytest.mark.parametrize(("tried", "happened", "shown"), ROWS, ids=[one[0][:40] for one in ROWS])
def test_each_row_names_a_test_that_there_is(tried: str, happened: str, shown: str) -> None:
    path, _, name = shown.partition("::")
    assert name in named_in(ROOT / path)


def test_each_line_of_the_tables_is_a_row() -> None:
    assert len(LINES) == len(ROWS) + len(HEADS)
    assert len(ROWS) >= 40


def test_each_test_of_this_folder_has_a_row() -> None:
    named = {shown for _, _, shown in ROWS}
    here = {
        f"tests/hostile/{path.name}::{name}"
        for path in Path(__file__).parent.glob("test_*.py")
        if path != Path(__file__)
        for name in named_in(path)
    }
    assert here - named == {
        "tests/hostile/test_labels.py::test_a_number_in_the_log_stays_one_and_a_traceback_is_whole"
    }
