"""The registry lists itself: every guard of the design, in its order, with keys that really set its numbers."""

import ast
from dataclasses import fields, replace
from pathlib import Path

import pytest

from cluster.load import loads
from healer.core.guards import GUARDS, judge
from healer.core.topology import Numbers
from healer.settings import of_cluster
from healer.text import CELL
from tests.cluster.examples import SHORT

ROOT = Path(__file__).parents[2]

# Of numbers that no guard compares, for their own reason: derived from the intervals of Prometheus.
DERIVED = {"full_look"}

KEYS = [(guard.name, key, name) for guard in GUARDS for key, name in guard.numbers]

# A value that every check takes, and no default is.
OTHER = {
    "share": ("0.5", 0.5),
    "targets": ("7", 7),
    "domains": ("3", 3),
    **dict.fromkeys(("node", "group", "cluster", "flapping", "poor"), ("4", 4)),
    **dict.fromkeys(("record", "record_failed"), ("9", 9)),
}


def test_it_has_every_row_of_the_design_in_its_order() -> None:
    assert [guard.name for guard in GUARDS] == [
        *("known_target", "armed", "still_true", "not_stopped", "sees_enough", "no_storm"),
        *("two_witnesses", "owner_settled", "common_cause", "capacity", "quorum", "last_copy"),
        # restore_proven is beside the design: nothing is put back that no drill has proved.
        *("one_at_a_time", "fenced", "restore_proven", "budget", "attempts", "approved"),
    ]


def test_every_guard_says_what_it_protects() -> None:
    assert all(len(guard.holds_unless) > 20 for guard in GUARDS)
    assert len({guard.holds_unless for guard in GUARDS}) == len(GUARDS)


def test_a_guard_gives_its_numbers_by_their_keys() -> None:
    given = {guard.name: guard.settings(Numbers()) for guard in GUARDS}
    assert given["still_true"] == {"healer.guards.still_true.max_age": 60.0}
    assert given["capacity"] == {}


def test_every_number_of_the_guards_is_some_guards() -> None:
    used = {name for guard in GUARDS for _, name in guard.numbers}
    assert used | DERIVED == {one.name for one in fields(Numbers)}


def test_every_judge_in_the_folder_is_in_the_registry() -> None:
    """Whoever writes a guard and forgets the row has written none."""
    folder = ROOT / "healer/core/guards"
    found = [
        node
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and ast.unparse(node.returns or ast.Constant(None)) == "Verdict"
    ]
    judges = {node.name for node in found if len(node.args.args) == 2}
    assert judges == {guard.judge.__name__ for guard in GUARDS}
    assert judge.__name__ not in judges
    rest = {node.name for node in found} - judges
    assert rest == {guard.at_large.__name__ for guard in GUARDS if guard.at_large is not None}


def test_what_a_guard_protects_is_shown_whole_in_the_table() -> None:
    assert max(len(guard.holds_unless) for guard in GUARDS) <= CELL


@pytest.mark.parametrize(("guard", "key", "name"), KEYS, ids=[key for _, key, _ in KEYS])
def test_a_number_is_set_by_the_key_that_is_shown(guard: str, key: str, name: str) -> None:
    assert key.startswith(f"healer.guards.{guard}.")
    word = key.rpartition(".")[2]
    text, value = OTHER.get(word, ("47s", 47.0))
    if guard in ("armed", "budget", "attempts") and word in ("blindness", "window"):
        text, value = "77m", 4620.0
    changed = SHORT.replace("{node: a}", f"{{node: a, guards: {{{guard}: {{{word}: {text}}}}}}}")
    assert changed != SHORT
    before = of_cluster(loads(SHORT)).topology.numbers
    assert of_cluster(loads(changed)).topology.numbers == replace(before, **{name: value})  # type: ignore[arg-type]
