"""/etc/prometheus/rules/cluster.yml: what the rules must know of this cluster, as constants.

The label `cluster` is written out, since Prometheus adds it to alerts only when it sends them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.backups import Backup
from cluster.model import Cluster
from cluster.stanzas import DatabaseBackup
from cluster.writing import number, yaml_text

CONSTANTS = "cluster.yml"


def constants_yml(cluster: Cluster) -> str:
    """Write a recording rule for each number."""
    rules = [_rule(cluster, *constant) for constant in _constants(cluster)]
    return yaml_text({"groups": [{"name": "hale-cluster", "rules": rules}]})


def _constants(cluster: Cluster) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    for group in cluster.groups.values():
        yield "hale:group_min_available", group.min_available, {"group": group.name}
        yield "hale:group_nodes", len(group.nodes), {"group": group.name}
        for name in group.nodes:
            yield "hale:group_member_info", 1, _member(cluster, group.name, name)
    for domain, nodes in cluster.domain_nodes.items():
        for name in nodes:
            yield "hale:failure_domain_member_info", 1, {"failure_domain": domain, "node": name}
    for address in cluster.virtual_addresses.values():
        labels = {"address": address.address, "group": address.group}
        yield "hale:virtual_address_info", 1, labels
    for pool in cluster.pools.values():
        yield "hale:pool_info", 1, {"pool": pool.name, "group": pool.members}
    for service in cluster.services.values():
        if service.exclusive:
            labels = {"service": service.name, "group": service.group}
            yield "hale:exclusive_service_info", 1, labels
    for name in cluster.nodes:
        if cluster.fencing_hosts(name) and any(one.exclusive for one in cluster.services_on(name)):
            yield "hale:fencing_info", 1, {"node": name}
    for database in cluster.databases.values():
        labels = {"database": database.name, "scope": database.called, "group": database.group}
        yield "hale:database_info", 1, labels | {"service": database.service}
    yield from _resources(cluster)
    for node in cluster.nodes:
        for one in cluster.backups_on(node):
            yield from _backup(cluster, node, one)
        for database, stanza in cluster.stanzas_on(node):
            labels = {"node": node, "backup": database.name}
            yield from _promises(stanza, labels)
            yield "hale:backup_database_info", 1, {**labels, "database": database.name}
    yield "hale:availability_objective", cluster.monitoring.objective, {}


def _resources(cluster: Cluster) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    """Yield each resource of Pacemaker for each node that may run it."""
    for one in cluster.pacemakers.values():
        for resource, service in one.resources.items():
            for name in cluster.groups[one.group].nodes:
                labels = {"resource": resource, "service": service}
                yield "hale:pacemaker_resource_info", 1, _member(cluster, one.group, name) | labels


def _backup(
    cluster: Cluster, node: str, one: Backup
) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    """Yield what is promised of a backup, and whose files it is of where a gate may put them back."""
    labels = {"node": node, "backup": one.name}
    yield from _promises(one, labels)
    # All is read within `parts` checks; one may come late.
    whole = (one.check.parts + 1) * one.check.schedule.gap
    yield "hale:backup_check_period_seconds", whole, labels
    if one.restore and one.service is not None:
        group = cluster.services[one.service].group
        yield "hale:backup_info", 1, {**labels, "service": one.service, "group": group}


def _promises(
    one: Backup | DatabaseBackup, labels: Mapping[str, str]
) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    yield "hale:backup_recovery_point_seconds", one.recovery_point, labels
    yield "hale:backup_recovery_time_seconds", one.recovery_time, labels
    if one.drill is not None:
        yield "hale:backup_drill_period_seconds", one.drill.period, labels


def _member(cluster: Cluster, group: str, node: str) -> dict[str, str]:
    """Return the labels of one node in one group. A target has only its node's first group."""
    return {
        "group": group,
        "node": node,
        "failure_domain": cluster.nodes[node].failure_domain,
    }


def _rule(
    cluster: Cluster, record: str, value: float, labels: Mapping[str, str]
) -> Mapping[str, Any]:
    return {
        "record": record,
        "expr": f"vector({number(value)})",
        "labels": {"cluster": cluster.name, **labels},
    }
