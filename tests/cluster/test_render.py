"""What is rendered, byte for byte."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from cluster.load import interpret, read
from cluster.packaged import rule_files
from cluster.render import render
from cluster.render.rules import rules_yml
from cluster.tree import Tree
from cluster.writing import HEADER
from tests.cluster.examples import DATABASE, HEALERS, SHORT, SOUND, TIER, WIDE
from tests.cluster.rendering import RULES, text_of, tree_of

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
ROOT = HERE.parents[1]


def golden(name: str, tree: Tree, *, rewrite: bool) -> None:
    folder = GOLDEN / name
    if rewrite:
        shutil.rmtree(folder, ignore_errors=True)
        tree.write(folder)
    assert "".join(tree.differences(folder)) == ""


def test_the_first_scenario_renders_to_these_bytes(rewrite: bool) -> None:
    loaded = read(ROOT / "scenarios/first/cluster.yml")
    golden("first", render(loaded, RULES), rewrite=rewrite)


def test_a_wide_cluster_renders_to_these_bytes(rewrite: bool) -> None:
    golden("wide", tree_of(WIDE), rewrite=rewrite)


def test_a_tier_renders_to_these_bytes(rewrite: bool) -> None:
    golden("tier", tree_of(TIER), rewrite=rewrite)


def test_a_database_renders_to_these_bytes(rewrite: bool) -> None:
    golden("database", tree_of(DATABASE), rewrite=rewrite)


def test_several_healers_render_to_these_bytes(rewrite: bool) -> None:
    golden("healers", tree_of(HEALERS), rewrite=rewrite)


def test_every_node_sends_its_journal_to_the_first_monitoring_node_which_keeps_no_more_than_it_may() -> (
    None
):
    tree = tree_of(HEALERS)
    send = "etc/systemd/journal-upload.conf.d/hale.conf"
    for node in ("mon2", "mon3", "web1", "web2"):
        assert "URL=https://10.0.0.11:19532\n" in text_of(tree, f"{node}/{send}")
    mon1 = {file.path: file.text for file in tree.of("mon1").files}
    assert send not in mon1
    listens = mon1["etc/systemd/system/systemd-journal-remote.socket.d/hale.conf"]
    assert "ListenStream=\nListenStream=10.0.0.11:19532\n" in listens
    vacuum = mon1["etc/systemd/system/hale-journal-vacuum.service"]
    assert f"--vacuum-size={2 * 1024**3}\n" in vacuum


def test_a_healer_where_the_copies_are_may_read_them_and_nobody_else_gets_a_right() -> None:
    readable = "etc/tmpfiles.d/hale-copies.conf"
    tree = tree_of(HEALERS)
    rights = [
        line for line in text_of(tree, f"mon1/{readable}").splitlines() if "hale-healer" in line
    ]
    assert rights == [
        "a+ /var/log/journal/remote - - - - u:hale-healer:r-x,d:u:hale-healer:r-x",
        "a+ /var/log/journal/remote/*.journal - - - - u:hale-healer:r--",
    ]
    for node in ("mon2", "mon3", "web1", "web2"):
        assert readable not in [file.path for file in tree.of(node).files]
    elsewhere = HEALERS.replace("healer:\n  nodes: [mon1, ", "healer:\n  nodes: [")
    assert readable not in [file.path for file in tree_of(elsewhere).of("mon1").files]


def test_no_journal_is_sent_where_nobody_asks_for_it() -> None:
    assert not [file for file in tree_of(WIDE).files if "journal" in file.path]


def test_every_healer_knows_itself_and_every_alertmanager_wakes_all_of_them() -> None:
    tree = tree_of(HEALERS)
    for node in ("mon1", "mon2", "mon3"):
        assert text_of(tree, f"{node}/etc/hale/cluster.yml") == HEALERS
        assert f"HALE_NODE={node}\n" in text_of(tree, f"{node}/etc/default/hale-healer")
    assert not [file for file in tree.of("web1").files if file.path == "etc/default/hale-healer"]
    for node in ("mon1", "mon2"):
        receivers = yaml.safe_load(text_of(tree, f"{node}/etc/prometheus/alertmanager.yml"))
        woken = next(r for r in receivers["receivers"] if r["name"] == "healer")["webhook_configs"]
        assert [one["url"] for one in woken] == [
            f"https://10.0.0.{number}:9595/webhook" for number in (11, 12, 13)
        ]
        targets = json.loads(text_of(tree, f"{node}/etc/prometheus/targets/healer.json"))
        assert [one["labels"]["node"] for one in targets] == ["mon1", "mon2", "mon3"]


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert tree_of(TIER).files == tree_of(TIER).files


def test_the_healers_node_gets_the_file_as_it_was_written() -> None:
    text = "# caf\u00e9\r\n" + SOUND
    tree = tree_of(text)
    assert text_of(tree, "mon1/etc/hale/cluster.yml") == text
    assert not [file for file in tree.of("web1").files if file.path.endswith("cluster.yml")]


def test_a_rule_gets_its_for_and_its_links_and_keeps_its_comments() -> None:
    cluster = interpret(WIDE, "c.yml").cluster
    text = rules_yml(cluster, RULES[0])
    service, _, node = yaml.safe_load(text)["groups"][0]["rules"]
    assert service["for"] == "90s"
    assert service["annotations"] == {
        "dashboard_url": "https://grafana.example/d/services",
        "runbook_url": "http://[2001:db8::10]:9595/runbooks/DiskFull",
    }
    assert node["for"] == "1m"
    assert "# Why there is no `for` stays readable." in text


def test_without_dashboards_no_link_leads_nowhere() -> None:
    cluster = interpret(SHORT, "c.yml").cluster
    text = rules_yml(cluster, RULES[0])
    assert "dashboard" not in text
    assert "for:" in text


def test_an_override_replaces_a_for_that_is_there() -> None:
    text = SHORT.replace("nodes: [a]}\n", "nodes: [a], for: {NodeDown: 5s}}\n")
    cluster = interpret(text, "c.yml").cluster
    rules = yaml.safe_load(rules_yml(cluster, RULES[0]))["groups"][0]["rules"]
    assert [rule.get("for") for rule in rules] == [None, None, "5s"]


def test_the_packaged_rules_keep_no_placeholder() -> None:
    cluster = interpret(SHORT, "c.yml").cluster
    for rules in rule_files():
        text = rules_yml(cluster, rules)
        assert "HALE_" not in text
        assert yaml.safe_load(text)["groups"]


NATIVE = [
    ("{restart: always}", "[Service]\nRestart=always\n"),
    ("{wait: 500ms}", "[Service]\nRestartSec=500ms\n"),
    ("{stop: 5s}", "[Service]\nTimeoutStopSec=5s\n"),
    ("{limit: 3, within: 1m}", "[Unit]\nStartLimitIntervalSec=1m\nStartLimitBurst=3\n"),
    (
        "{restart: on-abort, limit: 1, wait: 2s}",
        "[Unit]\nStartLimitBurst=1\n\n[Service]\nRestart=on-abort\nRestartSec=2s\n",
    ),
]


@pytest.mark.parametrize(("asked", "written"), NATIVE)
def test_of_a_units_own_restart_only_what_is_asked_for_is_changed(asked: str, written: str) -> None:
    tree = tree_of(SOUND.replace("group: web,", f"group: web, native_restart: {asked},"))
    assert text_of(tree, "web1/etc/systemd/system/nginx.service.d/hale.conf") == HEADER + written


def test_a_unit_of_which_nothing_is_asked_is_left_as_it_is() -> None:
    assert not [file.place for file in tree_of(SOUND).files if "systemd" in file.path]


@pytest.mark.parametrize(("setting", "seconds"), [("", "1m"), ("  resend_delay: 5s\n", "5s")])
def test_prometheus_repeats_alerts_as_often_as_asked(setting: str, seconds: str) -> None:
    text = SOUND.replace("  deadman:", f"{setting}  deadman:")
    default = text_of(tree_of(text), "mon1/etc/default/prometheus")
    assert f"--rules.alert.resend-delay={seconds} " in default


LISTENING = [
    ("http://10.0.0.10:9191", "10.0.0.10:9191"),
    ("http://127.0.0.1:9191", "127.0.0.1:9191"),
    ("http://prometheus.example/deep", "10.0.0.10:{usual}"),
    ("http://prometheus.example:8080", "10.0.0.10:{usual}"),
    ("https://prometheus.example", "10.0.0.10:{usual}"),
    ("https://10.0.0.10", "10.0.0.10:{usual}"),
    ("http://web1.example", "10.0.0.10:{usual}"),
]


@pytest.mark.parametrize(("url", "listens"), LISTENING)
def test_a_server_listens_where_its_url_says_only_if_that_is_its_own(
    url: str, listens: str
) -> None:
    """Behind a proxy it would otherwise bind port 443, without TLS, and nothing would reach it."""
    text = SOUND.replace(
        "  deadman:", f"  prometheus: {url}\n  alertmanagers: ['{url}']\n  deadman:"
    )
    for program, usual in (("prometheus", 9090), ("prometheus-alertmanager", 9093)):
        default = text_of(tree_of(text), f"mon1/etc/default/{program}")
        assert f"--web.listen-address={listens.format(usual=usual)}" in default


def test_monitoring_nodes_listen_alike() -> None:
    text = WIDE.replace(
        "  dashboards:", '  prometheus: "http://[2001:db8::10]:9191"\n  dashboards:'
    )
    default = text_of(tree_of(text), "mon.b/etc/default/prometheus")
    assert "--web.listen-address=[2001:db8::11]:9191" in default


def test_a_control_node_may_be_looked_at_and_not_restarted() -> None:
    gate = json.loads(text_of(tree_of(SOUND), "mon1/etc/hale/gate.json"))
    assert [unit["restart"] for unit in gate["units"].values()] == [False]


def test_a_node_in_no_group_says_nothing_of_one() -> None:
    text = SOUND.replace("groups:", "  spare: {address: 10.0.0.13}\ngroups:", 1)
    assert "group:" not in text_of(tree_of(text), "spare/etc/hale/exporter.yml")
