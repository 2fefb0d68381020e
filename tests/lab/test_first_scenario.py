"""scenarios/first on real nodes: every part is in its place, runs as it should and reaches the next."""

import json
import time

import pytest

from lab import scenario

pytestmark = pytest.mark.lab

HELLO = b'{"v":1,"hello":true,"look":["nginx.service"]}\n'


def query(lab, expression):
    fetch = ["curl", "--silent", "--get", "--data-urlencode", f"query={expression}"]
    prometheus = scenario.load(lab.scenario).cluster.monitoring.prometheus
    answer = lab.exec("mon1", [*fetch, f"{prometheus}/api/v1/query"]).stdout
    return {
        tuple(sorted(each["metric"].items())): float(each["value"][1])
        for each in json.loads(answer)["data"]["result"]
    }


def eventually(condition, within=40.0):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.3)
    return False


@pytest.mark.parametrize("node", ["mon1", "web1", "web2"])
def test_no_unit_has_failed(first, node):
    assert first.exec(node, ["systemctl", "--failed", "--quiet", "--plain"]).stdout == ""


@pytest.mark.parametrize(
    ("node", "unit"),
    [
        *((node, unit) for node in ("mon1", "web1", "web2") for unit in ("hale-exporter.service", "hale-gate.socket")),
        ("mon1", "hale-healer.service"),
        ("mon1", "prometheus.service"),
        ("mon1", "prometheus-alertmanager.service"),
        ("web1", "nginx.service"),
        ("web2", "nginx.service"),
    ],
)  # fmt: skip
def test_each_unit_runs_where_it_belongs(first, node, unit):
    assert first.exec(node, ["systemctl", "is-active", unit]).stdout == "active\n"


@pytest.mark.parametrize("unit", ["hale-healer.service", "prometheus.service", "nginx.service"])
def test_nothing_runs_where_it_does_not_belong(first, unit):
    other = "mon1" if unit == "nginx.service" else "web1"
    assert first.exec(other, ["systemctl", "is-active", unit]).code != 0


@pytest.mark.parametrize("unit", ["hale-exporter", "hale-healer"])
def test_the_daemons_are_not_root(first, unit):
    pid = first.exec("mon1", ["systemctl", "show", "-P", "MainPID", unit]).stdout.strip()
    owner = first.exec("mon1", ["stat", "-c", "%U", f"/proc/{pid}"]).stdout
    assert owner == f"{unit}\n"


def test_the_healers_key_opens_a_gate_on_every_node_under_its_pinned_name(first):
    for node in first.nodes:
        ssh = ["ssh", "-T", "-i", "/etc/hale/healer_key", "-o", "BatchMode=yes",
               "-o", "UserKnownHostsFile=/etc/hale/known_hosts",
               "-o", "StrictHostKeyChecking=yes", f"hale-gate@{first.address(node)}"]  # fmt: skip
        done = first.exec("mon1", ["runuser", "-u", "hale-healer", "--", *ssh], input=HELLO)
        assert json.loads(done.stdout)["node"] == node


def test_the_healers_key_opens_nothing_but_the_gate(first):
    ssh = ["ssh", "-T", "-i", "/etc/hale/healer_key", "-o", "BatchMode=yes",
           "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]  # fmt: skip
    root = first.exec("mon1", [*ssh, "root@10.77.0.11", "id"])
    assert "Permission denied" in root.stderr
    gate = first.exec("mon1", [*ssh, "hale-gate@10.77.0.11", "id"], input=b"")
    assert "uid=" not in gate.stdout


def test_only_the_healer_can_read_its_key(first):
    assert first.exec("mon1", ["stat", "-c", "%a %U", "/etc/hale/healer_key"]).stdout == (
        "600 hale-healer\n"
    )
    assert first.exec("web1", ["test", "-e", "/etc/hale/healer_key"]).code == 1


def test_prometheus_sees_every_target(first):
    jobs = 3 + 3  # an exporter each; the healer, Prometheus and Alertmanager
    assert eventually(lambda: list(query(first, "up").values()) == [1.0] * jobs)


def test_every_service_serves_and_every_peer_is_seen(first):
    assert eventually(lambda: list(query(first, "hale_service_up").values()) == [1.0, 1.0])
    assert eventually(lambda: len(query(first, "hale_peer_up == 1")) == 6)


def test_only_the_watchdog_fires_on_a_healthy_cluster(first):
    expression = 'ALERTS{alertstate="firing"}'

    def names():
        return {dict(labels)["alertname"] for labels in query(first, expression)}

    assert eventually(lambda: names() == {"Watchdog"})


def test_the_healer_hears_the_watchdog_and_is_not_frozen(first):
    assert eventually(lambda: set(query(first, "healer_frozen").values()) == {0.0})
