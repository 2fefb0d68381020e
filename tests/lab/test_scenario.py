"""A scenario is refused with every mistake and its place, before anything is made."""

from pathlib import Path

import pytest

from lab import scenario
from lab.ports import LabError

BARE = Path(__file__).parent / "scenarios/bare"


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "cluster.yml").write_text((BARE / "cluster.yml").read_text())
    return tmp_path


@pytest.mark.parametrize("name", ["scenarios/first", str(BARE)])
def test_every_scenario_of_the_checkout_loads(name):
    assert scenario.load(scenario.find(name)).plans


def test_without_lab_yml_the_defaults_apply(directory):
    found = scenario.load(directory)
    assert found.lab.install
    assert found.units("one") == ()


def test_plans_follow_the_order_of_cluster_yml():
    assert [(plan.name, plan.address) for plan in scenario.load(BARE).plans] == [
        ("one", "10.77.0.21"),
        ("two", "10.77.0.22"),
    ]


def test_all_mistakes_of_lab_yml_come_at_once_with_their_lines(directory):
    (directory / "lab.yml").write_text("memory: lots\nunit:\n  one: [x.service]\n")
    with pytest.raises(LabError) as error:
        scenario.load(directory)
    assert "lab.yml:1:1: memory" in str(error.value)
    assert "lab.yml:2:1: unit" in str(error.value)


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "memory: 1GiB\nmemory: 2GiB\n", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(directory, text):
    (directory / "lab.yml").write_text(text)
    with pytest.raises(LabError, match=r"lab\.yml:"):
        scenario.load(directory)


def test_units_of_a_node_that_is_not_there_are_refused(directory):
    (directory / "lab.yml").write_text("units: {three: [nginx.service]}\n")
    with pytest.raises(LabError, match=r"units\.three: no such node. Known: one, two"):
        scenario.load(directory)


@pytest.mark.parametrize("address", ["10.77.0.1", "10.78.0.5"])
def test_an_address_outside_the_labs_network_is_refused(directory, address):
    file = directory / "cluster.yml"
    file.write_text(file.read_text().replace("10.77.0.22", address))
    with pytest.raises(LabError, match=r"10\.77\.0\.2 to 10\.77\.0\.254"):
        scenario.load(directory)


def test_a_node_may_not_be_called_as_the_labs_own_control_group(directory):
    file = directory / "cluster.yml"
    file.write_text(file.read_text().replace("two", "host"))
    with pytest.raises(LabError, match="node host"):
        scenario.load(directory)


def test_an_unknown_scenario_is_answered_with_the_known_ones():
    with pytest.raises(LabError, match="first"):
        scenario.find("frist")
