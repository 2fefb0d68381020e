"""What native tools need, written from one cluster.yml: the same bytes for the same file.

Rule: one module per tool; they do not import each other, and none touches the disk.
"""

from collections.abc import Iterator

from cluster.load import Loaded
from cluster.packaged import RuleFile
from cluster.peers import peers
from cluster.render.alertmanager import (
    WEB,
    alertmanager_default,
    alertmanager_web,
    alertmanager_yml,
)
from cluster.render.backup import backup_files
from cluster.render.constants import CONSTANTS, constants_yml
from cluster.render.etcd import etcd_files
from cluster.render.exporter import exporter_yml
from cluster.render.gate import gate_json, sshd_conf
from cluster.render.haproxy import haproxy_files
from cluster.render.healer import healer_default
from cluster.render.journal import journal_files
from cluster.render.keepalived import keepalived_files
from cluster.render.patroni import patroni_files
from cluster.render.pgbackrest import pgbackrest_files
from cluster.render.prometheus import jobs, prometheus_default, prometheus_yml, targets_json
from cluster.render.redis import redis_files
from cluster.render.rules import posted, rules_yml
from cluster.render.systemd import restart_conf
from cluster.tree import File, Tree


def render(loaded: Loaded, rules: tuple[RuleFile, ...]) -> Tree:
    """Return every file of every node.

    Args:
        loaded: A cluster and the text that it came from.
        rules: The packaged rules, as `cluster.packaged.rule_files` reads them.
    """
    cluster = loaded.cluster
    watched = peers(cluster)
    short = posted(cluster, rules)
    files: list[File] = []
    for node in cluster.nodes:
        found = [("etc/hale/exporter.yml", exporter_yml(cluster, node, watched[node], short))]
        found += _gate(loaded, node)
        found += _units(loaded, node)
        found += keepalived_files(cluster, node)
        found += haproxy_files(cluster, node)
        found += etcd_files(cluster, node)
        found += patroni_files(cluster, node)
        found += journal_files(cluster, node)
        found += backup_files(cluster, node)
        found += pgbackrest_files(cluster, node)
        found += redis_files(cluster, node)
        if node in cluster.healer.nodes:
            found.append(("etc/hale/cluster.yml", loaded.document.source))
            found.append(("etc/default/hale-healer", healer_default(node)))
        if node in cluster.monitoring.nodes:
            found += _monitoring(loaded, node, rules)
        files += [File(node, path, text) for path, text in found]
    return Tree(files)


def _gate(loaded: Loaded, node: str) -> Iterator[tuple[str, str]]:
    yield "etc/hale/gate.json", gate_json(loaded.cluster, node)
    yield "etc/ssh/sshd_config.d/hale-gate.conf", sshd_conf()


def _units(loaded: Loaded, node: str) -> Iterator[tuple[str, str]]:
    for service in loaded.cluster.services_on(node):
        if service.native_restart is not None:
            path = f"etc/systemd/system/{service.unit}.d/hale.conf"
            yield path, restart_conf(service.native_restart)


def _monitoring(
    loaded: Loaded, node: str, rules: tuple[RuleFile, ...]
) -> Iterator[tuple[str, str]]:
    cluster = loaded.cluster
    yield "etc/prometheus/prometheus.yml", prometheus_yml(cluster)
    for job in jobs(cluster):
        yield f"etc/prometheus/targets/{job}.json", targets_json(cluster, job, node)
    for file in rules:
        yield f"etc/prometheus/rules/{file.name}", rules_yml(cluster, file)
    yield f"etc/prometheus/rules/{CONSTANTS}", constants_yml(cluster)
    yield "etc/prometheus/alertmanager.yml", alertmanager_yml(cluster)
    if (web := alertmanager_web(cluster)) is not None:
        yield WEB, web
    yield "etc/default/prometheus", prometheus_default(cluster, node)
    yield "etc/default/prometheus-alertmanager", alertmanager_default(cluster, node)
