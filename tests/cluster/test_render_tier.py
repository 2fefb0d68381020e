"""What is rendered for balancers, candidates and the rules about them."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.balancing import MOST_CANDIDATES, Priorities, priorities
from cluster.load import interpret
from cluster.packaged import rule_files
from cluster.render.constants import CONSTANTS
from tests.cluster.examples import SOUND, TIER
from tests.cluster.rendering import text_of, tree_of


def test_only_candidates_and_balancers_are_told_of_the_tier() -> None:
    tree = tree_of(TIER)
    for node in ("lb1", "lb2"):
        gate = json.loads(text_of(tree, f"{node}/etc/hale/gate.json"))
        assert gate["addresses"]["vip"]["track_file"] == "/var/lib/hale-gate/decline/vip"
        assert gate["pools"]["web"]["members"] == ["web1", "web2", "web3"]
    for node in ("web1", "mon1"):
        gate = json.loads(text_of(tree, f"{node}/etc/hale/gate.json"))
        assert (gate["addresses"], gate["pools"]) == ({}, {})
        assert "virtual_addresses" not in text_of(tree, f"{node}/etc/hale/exporter.yml")
        assert not [file for file in tree.of(node).files if "/haproxy/" in file.path]


def test_a_control_node_is_never_rebooted_and_takes_nothing_out_of_a_tier() -> None:
    tree = tree_of(TIER.replace("nodes: [mon1], role", "nodes: [mon1, lb2], role"))
    gates = {n: json.loads(text_of(tree, f"{n}/etc/hale/gate.json")) for n in ("lb1", "lb2")}
    assert [gates[n]["reboot"] for n in ("lb1", "lb2")] == [True, False]
    assert (gates["lb2"]["addresses"], gates["lb2"]["pools"]) == ({}, {})


def test_who_keeps_watch_is_never_rebooted_though_in_no_control_group() -> None:
    tree = tree_of(TIER.replace(", role: control", ""))
    gates = {n: json.loads(text_of(tree, f"{n}/etc/hale/gate.json")) for n in ("lb1", "mon1")}
    assert [gates[n]["reboot"] for n in ("lb1", "mon1")] == [True, False]


def test_what_is_not_managed_comes_as_a_fragment_and_leaves_the_programs_files_alone() -> None:
    paths = {file.path for file in tree_of(TIER.replace(", manage: true", "")).of("lb1").files}
    assert {f"etc/hale/fragments/{name}" for name in ("keepalived.conf", "haproxy.cfg")} <= paths
    assert not paths & {"etc/keepalived/keepalived.conf", "etc/haproxy/haproxy.cfg"}
    assert "etc/systemd/system/haproxy.service.d/hale-marks.conf" in paths


def test_a_fragment_of_a_balancer_leaves_the_frontends_to_their_owner() -> None:
    text = text_of(
        tree_of(TIER.replace(", manage: true", "")), "lb1/etc/hale/fragments/haproxy.cfg"
    )
    assert "frontend web" not in text
    assert "server web1 10.0.0.31:80" in text


SIX = '  six: {address: "2001:db8::9", group: lb, interface: e, router_id: 9, manage: true}\n'
POOL = "pools:\n  web: {"
BINDS = [
    (("", ""), "*:80"),
    (("pools:\n", f"{SIX}pools:\n"), ":::80 v4v6"),
    (("port: 80,", 'port: 80, listen: "10.0.0.100:8080",'), "10.0.0.100:8080 transparent"),
    (("port: 80,", 'port: 80, listen: "[::1]:8080",'), "[::1]:8080"),
    ((POOL, f'{SIX}{POOL}listen: "[2001:DB8:0::9]:80", '), "[2001:DB8:0::9]:80 transparent"),
]


@pytest.mark.parametrize(("change", "bind"), BINDS)
def test_a_standby_can_listen_before_it_holds_the_address(
    change: tuple[str, str], bind: str
) -> None:
    text = text_of(tree_of(TIER.replace(*change)), "lb2/etc/haproxy/haproxy.cfg")
    assert f"frontend web\n    mode http\n    bind {bind}\n" in text


def test_every_pool_must_have_a_member_before_a_node_is_ready_for_an_address() -> None:
    pool = "  api: {balancers: lb, members: web, service: nginx, port: 81, manage: true}\n"
    text = text_of(
        tree_of(TIER.replace("pools:\n", f"pools:\n{pool}")), "lb1/etc/haproxy/haproxy.cfg"
    )
    refusals = [line for line in text.splitlines() if "status 503" in line]
    assert [line.rpartition("nbsrv(")[2] for line in refusals] == ["api) lt 1 }", "web) lt 1 }"]


def test_vrrp_speaks_version_2_where_it_can() -> None:
    for advert, version in (("1s", 2), ("2s", 2), ("500ms", 3)):
        text = TIER.replace("router_id: 51,", f"router_id: 51, advert_interval: {advert},")
        conf = text_of(tree_of(text), "lb1/etc/keepalived/keepalived.conf")
        assert f"    version {version}\n" in conf
    assert "nopreempt" not in conf.partition("# No nopreempt")[2]


def test_haproxys_own_figures_are_scraped_where_there_are_balancers() -> None:
    targets = json.loads(text_of(tree_of(TIER), "mon1/etc/prometheus/targets/haproxy.json"))
    assert [target["targets"] for target in targets] == [["10.0.0.21:8405"], ["10.0.0.22:8405"]]
    assert {target["labels"]["group"] for target in targets} == {"lb"}
    assert not [file for file in tree_of(SOUND).files if file.path.endswith("haproxy.json")]


def test_the_rules_know_which_nodes_are_lost_with_a_failure_domain() -> None:
    nobody = "{address: 10.0.0.33}"
    for text in (TIER, TIER.replace("{address: 10.0.0.33, failure_domain: rack-c}", nobody)):
        rules = yaml.safe_load(text_of(tree_of(text), "mon1/etc/prometheus/rules/cluster.yml"))
        found = [
            (one["labels"]["failure_domain"], one["labels"]["node"])
            for one in rules["groups"][0]["rules"]
            if one["record"] == "hale:failure_domain_member_info"
        ]
        assert found == [
            *(("rack-a", node) for node in ("mon1", "lb1", "web1")),
            *(("rack-b", node) for node in ("lb2", "web2")),
        ]


def test_what_nodes_share_besides_their_racks_is_lost_with_all_of_them() -> None:
    text = TIER.replace(
        "groups:\n", "failure_domains: {switch: {nodes: [web1, web3]}}\ngroups:\n", 1
    )
    rules = yaml.safe_load(text_of(tree_of(text), "mon1/etc/prometheus/rules/cluster.yml"))
    found = [
        one["labels"]["node"]
        for one in rules["groups"][0]["rules"]
        if one["labels"].get("failure_domain") == "switch"
    ]
    assert found == ["web1", "web3"]


def test_the_rules_know_the_clusters_numbers() -> None:
    text = text_of(tree_of(TIER), "mon1/etc/prometheus/rules/cluster.yml")
    found = {
        (rule["record"], *sorted(rule["labels"].items())): rule["expr"]
        for rule in yaml.safe_load(text)["groups"][0]["rules"]
        if not rule["record"].endswith("_member_info")
    }
    tier = ("cluster", "tier")
    assert found == {
        ("hale:group_min_available", tier, ("group", "lb")): "vector(1)",
        ("hale:group_nodes", tier, ("group", "lb")): "vector(2)",
        ("hale:group_min_available", tier, ("group", "control")): "vector(1)",
        ("hale:group_nodes", tier, ("group", "control")): "vector(1)",
        ("hale:group_min_available", tier, ("group", "web")): "vector(2)",
        ("hale:group_nodes", tier, ("group", "web")): "vector(3)",
        (
            "hale:virtual_address_info",
            ("address", "10.0.0.100"),
            tier,
            ("group", "lb"),
        ): "vector(1)",
        ("hale:pool_info", tier, ("group", "web"), ("pool", "web")): "vector(1)",
        ("hale:availability_objective", tier): "vector(0.999)",
    }


def test_the_rules_know_each_member_of_each_group_with_its_own_failure_domain() -> None:
    cluster = interpret(TIER, "cluster.yml").cluster
    text = text_of(tree_of(TIER), "mon1/etc/prometheus/rules/cluster.yml")
    found = [
        (rule["labels"]["group"], rule["labels"]["node"], rule["labels"]["failure_domain"])
        for rule in yaml.safe_load(text)["groups"][0]["rules"]
        if rule["record"] == "hale:group_member_info"
    ]
    assert found == [
        (group.name, node, cluster.nodes[node].failure_domain)
        for group in cluster.groups.values()
        for node in group.nodes
    ]


def test_no_packaged_rules_have_the_name_of_those_that_render_writes() -> None:
    assert CONSTANTS not in {rules.name for rules in rule_files()}


@given(st.lists(st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1)]), min_size=1, max_size=99))
def test_an_address_has_one_owner_and_the_best_that_there_is(marks: list[tuple[int, int]]) -> None:
    """(fails, declined) of each candidate: one that can serve goes before one that is not declined."""
    order = priorities(len(marks))
    effective = [
        order.first - order.step * number + failed * order.failed + declined * order.declined
        for number, (failed, declined) in enumerate(marks)
    ]
    # keepalived.conf(5): the effective priority is limited to the range [1,254].
    held = [max(1, min(254, priority)) for priority in effective]
    owners = {number for number, priority in enumerate(held) if priority == max(held)}
    # Where none can serve the bound may make several equal: VRRP's own rule, the higher IP address, decides.
    if min(marks)[0] == 0:
        assert owners == {marks.index(min(marks))}
    else:
        assert len(owners) == 1 or max(held) == 1
    assert -253 <= order.failed < order.declined < 0


def test_the_steps_of_a_usual_group_are_ten() -> None:
    assert [priorities(n).step for n in (1, 2, 3, 10, 11, MOST_CANDIDATES)] == [
        10,
        10,
        10,
        10,
        9,
        1,
    ]
    assert priorities(2) == Priorities(200, 10, -20, -40)
