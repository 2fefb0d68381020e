"""What is rendered for the members of a database, and for what stands in front of it."""

import json

from tests.cluster.examples import DATABASE
from tests.cluster.rendering import text_of, tree_of


def gate_of(text: str, node: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text_of(tree_of(text), f"{node}/etc/hale/gate.json"))
    return found


def test_only_a_members_gate_is_told_of_a_database_and_by_what_patroni_calls_it() -> None:
    assert gate_of(DATABASE, "db2")["databases"] == {
        "main": {
            "url": "http://10.0.0.32:8008",
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
