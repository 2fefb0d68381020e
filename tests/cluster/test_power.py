"""What cuts a node's power, and on whose gates that stands."""

import json

import pytest
import yaml

from cluster.errors import ConfigErrors
from cluster.load import interpret
from tests.cluster.examples import PAIR
from tests.cluster.rendering import text_of, tree_of


def fencing(text: str, node: str) -> dict[str, dict[str, object]]:
    gate = json.loads(text_of(tree_of(text), f"{node}/etc/hale/gate.json"))
    found: dict[str, dict[str, object]] = gate.get("fencing", {})
    return found


def test_only_a_fencing_hosts_gate_hears_of_a_device_and_never_of_its_own_power() -> None:
    assert list(fencing(PAIR, "mon1")) == ["web1", "web2"]
    assert list(fencing(PAIR, "web1")) == ["web2"]
    fewer = PAIR.replace("[mon1, web1, web2]", "[mon1]")
    assert "fencing" not in text_of(tree_of(fewer), "web1/etc/hale/gate.json")


def test_each_node_has_its_own_plug_and_secrets_stand_elsewhere() -> None:
    assert fencing(PAIR, "mon1")["web2"] == {
        "device": "pdu",
        "agent": "/usr/sbin/fence_apc",
        "options": {"ip": "10.0.0.9", "username": "hale", "plug": "2"},
        "secrets": "/etc/hale/power/pdu",
        "off_seconds": 30,
        "status_seconds": 3,
    }


def test_nothing_of_the_control_plane_is_ever_fenced() -> None:
    text = PAIR.replace("rack-a}", "rack-a, power: pdu}").replace(
        'plugs: {web1: "1"', 'plugs: {mon1: "3", web1: "1"'
    )
    assert list(fencing(text, "web1")) == ["web2"]


@pytest.mark.parametrize(
    ("agent", "own_feed", "board"),
    [
        ("fence_ipmilan", "", True),
        ("fence_ilo5_ssh", "", True),
        ("fence_apc_snmp", "", False),
        ("fence_virsh", "", False),
        ("fence_ipmilan", "own_feed: false", False),
        ("fence_virsh", "own_feed: true", True),
    ],
)
def test_a_board_dies_with_its_node_and_who_knows_better_says_so(
    agent: str, own_feed: str, board: bool
) -> None:
    text = PAIR.replace("fence_apc", agent).replace("    secrets:", f"    {own_feed}\n    secrets:")
    assert interpret(text, "c.yml").cluster.power["pdu"].on_own_feed is board


def test_the_rules_hear_of_what_only_one_may_run_and_of_whom_somebody_can_fence() -> None:
    constants = text_of(tree_of(PAIR), "mon1/etc/prometheus/rules/cluster.yml")
    told = {
        tuple(rule["labels"].values())
        for rule in yaml.safe_load(constants)["groups"][0]["rules"]
        if rule["record"] in ("hale:exclusive_service_info", "hale:fencing_info")
    }
    assert told == {("sound", "nginx", "web"), ("sound", "web1"), ("sound", "web2")}
    plain = text_of(
        tree_of(PAIR.replace("exclusive: true, ", "")), "mon1/etc/prometheus/rules/cluster.yml"
    )
    assert "fencing_info" not in plain


@pytest.mark.parametrize(
    "option",
    ["passwd", "snmp_priv_passwd", "pwd", "apikey", "api-key", "access_key", "secret-key", "credentials", "token"],
)  # fmt: skip
def test_what_only_fencing_hosts_may_know_does_not_stand_in_cluster_yml(option: str) -> None:
    text = PAIR.replace("username: hale", f"{option}: x")
    with pytest.raises(ConfigErrors, match="is for the fencing hosts alone"):
        interpret(text, "c.yml")
