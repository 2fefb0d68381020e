"""Of a Pacemaker cluster each member's gate knows the others, and never restarts what Pacemaker runs."""

import json

from cluster.load import interpret
from tests.cluster.examples import PACED
from tests.cluster.owned_weaknesses import PDU
from tests.cluster.rendering import text_of, tree_of

TREE = tree_of(PACED)


def gate(node: str, tree: dict[str, bytes] = TREE) -> dict[str, object]:
    found: dict[str, object] = json.loads(text_of(tree, f"{node}/etc/hale/gate.json"))
    return found


def test_a_members_gate_knows_its_cluster_and_what_it_may_clean_up() -> None:
    assert gate("s1")["pacemakers"] == {
        "store": {"member": "s1", "members": ["s1", "s2"], "resources": ["nfs"]}
    }
    assert gate("mon1")["pacemakers"] == {}


def test_what_pacemaker_runs_no_gate_restarts() -> None:
    units = gate("s1")["units"]
    assert isinstance(units, dict)
    assert (units["nfs-server.service"]["restart"], units["hale-exporter.service"]["restart"]) == (
        False,
        True,
    )


def test_the_rules_know_each_resource_of_each_member() -> None:
    rules = text_of(TREE, "mon1/etc/prometheus/rules/cluster.yml")
    assert rules.count("hale:pacemaker_resource_info") == 2


def test_no_gate_cuts_the_power_of_a_node_of_pacemaker() -> None:
    text = PACED.replace("rack-c}", f"rack-c, power: pdu}}\n{PDU}")
    cluster = interpret(text, "cluster.yml").cluster
    assert cluster.fencing_hosts("s2") == ()
    assert "fencing" not in gate("mon1", tree_of(text))
