"""What hale-cluster writes for a node is what that node's gate, exporter and sshd read."""

from pathlib import Path

import pytest

from cluster.load import Loaded, interpret, read
from cluster.packaged import rule_files
from cluster.render import render
from cluster.render.gate import sshd_conf
from exporter import reading
from gate import config
from tests.cluster.examples import SHORT, SOUND, WIDE

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(ROOT.glob("scenarios/*/cluster.yml"))

LOADED = {path.parent.name: read(path) for path in SCENARIOS} | {
    name: interpret(text, f"{name}.yml")
    for name, text in {"sound": SOUND, "short": SHORT, "wide": WIDE}.items()
}
each_node = pytest.mark.parametrize(
    ("loaded", "node"),
    [
        pytest.param(loaded, node, id=f"{name}-{node}")
        for name, loaded in LOADED.items()
        for node in loaded.cluster.nodes
    ],
)


def written(loaded: Loaded, node: str, path: str) -> str:
    tree = render(loaded, rule_files())
    return next(file.text for file in tree.of(node).files if file.path == path)


def directives(text: str) -> list[str]:
    """Return what sshd reads: every line but comments and empty ones."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_there_are_scenarios_to_read() -> None:
    assert SCENARIOS


@each_node
def test_the_gate_takes_its_file_and_finds_its_own_services_in_it(
    loaded: Loaded, node: str
) -> None:
    text = written(loaded, node, "etc/hale/gate.json")
    found = config.parse(text.encode())
    cluster = loaded.cluster
    units = {service.unit: service.name for service in cluster.services_on(node)}
    assert (found.cluster, found.node) == (cluster.name, node)
    assert {unit: rule.service for unit, rule in found.units.items()} == {
        **units,
        "hale-exporter.service": "hale-exporter",
    }
    restarted = {rule.service for rule in found.units.values() if rule.restart}
    mine = {"hale-exporter", *units.values()} - cluster.paced
    assert restarted == (set() if cluster.control(node) else mine)


@each_node
def test_the_exporter_takes_its_file_and_finds_its_own_services_in_it(
    loaded: Loaded, node: str
) -> None:
    found = reading.parse(written(loaded, node, "etc/hale/exporter.yml"), "exporter.yml")
    cluster = loaded.cluster
    assert (found.cluster, found.node) == (cluster.name, node)
    assert found.failure_domain == (cluster.nodes[node].failure_domain or "")
    assert [(one.name, one.unit, one.group) for one in found.services] == [
        (one.name, one.unit, one.group) for one in cluster.services_on(node)
    ]
    assert {peer.node for peer in found.peers} <= set(cluster.nodes) - {node}
    assert found.peer_interval == cluster.exporter.peer_interval


@each_node
def test_every_probe_arrives_at_the_exporter_with_its_numbers(loaded: Loaded, node: str) -> None:
    found = reading.parse(written(loaded, node, "etc/hale/exporter.yml"), "exporter.yml")
    for service, declared in zip(found.services, loaded.cluster.services_on(node), strict=True):
        probe = loaded.cluster.probe_for(declared, node)
        assert (service.probe is None) == (probe is None)
        if service.probe is not None and probe is not None:
            numbers = (service.probe.interval, service.probe.timeout, service.probe.fall)
            assert numbers == (probe.interval, probe.timeout, probe.fall)


def test_sshd_reads_the_same_from_the_package_and_from_what_is_rendered() -> None:
    shipped = (ROOT / "gate/systemd/sshd.conf").read_text()
    assert directives(sshd_conf()) == directives(shipped)
