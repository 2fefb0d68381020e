"""/etc/prometheus/rules/cluster.yml: what the rules must know of this cluster, as constants.

The label `cluster` is written out, since Prometheus adds it to alerts only when it sends them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.model import Cluster
from cluster.writing import number, yaml_text

CONSTANTS = "cluster.yml"


def constants_yml(cluster: Cluster) -> str:
    """Write a recording rule for each number. Control groups are left out: nothing of theirs is ever spared."""
    rules = [_rule(cluster, *constant) for constant in _constants(cluster)]
    return yaml_text({"groups": [{"name": "hale-cluster", "rules": rules}]})


def _constants(cluster: Cluster) -> Iterator[tuple[str, float, Mapping[str, str]]]:
    for group in cluster.groups.values():
        if not group.control:
            yield "hale:group_min_available", group.min_available, {"group": group.name}
            yield "hale:group_nodes", len(group.nodes), {"group": group.name}
    for address in cluster.virtual_addresses.values():
        labels = {"address": address.address, "group": address.group}
        yield "hale:virtual_address_info", 1, labels
    for pool in cluster.pools.values():
        yield "hale:pool_info", 1, {"pool": pool.name, "group": pool.members}
    yield "hale:availability_objective", cluster.monitoring.objective, {}


def _rule(
    cluster: Cluster, record: str, value: float, labels: Mapping[str, str]
) -> Mapping[str, Any]:
    return {
        "record": record,
        "expr": f"vector({number(value)})",
        "labels": {"cluster": cluster.name, **labels},
    }
