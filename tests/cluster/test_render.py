"""What is rendered, byte for byte, and what the native tools' own checkers say of it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.load import interpret, read
from cluster.packaged import rule_files
from cluster.quantity import duration_text
from cluster.render import render
from cluster.render.alertmanager import HARDWARE_FOLLOWS
from cluster.render.rules import rules_yml
from cluster.tree import Tree
from cluster.writing import HEADER, yaml_text
from tests.cluster.examples import DATABASE, HEALERS, SHORT, SOUND, TIER, WIDE
from tests.cluster.native import tool
from tests.cluster.rendering import RULES, text_of, tree_of
from tests.test_contract import ALERTS

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


@pytest.mark.parametrize(
    ("change", "waits"),
    [(("mode: act", "mode: act"), True), (("mode: act", "mode: explain"), False)],
)
def test_people_wait_only_where_the_healer_may_act(change: tuple[str, str], waits: bool) -> None:
    text = text_of(tree_of(SOUND.replace(*change)), "mon1/etc/prometheus/alertmanager.yml")
    routes = yaml.safe_load(text)["route"]["routes"]
    assert [r.get("group_wait") for r in routes].count("2m") == (1 if waits else 0)


def test_the_watchdog_goes_to_the_dead_mans_switch_alone() -> None:
    text = text_of(tree_of(SOUND), "mon1/etc/prometheus/alertmanager.yml")
    first = yaml.safe_load(text)["route"]["routes"][0]
    assert first["matchers"] == ['alertname="Watchdog"']
    assert first["receiver"] == "deadman"
    assert "continue" not in first


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_any_text_survives_being_written(text: str) -> None:
    assert yaml.safe_load(yaml_text({"key": [text]})) == {"key": [text]}


def test_writing_leaves_other_files_alone_and_names_those_left_over(tmp_path: Path) -> None:
    tree = tree_of(SOUND)
    tree.write(tmp_path)
    foreign = tmp_path / "web1/etc/hale/old.yml"
    foreign.write_text("kept")
    tree.write(tmp_path)
    assert foreign.read_text() == "kept"
    assert tree.left_over(tmp_path) == ("web1/etc/hale/old.yml",)


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    target = tmp_path / "out/web1/etc/hale/gate.json"
    target.parent.mkdir(parents=True)
    target.symlink_to(victim)
    tree_of(SOUND).write(tmp_path / "out")
    assert victim.read_text() == "precious"
    assert not target.is_symlink()


BARE = "".join(
    line
    for line in SOUND.splitlines(keepends=True)
    if not line.startswith(("  webhook:", "  tls:"))
)
CLIENT_CA = "{client_ca: /etc/hale/ca, cert: /etc/hale/am.crt, key: /etc/hale/am.key}"
TLS = "tls: {cert: /etc/hale/c, key: /etc/hale/k, ca: /etc/hale/ca}"
TRUST = {"ca_file": "/etc/hale/ca"}
SHOWN = {"cert_file": "/etc/hale/am.crt", "key_file": "/etc/hale/am.key"}
BEARER = {"authorization": {"type": "Bearer", "credentials_file": "/etc/hale/t"}}
BASIC = {"basic_auth": {"username": "am", "password_file": "/etc/hale/t"}}


def secured(*lines: str) -> str:
    return BARE.replace("  mode: act\n", "".join(f"  {one}\n" for one in ("mode: act", *lines)))


@pytest.mark.parametrize(
    ("lines", "scheme", "client"),
    [
        ([], "http", None),
        (["webhook: {bearer_file: /etc/hale/t}"], "http", BEARER),
        (["webhook: {basic: {username: am, password_file: /etc/hale/t}}"], "http", BASIC),
        (["tls: {cert: /etc/hale/c, key: /etc/hale/k}"], "https", None),
        ([TLS], "https", {"tls_config": TRUST}),
        ([TLS, f"webhook: {CLIENT_CA}"], "https", {"tls_config": TRUST | SHOWN}),
        ([TLS, "webhook: {bearer_file: /etc/hale/t}"], "https", BEARER | {"tls_config": TRUST}),
    ],
)
def test_alertmanager_and_prometheus_come_as_the_healer_asks_them_to(
    lines: list[str], scheme: str, client: object
) -> None:
    tree = tree_of(secured(*lines))
    receivers = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/alertmanager.yml"))["receivers"]
    (healer,) = next(one for one in receivers if one["name"] == "healer")["webhook_configs"]
    assert healer["url"] == f"{scheme}://10.0.0.10:9595/webhook"
    assert healer.get("http_config") == client
    others = [how for one in receivers for how in one.get("webhook_configs", ()) if how != healer]
    assert others
    assert not any("http_config" in how for how in others), "nobody else gets the secret"
    jobs = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/prometheus.yml"))["scrape_configs"]
    scraped = next(one for one in jobs if one["job_name"] == "healer")
    assert scraped.get("scheme", "http") == scheme
    assert scraped.get("tls_config") == (TRUST if TLS in lines else None)
    assert f"{scheme}://10.0.0.10:9595/runbooks/" in text_of(
        tree, "mon1/etc/prometheus/rules/example.yml"
    )


ASKED = """\
monitoring:
  alertmanagers: ["https://10.0.0.10:9093"]
  tls: {cert: /etc/hale/am, key: /etc/hale/amk, client_ca: /etc/hale/cca, client_cert: /etc/hale/c,
    client_key: /etc/hale/k%s}
"""


@pytest.mark.parametrize("ca", ["", ", ca: /etc/hale/ca"])
def test_an_alertmanager_that_asks_for_certificates_is_shown_one(ca: str) -> None:
    text = SOUND.replace("monitoring:\n", ASKED % ca)
    tree = tree_of(text)
    web = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/alertmanager-web.yml"))
    assert web == {
        "tls_server_config": {
            "cert_file": "/etc/hale/am",
            "key_file": "/etc/hale/amk",
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": "/etc/hale/cca",
        }
    }
    arguments = text_of(tree, "mon1/etc/default/prometheus-alertmanager")
    assert "--web.config.file=/etc/prometheus/alertmanager-web.yml" in arguments
    config = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/prometheus.yml"))
    (sent,) = config["alerting"]["alertmanagers"]
    scraped = next(one for one in config["scrape_configs"] if one["job_name"] == "alertmanager")
    shown = {"cert_file": "/etc/hale/c", "key_file": "/etc/hale/k"}
    for how in (sent, scraped):
        assert how["scheme"] == "https"
        assert how["tls_config"] == shown | ({"ca_file": "/etc/hale/ca"} if ca else {})
    by_default = interpret(
        text.replace('  alertmanagers: ["https://10.0.0.10:9093"]\n', ""), "cluster.yml"
    )
    assert by_default.cluster.monitoring.alertmanagers == ("https://127.0.0.1:9093",)


SHORT_WAY = """\
exporter: {short_way: {repeat: 30s, ca: /etc/hale/ca.crt, cert: /etc/hale/n.crt, key: /etc/hale/n.key}}
"""


@pytest.mark.tools
@pytest.mark.parametrize(
    "text",
    [SOUND, SHORT, TIER, WIDE, SHORT_WAY + HEALERS, secured(TLS, f"webhook: {CLIENT_CA}")],
    ids=range(6),
)
def test_prometheus_and_alertmanager_accept_what_is_written(text: str, tmp_path: Path) -> None:
    loaded = interpret(text, "cluster.yml")
    render(loaded, rule_files()).write(tmp_path)
    for node in loaded.cluster.monitoring.nodes:
        folder = tmp_path / node / "etc/prometheus"
        # Of clients' certificates it would look for the files, which stand on real nodes only.
        how = ["--syntax-only"] if loaded.cluster.monitoring.tls is not None else []
        argv = [tool("promtool"), "check", "config", *how, folder / "prometheus.yml"]
        subprocess.run(argv, check=True)
        subprocess.run([tool("amtool"), "check-config", folder / "alertmanager.yml"], check=True)


# With somebody who takes tickets.
TICKETS = [
    ("alertname=Watchdog severity=info heal=none cluster=tier", "deadman"),
    ("alertname=ServiceDown severity=critical heal=restart-service group=web", "healer,people"),
    ("alertname=PoolMemberDown severity=warning heal=none group=web", "healer,tickets"),
    ("alertname=ExporterDown severity=warning heal=restart-exporter group=web", "healer,tickets"),
    ("alertname=HealerMitigated severity=warning heal=none group=web", "tickets"),
    ("alertname=HealerHolds severity=critical heal=none group=web", "people"),
    ("alertname=NodeDown severity=critical heal=none group=web", "healer,people"),
    ("alertname=Foreign", "healer,people"),
]
ROUTES = [
    ("alertname=Watchdog severity=info heal=none cluster=sound", "deadman"),
    ("alertname=ServiceDown heal=restart-service group=web service=nginx", "healer,people"),
    ("alertname=NodeDown heal=none group=web", "healer,people"),
    ("alertname=DomainLost heal=none failure_domain=rack-b", "healer,people"),
    ("alertname=ExporterDown heal=restart-exporter group=control", "healer,people"),
    ("alertname=HealerHolds heal=none group=web", "people"),
    ("alertname=Context severity=info heal=none", "healer,nobody"),
    ("alertname=Foreign", "healer,people"),
]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("text", "labels", "receivers"),
    [(SOUND, *route) for route in ROUTES]
    + [(TIER, *route) for route in TICKETS]
    + [("exporter: {short_way: {}}\n" + SOUND, *route) for route in ROUTES],
)
def test_an_alert_reaches_those_it_is_for(
    text: str, labels: str, receivers: str, tmp_path: Path
) -> None:
    tree_of(text).write(tmp_path)
    config = tmp_path / "mon1/etc/prometheus/alertmanager.yml"
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={config}"]
    answer = subprocess.run([*command, *labels.split()], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == receivers


def test_the_short_way_is_written_for_every_node_with_the_rules_own_words() -> None:
    tree = render(interpret(SHORT_WAY + HEALERS, "cluster.yml"), rule_files())
    rules = [
        {"name": one["alert"], "labels": one["labels"], "annotations": one["annotations"]}
        for file in ("failures", "services")
        for group in yaml.safe_load(text_of(tree, f"mon1/etc/prometheus/rules/{file}.yml"))[
            "groups"
        ]
        for one in group["rules"]
        if one["alert"] in ("NodeFailing", "ServiceDown")
    ]
    for node in ("mon1", "mon2", "mon3", "web1", "web2"):
        way = yaml.safe_load(text_of(tree, f"{node}/etc/hale/exporter.yml"))["short_way"]
        assert way == {
            "alertmanagers": ["https://10.0.0.11:9093", "https://10.0.0.12:9093"],
            "tls": {"ca": "/etc/hale/ca.crt", "cert": "/etc/hale/n.crt", "key": "/etc/hale/n.key"},
            "repeat": "30s",
            "rules": rules,
        }
    assert len(rules) == 2


def test_without_it_nothing_is_posted_and_every_group_waits() -> None:
    tree = tree_of(HEALERS)
    assert "short_way" not in text_of(tree, "web1/etc/hale/exporter.yml")
    assert "routes" not in waking(tree)
    assert waking(tree_of(SHORT_WAY + HEALERS))["routes"] == [
        {
            "receiver": "healer",
            "matchers": ['alertname=~"ServiceDown|NodeFailing"'],
            "group_wait": "0s",
        }
    ]


def waking(tree: Tree) -> dict[str, Any]:
    """The route that wakes the healer."""
    routes = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/alertmanager.yml"))["route"]
    found: dict[str, Any] = next(
        one for one in routes["routes"] if one["receiver"] == "healer" and one.get("continue")
    )
    return found


def test_each_file_system_of_a_node_is_told_by_itself() -> None:
    routes = yaml.safe_load(text_of(tree_of(TIER), "mon1/etc/prometheus/alertmanager.yml"))["route"]
    # What is grouped waits for the group's interval, and is over when all of it is.
    own = [r for r in routes["routes"] if r.get("matchers") == ['alertname=~"Healer.*"']]
    assert "mountpoint" in routes["group_by"]
    assert ["group_by" in route for route in own] == [False]


def test_dead_nodes_come_as_one_page_and_tickets_wait_for_a_ladder_as_pages_do() -> None:
    routes = yaml.safe_load(text_of(tree_of(TIER), "mon1/etc/prometheus/alertmanager.yml"))["route"]
    lost = ['alertname=~"DomainLost|NodeDown"']
    nodes = next(r for r in routes["routes"] if r.get("matchers") == lost)
    assert nodes["group_by"] == ["cluster"]
    assert nodes["group_wait"] == "40s"  # one wait, one scrape and one evaluation
    tickets = next(r for r in routes["routes"] if r["receiver"] == "tickets")
    assert [route["group_wait"] for route in tickets["routes"]] == ["0s", "2m", "2m"]


@pytest.mark.parametrize(
    ("source", "node", "receiver"), [(TIER, "mon1", "tickets"), (WIDE, "010", "people")]
)
def test_what_a_node_tells_of_its_hardware_is_one_ticket(
    source: str, node: str, receiver: str
) -> None:
    text = text_of(tree_of(source), f"{node}/etc/prometheus/alertmanager.yml")
    routes = yaml.safe_load(text)["route"]["routes"]
    found = [one for one in (*routes, *nested(routes)) if "NodeFailing" in str(one.get("matchers"))]
    (ticket,) = (one for one in found if one["receiver"] == receiver)
    assert ticket["group_by"] == ["cluster", "node"]
    assert ticket["matchers"] == ['alertname=~"NodeFailing|HardwareFailing"']
    (hardware,) = (alert for alert in ALERTS if alert.name == "HardwareFailing")
    assert hardware.wait == duration_text(HARDWARE_FOLLOWS)


def test_the_ticket_waits_for_as_long_as_cluster_yml_lets_the_second_alert_wait() -> None:
    text = SHORT.replace("nodes: [a]}\n", "nodes: [a], for: {HardwareFailing: 10m}}\n")
    config = yaml.safe_load(text_of(tree_of(text), "a/etc/prometheus/alertmanager.yml"))
    routes = config["route"]["routes"]
    found = [one for one in (*routes, *nested(routes)) if "NodeFailing" in str(one.get("matchers"))]
    # One scrape and one evaluation later Alertmanager has heard of it.
    assert [one["group_wait"] for one in found if one["receiver"] == "people"] == ["630s"]


def nested(routes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in routes:
        yield from one.get("routes", [])
