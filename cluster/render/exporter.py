"""/etc/hale/exporter.yml: what a node's exporter is told (docs/contracts.md)."""

from collections.abc import Mapping
from typing import Any

from cluster.model import Cluster, Service
from cluster.packaged import Posted
from cluster.probe import Probe, host_port
from cluster.quantity import duration_text
from cluster.settings import EXPORTER_PORT
from cluster.writing import yaml_text


def exporter_yml(
    cluster: Cluster, node: str, peers: tuple[str, ...], rules: tuple[Posted, ...] = ()
) -> str:
    """Write the configuration of one node's exporter.

    Args:
        cluster: Which one.
        node: Whose exporter.
        peers: The nodes that it watches.
        rules: What goes the short way, if anything does.
    """
    group = cluster.first_group(node)
    return yaml_text(
        {
            "cluster": cluster.name,
            "node": node,
            **({"group": group} if group else {}),
            "failure_domain": cluster.nodes[node].failure_domain,
            "services": [_service(cluster, s, node) for s in cluster.services_on(node)],
            "peers": [
                {
                    "node": peer,
                    "address": host_port(cluster.nodes[peer].address, EXPORTER_PORT),
                }
                for peer in peers
            ],
            "peer_interval": duration_text(cluster.exporter.peer_interval),
            **_addresses(cluster, node),
            **_short_way(cluster, node, rules),
        }
    )


def _short_way(cluster: Cluster, node: str, rules: tuple[Posted, ...]) -> Mapping[str, Any]:
    """Return where alerts are posted, where cluster.yml asks for it.

    A node cannot tell whether what only one may run is down, or runs elsewhere: there ServiceDown is Prometheus' alone.
    """
    way = cluster.exporter.short_way
    if way is None:
        return {}
    files = {"ca": way.ca, "cert": way.cert, "key": way.key}
    shown = {name: file for name, file in files.items() if file is not None}
    return {
        "short_way": {
            "alertmanagers": list(cluster.monitoring.alertmanagers),
            **({"tls": shown} if shown else {}),
            "repeat": duration_text(way.repeat),
            "rules": [
                {"name": rule.name, "labels": rule.labels, "annotations": rule.annotations}
                for rule in rules
                if rule.name != "ServiceDown"
                or not any(one.exclusive for one in cluster.services_on(node))
            ],
        }
    }


def _addresses(cluster: Cluster, node: str) -> Mapping[str, Any]:
    """Return what only a candidate is told."""
    addresses = [
        {
            "name": address.name,
            "address": address.address,
            "interface": address.interface,
            "group": address.group,
            "router_id": address.router_id,
        }
        for address in cluster.addresses_on(node)
    ]
    return {"virtual_addresses": addresses} if addresses else {}


def _service(cluster: Cluster, service: Service, node: str) -> Mapping[str, Any]:
    probe = cluster.probe_for(service, node)
    return {
        "name": service.name,
        "unit": service.unit,
        "group": service.group,
        **({"probe": _probe(probe)} if probe else {}),
        **({"certificates": list(service.certificates)} if service.certificates else {}),
        **({"packages": list(service.packages)} if service.packages else {}),
    }


def _probe(probe: Probe) -> Mapping[str, Any]:
    if probe.http is not None:
        way: Mapping[str, Any] = {"http": probe.http, "status": probe.status}
    elif probe.tcp is not None:
        way = {"tcp": probe.tcp}
    elif probe.tls is not None:
        way = {"tls": probe.tls}
    else:
        way = {"command": list(probe.command or ())}
    return {
        **way,
        "interval": duration_text(probe.interval),
        "timeout": duration_text(probe.timeout),
        "fall": probe.fall,
    }
