"""What the healer reads out of cluster.yml."""

from pathlib import Path

import pytest

from cluster.load import interpret, loads
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.journal_copies import CopiesSettings
from healer.adapters.journal_file import StoreSettings
from healer.adapters.probes import HttpProbe, TcpProbe
from healer.adapters.second_path import ByCommand, ByUrl
from healer.adapters.senders import ByBasic, ByBearer, ByCertificate
from healer.adapters.tls_files import TlsFiles
from healer.core.alert import Target
from healer.core.ladder import Mode, Verification, Window
from healer.core.maintenance import Maintenance
from healer.core.topology import UNKNOWN_DOMAIN, Service, Stores
from healer.errors import ConfigError
from healer.settings import of_cluster, read, read_as
from tests.cluster.examples import HEALERS, SHORT

FIRST = Path(__file__).parents[3] / "scenarios/first/cluster.yml"


def test_the_first_scenario_is_read_whole():
    settings = read(FIRST)
    topology = settings.topology
    assert (topology.cluster, topology.own_node) == ("first", "mon1")
    assert topology.groups["control"].control
    assert topology.groups["control"].mode is Mode.EXPLAIN
    assert topology.groups["web"].min_available == 1
    assert topology.groups["web"].mode is Mode.ACT
    rung = topology.ladders["restart-service"].rungs[0]
    assert (rung.action, rung.fast, rung.attempts, rung.wait_seconds) == (
        "service.restart",
        True,
        2,
        5,
    )
    assert rung.verify == Verification("hale_service_up", 1.0, 20.0, 3.0)
    assert topology.ladders["restart-exporter"].rungs[0].service == "hale-exporter"
    assert (topology.numbers.owner_settled, topology.numbers.flapping) == (1.0, 5)
    assert settings.store == StoreSettings(
        Path("/var/lib/hale-healer/journal.db"), 4 * 1024 * 1024, 10.0
    )
    assert settings.ssh.addresses["web1"] == ("10.77.0.11", 22)
    monitoring = loads(FIRST.read_text()).monitoring
    assert settings.prometheus.url == monitoring.prometheus
    assert settings.alertmanagers == monitoring.alertmanagers
    assert settings.second_path == ByUrl("http://10.77.0.1:9599/second-path")
    assert settings.probes == {
        Target(node, "nginx"): HttpProbe(f"http://10.77.0.1{number}:80/", 200, 0.5)
        for number, node in ((1, "web1"), (2, "web2"))
    }


def test_the_copies_of_journals_are_looked_for_on_the_first_monitoring_node():
    assert read(FIRST).copies is None
    cluster = loads(HEALERS)
    here, there = (of_cluster(cluster, node).copies for node in ("mon1", "mon3"))
    assert here == CopiesSettings("/var/log/journal/remote", "mon1", "mon1")
    assert there == CopiesSettings("/var/log/journal/remote", "mon1", "mon3")


def test_a_store_in_etcd_is_read_whole():
    text = FIRST.read_text().replace(
        "store: {sqlite: /var/lib/hale-healer/journal.db, reserve: 4MiB, lease: 10s}",
        """store:
    etcd:
      endpoints: ["https://10.77.0.1:2379/", "https://10.77.0.2:2379"]
      user: hale
      password_file: /etc/hale/etcd-password
      ca: /etc/hale/ca.pem
      cert: /etc/hale/healer.pem
      key: /etc/hale/healer.key""",
    )
    assert of_cluster(loads(text)).store == EtcdSettings(
        endpoints=("https://10.77.0.1:2379", "https://10.77.0.2:2379"),
        prefix="/hale",
        cluster="first",
        history=Path("/var/lib/hale-healer/history.db"),
        lease_seconds=5.0,
        user="hale",
        password_file=Path("/etc/hale/etcd-password"),
        ca=Path("/etc/hale/ca.pem"),
        cert=Path("/etc/hale/healer.pem"),
        key=Path("/etc/hale/healer.key"),
    )


@pytest.mark.parametrize("node", [None, "mon1"])
def test_the_only_healer_knows_itself_with_and_without_being_told(node):
    assert read_as(FIRST, node).topology.own_node == "mon1"


def test_a_node_that_cluster_yml_gives_no_healer_gets_none():
    with pytest.raises(ConfigError, match=r"no healer runs on 'web1'\. Known: mon1"):
        read_as(FIRST, "web1")


def test_of_several_healers_one_is_who_it_is_told_or_how_its_machine_is_called(tmp_path):
    path = tmp_path / "cluster.yml"
    text = FIRST.read_text().replace("  node: mon1\n", "  nodes: [mon1, web1, web2]\n")
    text = text.replace(
        "{nodes: [mon1], role: control}", "{nodes: [mon1, web1, web2], role: control}"
    )
    etcd = "store: {etcd: {endpoints: ['https://10.77.0.10:2379']}, lease: 5s}"
    before = "store: {sqlite: /var/lib/hale-healer/journal.db, reserve: 4MiB, lease: 10s}"
    path.write_text(text.replace(before, etcd))
    assert read_as(path, "web1", "web2").topology.own_node == "web1"
    assert read_as(path, None, "web2.example.net").topology.own_node == "web2"
    assert (read_as(path, "web2").leader, read_as(FIRST, "mon1").leader) == ("web2", "")
    with pytest.raises(ConfigError, match="there are 3 healers"):
        read_as(path, None, "elsewhere")


def test_what_the_guards_need_to_know_is_read():
    text = FIRST.read_text()
    text = text.replace("    config_check: ", "    stores: only_copy\n    config_check: ")
    text = text.replace("web: {nodes: [web1, web2],", "web: {nodes: [web1, web2], votes: true,")
    text = text.replace(", failure_domain: rack-c", "")
    storm = "no_storm: {share: 0.4, targets: 2, domains: 1, window: 1m, calm: 10s}"
    topology = of_cluster(loads(text.replace("  guards:\n", f"  guards:\n    {storm}\n"))).topology
    assert topology.services["nginx"].stores is Stores.ONLY_COPY
    assert (topology.groups["web"].votes, topology.groups["control"].votes) == (True, False)
    assert topology.nodes["web2"].failure_domain == UNKNOWN_DOMAIN
    numbers = topology.numbers
    assert (numbers.storm_share, numbers.storm_targets, numbers.storm_domains) == (0.4, 2, 1)
    assert (numbers.storm_window, numbers.storm_calm) == (60, 10)


def test_maintenance_windows_are_read_with_their_nodes_hours_and_bounds():
    text = (
        FIRST.read_text()
        + """
time_zone: Europe/Vienna
maintenance:
  kernel: {reason: new kernel, groups: [web], days: [sat, sun], hours: "22:00-06:00"}
  move: {reason: moving, nodes: [web1], groups: [control], starts: 2027-01-15T08:00:00Z, ends: 2027-01-15T09:00:00Z}
  all: {reason: no more}
"""
    )
    topology = of_cluster(loads(text)).topology
    night = Window("kernel", frozenset({5, 6}), 22 * 60, 6 * 60)
    always = Window("move", frozenset(range(7)), 0, 24 * 60)
    kernel, move, whole = topology.maintenance
    assert kernel == Maintenance(
        "kernel", "new kernel", "group web", frozenset({"web1", "web2"}), night
    )
    assert move == Maintenance(
        *("move", "moving", "web1, group control", frozenset({"mon1", "web1"}), always),
        starts=1_800_000_000.0,
        ends=1_800_003_600.0,
    )
    assert (whole.about, whole.nodes) == ("the whole cluster", set(topology.nodes))
    assert topology.maintained(1_800_000_000.0) == (move, whole)
    assert topology.maintained(1_800_000_000.0 + 15 * 3600) == (whole,)  # Saturday 00:00 there
    assert topology.maintained(1_800_000_000.0 + 38 * 3600) == (kernel, whole)  # 23:00


def test_a_failure_domain_is_what_its_nodes_name_or_what_the_file_says_that_they_share():
    wide = "failure_domains: {feed: {nodes: [web1, web2]}}\ngroups:\n"
    topology = of_cluster(loads(FIRST.read_text().replace("groups:\n", wide, 1))).topology
    assert topology.nodes_in("feed") == {"web1", "web2"}
    assert topology.nodes_in("rack-b") == frozenset()  # one node
    assert topology.knows(Target("", domain="feed"))


def test_the_node_of_each_alertmanager_is_known_where_it_is_one_of_ours():
    text = FIRST.read_text()
    there = '["http://MON1:9093/", "https://am.example.org", "http://127.0.0.1:9094"]'
    address = loads(text).nodes["mon1"].address
    line = 'alertmanagers: ["http://127.0.0.1:9093"]'
    assert line in text
    named = text.replace(line, f"alertmanagers: {there.replace('MON1', address)}")
    assert of_cluster(loads(named)).topology.alertmanagers == {f"http://{address}:9093": "mon1"}


def test_every_node_has_the_exporter_and_no_group_misses_it():
    topology = read(FIRST).topology
    exporter = Service("hale-exporter", "hale-exporter.service", None)
    for node in topology.nodes:
        assert topology.services_on(node)["hale-exporter"] == exporter


def test_the_digest_changes_with_what_is_declared_and_not_with_comments():
    text = FIRST.read_text()
    digests = {
        of_cluster(loads(version)).topology.digest
        for version in (text, text + "\n# a comment\n", text.replace("attempts: 2", "attempts: 3"))
    }
    assert len(digests) == 2


def probe_of(line):
    text = FIRST.read_text()
    start = text.index("    probe: ")
    end = text.index("\n", start)
    return of_cluster(loads(text[:start] + f"    probe: {line}" + text[end:]))


@pytest.mark.parametrize(
    ("declared", "from_outside"),
    [
        ('{tcp: "{address}:5432", timeout: 1s}', TcpProbe("10.77.0.11", 5432, 1.0)),
        ('{http: "http://127.0.0.1:80/"}', None),
        ('{http: "http://localhost:80/"}', None),
        ('{tcp: "127.0.0.1:80"}', None),
        ("{command: [/bin/true]}", None),
    ],
)
def test_only_a_probe_that_reaches_the_node_from_outside_counts(declared, from_outside):
    assert probe_of(declared).probes.get(Target("web1", "nginx")) == from_outside


def test_a_second_path_by_command_and_none_at_all():
    text = FIRST.read_text()
    line = '  escalate: {url: "http://10.77.0.1:9599/second-path"}\n'
    by_command = text.replace(line, "  escalate: {command: [/usr/bin/page, --now]}\n")
    assert of_cluster(loads(by_command)).second_path == ByCommand(("/usr/bin/page", "--now"))
    assert of_cluster(loads(text.replace(line, ""))).second_path is None


def test_a_wrong_file_is_a_configuration_error_with_its_place(tmp_path):
    broken = tmp_path / "cluster.yml"
    broken.write_text(
        FIRST.read_text().replace("min_available: 1", "min_available: 1, colour: red")
    )
    with pytest.raises(ConfigError, match=r"cluster\.yml:\d+:\d+: .*colour"):
        read(broken)
    with pytest.raises(ConfigError, match="missing"):
        read(tmp_path / "missing.yml")


def test_how_often_alertmanagers_are_read_and_the_second_path_is_tested_are_passed_on():
    text = FIRST.read_text()
    ours = of_cluster(loads(text))
    assert (ours.resync_seconds, ours.second_path_test_seconds) == (2.0, 86400.0)
    line = '  escalate: {url: "http://10.77.0.1:9599/second-path"}\n'
    often = (
        '  escalate: {url: "http://10.77.0.1:9599/second-path", test_every: 12h}\n  resync: 5s\n'
    )
    ours = of_cluster(loads(text.replace(line, often)))
    assert (ours.resync_seconds, ours.second_path_test_seconds) == (5.0, 43200.0)
    assert of_cluster(loads(text.replace(line, ""))).second_path_test_seconds == 0.0


SENDERS = [
    ("mode: act", None, None),
    ("webhook: {bearer_file: /etc/hale/t}", ByBearer(Path("/etc/hale/t")), None),
    (
        "webhook: {basic: {username: am, password_file: /etc/hale/t}}",
        ByBasic("am", Path("/etc/hale/t")),
        None,
    ),
    (
        "tls: {cert: /c, key: /k}\n  webhook: {client_ca: /ca, cert: /am.crt, key: /am.key}",
        ByCertificate(),
        TlsFiles(Path("/c"), Path("/k"), Path("/ca")),
    ),
    (
        "tls: {cert: /c, key: /k, ca: /ca}\n  webhook: {bearer_file: /t}",
        ByBearer(Path("/t")),
        TlsFiles(Path("/c"), Path("/k")),
    ),
]


@pytest.mark.parametrize(("lines", "senders", "tls"), SENDERS)
def test_who_may_post_and_with_what_certificate(lines, senders, tls):
    text = SHORT.replace("healer: {node: a}", f"healer:\n  node: a\n  {lines}")
    settings = of_cluster(interpret(text, "cluster.yml").cluster)
    assert (settings.senders, settings.tls) == (senders, tls)
