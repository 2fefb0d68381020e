"""/etc/prometheus: prometheus.yml, the targets and the program's arguments.

Paths are relative to prometheus.yml, as Prometheus reads them.
https://prometheus.io/docs/prometheus/2.42/configuration/configuration/
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from cluster import listening
from cluster.balancing import METRICS_PORT
from cluster.defaults import HEALER_PORT
from cluster.model import Cluster
from cluster.probe import host_port
from cluster.quantity import duration_text
from cluster.receiving import MonitoringTls
from cluster.sentinels import EXPORTER_PORT as REDIS_EXPORTER_PORT
from cluster.settings import EXPORTER_PORT
from cluster.store import ETCD_METRICS_PORT
from cluster.writing import HEADER, json_text, yaml_text

MAX_SCRAPE_TIMEOUT = 10.0  # Prometheus' own default; a shorter interval needs a shorter one


def jobs(cluster: Cluster) -> tuple[str, ...]:
    """Name the jobs; HAProxy, an etcd of ours and Patroni are some where they are there."""
    return (
        "node",
        "healer",
        "prometheus",
        "alertmanager",
        *(("haproxy",) if any(map(cluster.balances, cluster.nodes)) else ()),
        *(("etcd",) if listening.etcd_members(cluster) else ()),
        *(("redis", "sentinel") if cluster.sentinels else ()),
        *(("patroni",) if cluster.databases else ()),
    )


def prometheus_yml(cluster: Cluster) -> str:
    """Write the configuration. Nothing is relabelled: alerts keep the labels of their targets."""
    monitoring = cluster.monitoring
    return yaml_text(
        {
            "global": {
                "scrape_interval": duration_text(monitoring.scrape_interval),
                "scrape_timeout": duration_text(
                    min(MAX_SCRAPE_TIMEOUT, monitoring.scrape_interval)
                ),
                "evaluation_interval": duration_text(monitoring.evaluation_interval),
                "external_labels": {"cluster": cluster.name},
            },
            "rule_files": ["rules/*.yml"],
            "alerting": {
                "alertmanagers": [
                    _alertmanager(u, monitoring.tls) for u in monitoring.alertmanagers
                ]
            },
            "scrape_configs": [_job(cluster, job) for job in jobs(cluster)],
        }
    )


def _alertmanager(url: str, tls: MonitoringTls | None) -> Mapping[str, Any]:
    end = listening.endpoint(url)
    return {
        "scheme": end.scheme,
        **_shown(tls),
        **({"path_prefix": end.path} if end.path else {}),
        "static_configs": [{"targets": [end.target]}],
    }


def _job(cluster: Cluster, job: str) -> Mapping[str, Any]:
    return {
        "job_name": job,
        **_secured(cluster, job),
        # The healer speaks of other nodes: its own `node` label must not be replaced by the target's.
        **({"honor_labels": True} if job == "healer" else {}),
        # Debian's redis_exporter tells of its Redis by itself, and asks whom it is told to besides.
        **({"metrics_path": "/scrape"} if job == "sentinel" else {}),
        "file_sd_configs": [{"files": [f"targets/{job}.json"]}],
    }


def _shown(tls: MonitoringTls | None) -> Mapping[str, Any]:
    """Write how Prometheus comes to an Alertmanager that asks for a certificate."""
    if tls is None:
        return {}
    trust = {} if tls.ca is None else {"ca_file": tls.ca}
    return {"tls_config": trust | {"cert_file": tls.client_cert, "key_file": tls.client_key}}


def _secured(cluster: Cluster, job: str) -> Mapping[str, Any]:
    asked = cluster.monitoring.tls
    if job == "alertmanager" and asked is not None:
        return {"scheme": "https", **_shown(asked)}
    tls = cluster.healer.tls
    if job != "healer" or tls is None:
        return {}
    trust = {} if tls.ca is None else {"tls_config": {"ca_file": tls.ca}}
    return {"scheme": "https", **trust}


def targets_json(cluster: Cluster, job: str, node: str) -> str:
    """Write one job's targets as the Prometheus on one monitoring node reaches them."""
    monitoring = cluster.monitoring.nodes
    match job:
        case "node":
            return _targets(cluster, cluster.nodes, _at(cluster, EXPORTER_PORT))
        case "healer":
            return _targets(cluster, cluster.healer.nodes, _at(cluster, HEALER_PORT))
        case "haproxy":
            balancers = [node for node in cluster.nodes if cluster.balances(node)]
            return _targets(cluster, balancers, _at(cluster, METRICS_PORT))
        case "etcd":
            return _targets(
                cluster, listening.etcd_members(cluster), _at(cluster, ETCD_METRICS_PORT)
            )
        case "redis" | "sentinel":
            ports = {n: one.sentinel_port for n in cluster.nodes for one in cluster.sentinels_on(n)}
            asked = {
                node: {"__param_target": f"redis://127.0.0.1:{port}"}
                for node, port in ports.items()
            }
            more = asked if job == "sentinel" else {}
            return _targets(cluster, ports, _at(cluster, REDIS_EXPORTER_PORT), more)
        case "patroni":
            return json_text(
                [
                    _target(cluster, node, host_port(cluster.nodes[node].address, database.port))
                    for database in cluster.databases.values()
                    for node in cluster.groups[database.group].nodes
                ]
            )
        case "prometheus":
            listens = listening.prometheus
        case _:
            listens = listening.alertmanager
    reachable = [
        name
        for name in monitoring
        if name == node or not listens(cluster, name).startswith(listening.LOOPBACK)
    ]
    return _targets(cluster, reachable, lambda name: listens(cluster, name))


def _at(cluster: Cluster, port: int) -> Callable[[str], str]:
    return lambda name: host_port(cluster.nodes[name].address, port)


def _targets(
    cluster: Cluster,
    nodes: Iterable[str],
    where: Callable[[str], str],
    more: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> str:
    return json_text(
        [
            _target(cluster, name, where(name), more.get(name, MappingProxyType({})))
            for name in nodes
        ]
    )


def _target(
    cluster: Cluster, node: str, where: str, more: Mapping[str, str] = MappingProxyType({})
) -> Mapping[str, Any]:
    return {
        "targets": [where],
        "labels": {
            "cluster": cluster.name,
            "node": node,
            "group": cluster.first_group(node) or "",
            "failure_domain": cluster.nodes[node].failure_domain,
            **more,
        },
    }


def prometheus_default(cluster: Cluster, node: str) -> str:
    """Write Debian's /etc/default/prometheus."""
    retention = duration_text(cluster.monitoring.retention)
    resend = duration_text(cluster.monitoring.resend_delay)
    arguments = [
        f"--rules.alert.resend-delay={resend}",
        f"--storage.tsdb.retention.time={retention}",
        f"--web.listen-address={listening.prometheus(cluster, node)}",
    ]
    return f'{HEADER}ARGS="{" ".join(arguments)}"\n'
