"""What docker-compose.yml and the files beside it say, as far as that can be seen without Docker."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from cluster.checks import check
from cluster.finding import Severity
from cluster.ladder import Mode
from cluster.load import read
from cluster.packaged import alerts, rule_files, runbooks
from cluster.render import render
from cluster.subject import Subject
from tests.compose.conftest import BASES, COMMANDS, ONCE, OWN, PAGE, SERVICES
from tests.compose.daemon import ROOT

LOADED = read(str(ROOT / "compose/cluster.yml"))
NODES = set(LOADED.cluster.nodes)
PROVISIONING = "/etc/grafana/provisioning"
DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))


def mounts(service: str) -> dict[str, str]:
    """Return where in a service each file, folder or volume is mounted from, by the place it has there."""
    listed = [one.split(":") for one in SERVICES[service]["volumes"]]
    return {place: source for source, place, *_ in listed}


def provisioned(kind: str) -> dict:
    """Return the one file of a kind that Grafana is given."""
    (file,) = (ROOT / mounts("grafana")[f"{PROVISIONING}/{kind}"]).glob("*.yml")
    return yaml.safe_load(file.read_text())


def rendered(path: str) -> str:
    (file,) = [file for file in render(LOADED, rule_files()).files if file.place == path]
    return file.text


def test_every_image_is_pinned_or_built_here() -> None:
    for image in {one["image"] for one in SERVICES.values()} - OWN | BASES:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+[a-z0-9-]*", image), image
    assert {one["pull_policy"] for one in SERVICES.values() if one["image"] in OWN} == {"never"}


def test_every_service_has_a_health_check_or_is_awaited_until_it_ends_well() -> None:
    assert {name for name, one in SERVICES.items() if "healthcheck" not in one} == ONCE
    awaited = {
        name
        for one in SERVICES.values()
        if isinstance(one.get("depends_on"), dict)
        for name, until in one["depends_on"].items()
        if until["condition"] == "service_completed_successfully"
    }
    assert awaited == ONCE


def test_the_page_says_how_to_pin_an_image_by_its_digest_and_names_one_that_there_is() -> None:
    (inspected,) = re.findall(r"docker image inspect .* (\S+)$", PAGE, re.MULTILINE)
    assert inspected in {one["image"] for one in SERVICES.values()}
    assert f"image: {inspected}@sha256:" in PAGE


def test_the_commands_of_the_page_name_services_that_there_are() -> None:
    named = [one.split() for one in COMMANDS]
    assert [one[0] for one in named if one[0] in {"up", "ps", "down"}] == ["up", "ps", "down"]
    of_one = [one[1] for one in named if one[0] in {"stop", "start", "logs", "exec"}]
    assert len(of_one) == len(named) - 3
    assert set(of_one) <= SERVICES.keys()


def test_ports_are_published_on_loopback_only_and_by_whoever_has_a_network() -> None:
    for name, one in SERVICES.items():
        for port in one.get("ports", ()):
            assert re.fullmatch(r"127\.0\.0\.1:(\d+):\d+", port), f"{name}: {port}"
            assert "networks" in one


def test_every_program_of_a_node_is_in_that_nodes_network() -> None:
    shared = {one["network_mode"] for one in SERVICES.values() if "network_mode" in one}
    assert shared == {"none", *(f"service:{node}" for node in NODES)}
    assert all("networks" in SERVICES[node] for node in NODES)


def test_the_cluster_only_explains_and_check_finds_no_error() -> None:
    assert LOADED.cluster.healer.mode is Mode.EXPLAIN
    found = check(Subject(LOADED, alerts(rule_files()), runbooks()))
    assert [str(one) for one in found if one.code.severity is Severity.ERROR] == []


def test_every_exporter_reads_its_own_nodes_file_and_asks_no_systemd() -> None:
    for node in NODES:
        one = SERVICES[f"exporter-{node}"]
        assert f"--config.file=/rendered/{node}/etc/hale/exporter.yml" in one["command"]
        assert one["network_mode"] == f"service:{node}"
        serves = bool(LOADED.cluster.services_on(node))
        assert ("--collector.services.without-systemd" in one["command"]) is serves


@pytest.mark.parametrize("program", ["prometheus", "prometheus-alertmanager"])
def test_prometheus_and_alertmanager_get_the_arguments_that_render_writes(program: str) -> None:
    arguments = re.search(r'^ARGS="(.*)"$', rendered(f"mon1/etc/default/{program}"), re.MULTILINE)
    assert arguments is not None
    given = SERVICES[program.removeprefix("prometheus-")]["command"]
    for argument in shlex.split(arguments[1]):
        # In the node's own network a port is enough, and Docker has to reach it.
        name = argument.partition("=")[0]
        ours = argument.replace("mon1:", ":") if name == "--web.listen-address" else argument
        assert ours in given, f"{program}: {argument}"


def test_what_is_mounted_from_the_checkout_is_there_and_cannot_be_written() -> None:
    for name, one in SERVICES.items():
        for volume in one.get("volumes", ()):
            source, _, *options = volume.split(":")
            if source.startswith("."):
                assert options == ["ro"], f"{name}: {volume}"
                assert (ROOT / source).exists(), f"{name}: {volume}"


def test_the_image_is_built_from_every_package_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {
        one.rstrip("*") for one in project["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert let_in == packages | {"LICENSE", "README.md", "pyproject.toml", "requirements"}
    assert "*" in lines


def test_grafana_finds_prometheus() -> None:
    (source,) = provisioned("datasources")["datasources"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()
    assert SERVICES["prometheus"]["network_mode"] == f"service:{host}"
    assert f"--web.listen-address=:{port}" in SERVICES["prometheus"]["command"]
    assert (source["type"], source["uid"], source["isDefault"]) == (
        "prometheus",
        "prometheus",
        True,
    )


def test_grafana_finds_the_dashboards() -> None:
    (provider,) = provisioned("dashboards")["providers"]
    assert mounts("grafana")[provider["options"]["path"]] == "./dashboards"


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_a_dashboard_is_one_that_grafana_can_show(file: Path) -> None:
    dashboard = json.loads(file.read_text())
    assert (dashboard["uid"], bool(dashboard["title"])) == (file.stem, True)
    assert dashboard["panels"]
    (source,) = provisioned("datasources")["datasources"]
    variables = {one["name"]: one for one in dashboard.get("templating", {}).get("list", ())}
    for uid in sources(dashboard):
        if name := re.fullmatch(r"\$\{?(\w+)\}?", uid):
            assert variables[name[1]]["type"] == "datasource", uid
            assert variables[name[1]]["query"] == source["type"]
        else:
            assert uid in {source["uid"], "grafana", "-- Grafana --"}


def sources(node: object) -> set[str]:
    """Return the uids of all data sources that a dashboard names."""
    if isinstance(node, list):
        return set().union(*map(sources, node))
    if not isinstance(node, dict):
        return set()
    named = node.get("datasource")
    own = {named["uid"]} if isinstance(named, dict) and "uid" in named else set()
    return own.union(*map(sources, node.values()))


def test_the_links_of_the_alerts_lead_to_what_is_published() -> None:
    links = set(
        re.findall(r'_url: "?(http://[^"\s]+)', rendered("mon1/etc/prometheus/rules/services.yml"))
    )
    assert {link.partition("/runbooks/")[0].partition("/d/")[0] for link in links} == {
        "http://127.0.0.1:9595",
        "http://127.0.0.1:3000",
    }
    published = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert {"127.0.0.1:9595:9595", "127.0.0.1:3000:3000"} <= set(published)
