"""What is rendered for the members of a database, and for what stands in front of it."""

import json

import pytest
import yaml

from tests.cluster.examples import DATABASE, TIER
from tests.cluster.rendering import text_of, tree_of

UNMANAGED = DATABASE.partition("    front:")[0] + "healer:\n" + DATABASE.partition("\nhealer:\n")[2]


def gate_of(text: str, node: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text_of(tree_of(text), f"{node}/etc/hale/gate.json"))
    return found


def test_only_a_members_gate_is_told_of_a_database_and_by_what_patroni_calls_it() -> None:
    named = DATABASE.replace("databases:\n  main:\n", "databases:\n  main:\n    scope: pg-main\n")
    assert gate_of(named, "db2")["databases"] == {
        "main": {
            "url": "http://10.0.0.32:8008",
            "scope": "pg-main",
            "member": "db2",
            "members": ["db1", "db2", "db3"],
            "unit": "patroni.service",
            "credentials": "/etc/hale/patroni/main",
            "bar_file": "/var/lib/hale-gate/bar/main.yml",
            "max_lag_bytes": 1048576,
        }
    }
    assert gate_of(DATABASE, "mon1")["databases"] == {}


def test_a_gate_on_a_control_node_may_do_nothing_with_a_database() -> None:
    text = DATABASE.replace("control: {nodes: [mon1]", "control: {nodes: [mon1, db2]")
    assert gate_of(text, "db2")["databases"] == {}
    assert gate_of(text, "db1")["databases"] != {}


def test_a_balancer_of_a_database_alone_can_drain_nobody() -> None:
    tree = tree_of(DATABASE)
    assert gate_of(DATABASE, "lb1")["pools"] == {}
    assert not [file for file in tree.of("lb1").files if "hale-marks" in file.path]


def test_of_a_database_that_is_somebody_elses_only_its_gates_and_prometheus_are_told() -> None:
    ours, theirs = tree_of(DATABASE), tree_of(UNMANAGED)
    written = {file.place for file in ours.files} - {file.place for file in theirs.files}
    # What backs it up is of a database that is ours as well, and has tests of its own.
    assert {place.partition("/etc/")[2] for place in written if "back" not in place} == {
        "patroni/main/10-hale.yml",
        "tmpfiles.d/hale-patroni.conf",
        "systemd/system/patroni.service.d/hale-patroni.conf",
        "default/etcd",
        "systemd/system/etcd.service.d/hale.conf",
        "haproxy/haproxy.cfg",
        "prometheus/targets/haproxy.json",
    }
    assert gate_of(UNMANAGED, "db1") == gate_of(DATABASE, "db1")


def test_prometheus_reads_every_member_of_every_database() -> None:
    targets = json.loads(text_of(tree_of(DATABASE), "mon1/etc/prometheus/targets/patroni.json"))
    assert [one["targets"] for one in targets] == [[f"10.0.0.3{n}:8008"] for n in (1, 2, 3)]
    assert {one["labels"]["group"] for one in targets} == {"db"}


def test_no_password_is_rendered_and_what_a_gate_bars_is_read_last() -> None:
    tree = tree_of(DATABASE)
    text = text_of(tree, "db1/etc/patroni/main/10-hale.yml")
    assert "password" not in text.replace("scram-sha-256", "")
    lines = text_of(tree, "db1/etc/tmpfiles.d/hale-patroni.conf").splitlines()
    links = [line.split()[1:] for line in lines if line.startswith("L+")]
    assert [(place, target) for place, *_, target in links] == [
        ("/etc/patroni/main/50-secrets.yml", "/etc/hale/patroni/main.yml"),
        ("/etc/patroni/main/90-bar.yml", "/run/hale-bar/main.yml"),
    ]
    files = sorted(["10-hale.yml", *(place.rpartition("/")[2] for place, *_ in links)])
    assert files[-1] == "90-bar.yml"


@pytest.mark.parametrize("synchronous", [True, False])
def test_patroni_is_told_what_the_file_says_of_losing_writes(synchronous: bool) -> None:
    text = DATABASE.replace("synchronous: true", f"synchronous: {str(synchronous).lower()}")
    text = text.replace("manage: true\n    secrets", "manage: true\n    max_lag: 2MiB\n    secrets")
    settings = yaml.safe_load(text_of(tree_of(text), "db1/etc/patroni/main/10-hale.yml"))
    shared = settings["bootstrap"]["dcs"]
    assert shared["synchronous_mode"] is synchronous
    assert shared["maximum_lag_on_failover"] == 2 * 1024**2
    # Patroni's own condition: a leader gives up before another may take over.
    assert shared["ttl"] >= shared["loop_wait"] + 2 * shared["retry_timeout"]


def test_clients_of_a_balancer_are_never_the_superuser() -> None:
    settings = yaml.safe_load(text_of(tree_of(DATABASE), "db1/etc/patroni/main/10-hale.yml"))
    rights = settings["postgresql"]["pg_hba"]
    for network in ("10.0.0.21/32", "10.0.0.22/32", "10.0.1.0/24"):
        lines = [line for line in rights if network in line]
        assert lines == [
            f"host all postgres,rewinder {network} reject",
            f"host all all {network} scram-sha-256",
        ]


def test_members_reach_each_other_over_ipv6_too() -> None:
    text = DATABASE.replace("10.0.0.31", "2001:db8::31").replace(
        '"https://2001:db8::31:2379"', '"https://[2001:db8::31]:2379"'
    )
    settings = yaml.safe_load(text_of(tree_of(text), "db1/etc/patroni/main/10-hale.yml"))
    assert settings["restapi"] == {"listen": "[::]:8008", "connect_address": "[2001:db8::31]:8008"}
    assert settings["postgresql"]["listen"] == "2001:db8::31,127.0.0.1:5432"
    assert "host all all 2001:db8::31/128 scram-sha-256" in settings["postgresql"]["pg_hba"]
    assert settings["etcd"]["hosts"][0] == "[2001:db8::31]:2379"


def test_patroni_speaks_the_interface_of_etcd_in_which_it_gives_its_lead_up() -> None:
    default = text_of(tree_of(DATABASE), "db3/etc/default/etcd")
    assert "ETCD_ENABLE_V2=true\n" in default
    assert "ETCD_INITIAL_CLUSTER_TOKEN=hale-database-main\n" in default
    later = tree_of(DATABASE.replace("    etcd:\n", "    etcd:\n      api: v3\n"))
    default = text_of(later, "db3/etc/default/etcd")
    assert "ENABLE_V2" not in default
    # What Patroni writes every few seconds would fill the file in time.
    assert "ETCD_AUTO_COMPACTION_RETENTION=1h\n" in default
    assert "etcd3" in yaml.safe_load(text_of(later, "db3/etc/patroni/main/10-hale.yml"))


def test_pools_and_a_database_share_one_balancer() -> None:
    text = TIER.replace(
        "healer:\n",
        """databases:
  main:
    group: web
    service: nginx
    front: {balancers: lb, primary: "10.0.0.100:5432", manage: true}
healer:
""",
    )
    config = text_of(tree_of(text), "lb1/etc/haproxy/haproxy.cfg")
    assert "\nbackend web\n" in config
    assert "\nbackend main:primary\n" in config
    assert "    bind 10.0.0.100:5432 transparent\n" in config
    ready = [line for line in config.splitlines() if "path /ready" in line and "503" in line]
    assert len(ready) == 2
    assert "main:replica" not in config
