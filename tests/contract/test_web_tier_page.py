"""The page of scenarios/web-tier says what its files say.

A drill that the page names and that is not there is no mistake; one that is there and has no row is.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.balancing import priorities
from cluster.load import load, loads
from cluster.quantity import DURATION_PATTERN, duration
from tests.cluster.rendering import tree_of
from tests.test_contract import ROOT

HOME = ROOT / "scenarios/web-tier"
PAGE = (HOME / "README.md").read_text()
TEXT = (HOME / "cluster.yml").read_text()
CLUSTER = load(HOME / "cluster.yml")
DRILLS = sorted((HOME / "drills").glob("*.yml"))

# How a limit of a drill is called in the page.
LIMITS = {"lost_requests": "lost"}


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of the first table below a heading, without its first two lines."""
    part = PAGE.partition(f"\n## {heading}\n")[2]
    table = re.search(r"(?:^\|.*\|\n)+", part, re.MULTILINE)
    assert table is not None, heading
    for line in table[0].splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


# --- The cluster ----------------------------------------------------------------------------


def test_the_nodes_are_those_of_cluster_yml() -> None:
    found = re.findall(r"^\| (\w+) \| ([\d.]+) \| (rack-\w) \| (\w+) \|", PAGE, re.MULTILINE)
    first = {node: name for name, group in CLUSTER.groups.items() for node in group.nodes}
    declared = [
        (n.name, n.address, n.failure_domain, first[n.name]) for n in CLUSTER.nodes.values()
    ]
    assert sorted(found) == sorted(declared)


def test_addresses_and_floors_are_those_of_cluster_yml() -> None:
    address = CLUSTER.virtual_addresses["vip"].address
    known = {node.address for node in CLUSTER.nodes.values()} | {address, "10.77.0.1"}
    assert set(re.findall(r"\b10\.\d+\.\d+\.\d+\b", PAGE)) == known
    assert f"The virtual address is {address}." in PAGE
    floors = {
        name: (group.min_available, len(group.nodes)) for name, group in CLUSTER.groups.items()
    }
    assert (floors["lb"], floors["web"]) == ((1, 2), (2, 3))
    assert "One balancer of two must stay, and two web servers of three" in PAGE


# --- What is rendered -----------------------------------------------------------------------


def test_every_setting_in_the_page_is_one_that_is_rendered() -> None:
    files = [file for file in tree_of(TEXT).files if file.node in ("lb1", "lb2")]

    def text(node: str, end: str) -> str:
        return "\n".join(f.text for f in files if f.node == node and f.path.endswith(end))

    for settings, place, *_ in rows("Architecture and numbers"):
        node = "lb2" if place.startswith("lb2") else "lb1"
        kind = next(end for end in ("keepalived.conf", "haproxy.cfg", "drop-ins") if end in place)
        for line in re.findall(r"`([^`]+)`", settings):
            assert line in text(node, ".d/hale.conf" if kind == "drop-ins" else kind), line


def test_the_priorities_in_the_page_are_what_the_marks_leave() -> None:
    order = priorities(2)
    both = (order.first, order.first - order.step)
    for taken, word in ((order.declined, "declined"), (order.failed, "cannot serve")):
        first, second = (one + taken for one in both)
        assert re.search(rf"{word} comes after .*: {first} or {second}", PAGE)


# --- Values for production ------------------------------------------------------------------


def found(value: Any, key: str) -> Any:
    """Return what a dotted key leads to, in a mapping or in a model."""
    if not key:
        return value
    if isinstance(value, Mapping):
        # Verbs have a dot in their own names.
        name = next(name for name in value if f"{key}.".startswith(f"{name}."))
        return found(value[name], key[len(name) + 1 :])
    name, _, rest = key.partition(".")
    return found(getattr(value, name), rest)


def without(value: dict[str, Any], key: str) -> None:
    """Take what a dotted key leads to out of a mapping."""
    name = next(name for name in value if f"{key}.".startswith(f"{name}."))
    if key == name:
        del value[name]
    else:
        without(value[name], key[len(name) + 1 :])


def plain(value: Any) -> float | str:
    """Make what stands in a page, in a file or in a model comparable; durations are seconds."""
    text = str(value.value if isinstance(value, Enum) else value)
    if re.fullmatch(DURATION_PATTERN, text):
        return duration(text)
    return float(text) if re.fullmatch(r"[\d.]+", text) else text


def test_each_key_for_production_has_the_labs_value_and_the_one_that_comes_without_it() -> None:
    short, document = yaml.safe_load(TEXT), yaml.safe_load(TEXT)
    table = [(key.strip("`"), lab, real) for key, lab, real in rows("For production")]
    for key, _, _ in table:
        without(short, key)
    production = loads(yaml.safe_dump(short))
    for key, lab, real in table:
        assert plain(found(document, key)) == plain(lab), key
        assert plain(found(production, key)) == plain(real), key
    storm = CLUSTER.healer.guards.no_storm
    said = f"`share: {storm.share}`, `targets: {storm.targets}`, `domains: {storm.domains}`"
    assert f"- **`no_storm`** keeps {said}" in PAGE


# --- The drills -----------------------------------------------------------------------------


@pytest.mark.parametrize("file", DRILLS, ids=lambda file: file.stem)
def test_every_drill_has_a_row_with_its_limits(file: Path) -> None:
    limits = yaml.safe_load(file.read_text()).get("limits", {})
    wanted = ", ".join(f"{LIMITS.get(name, name)} {value}" for name, value in limits.items())
    said = {name: cell for name, _, cell in rows("The drills")}
    assert said.get(file.stem) == wanted, f"write `| {file.stem} | ... | {wanted} |` in README.md"


def test_no_drill_may_call_people_more_than_twice() -> None:
    pages = {file.stem: yaml.safe_load(file.read_text())["limits"]["pages"] for file in DRILLS}
    assert {name for name, limit in pages.items() if limit > 2} == set()


def test_the_drills_measured_are_those_of_the_demo() -> None:
    measured = [name for name, *_ in rows("Watch it break")]
    assert measured == [file.stem for file in DRILLS if file.name[0].isdecimal()]
