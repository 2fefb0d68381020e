"""What a short cluster.yml leaves out because the rest of it says so.

Rule: only absent keys are filled in; whatever is written stays, right or wrong, for the
validation to judge.
"""

from collections.abc import Mapping

from cluster.document import Value
from cluster.fields import is_address
from cluster.ladder import DEFAULT_LADDERS
from cluster.probe import host_port

HEALER_PORT = 9595
PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093

# Filled in here, so an editor's schema may not ask for them.
FILLED: Mapping[str, tuple[str, ...]] = {
    "Cluster": ("ladders",),
    "Group": ("min_available",),
    "Healer": ("external_url",),
    "Monitoring": ("prometheus", "alertmanagers"),
}

# Their entries are named by their keys.
NAMED = ("nodes", "groups", "services", "virtual_addresses", "pools", "ladders")


def complete(value: Mapping[str, Value]) -> dict[str, Value]:
    """Return the document with names, default ladders and derived addresses filled in.

    Any part that is not shaped as it should be is passed on untouched.
    """
    result = dict(value)
    ladders = value.get("ladders", {})
    if isinstance(ladders, dict):
        result["ladders"] = {**_plain(DEFAULT_LADDERS), **ladders}
    if isinstance(groups := value.get("groups"), dict):
        result["groups"] = {name: _group(group) for name, group in groups.items()}
    for block in NAMED:
        if isinstance(entries := result.get(block), dict):
            result[block] = {name: _named(name, entry) for name, entry in entries.items()}
    addresses = _addresses(value.get("nodes"))
    if isinstance(healer := value.get("healer"), dict):
        result["healer"] = _healer(healer, addresses)
    if isinstance(monitoring := value.get("monitoring"), dict):
        node = healer.get("node") if isinstance(healer, dict) else None
        result["monitoring"] = _monitoring(monitoring, addresses, node)
    return result


def _plain(value: object) -> dict[str, Value]:
    """Copy the default ladders' mappings into plain ones."""
    return (
        {name: dict(ladder) for name, ladder in value.items()} if isinstance(value, Mapping) else {}
    )


def _named(name: str, entry: Value) -> Value:
    # A `name` that someone wrote stays in sight: load refuses it by its place in the file.
    return {**entry, "name": name} if isinstance(entry, dict) else entry


def _group(group: Value) -> Value:
    if not isinstance(group, dict) or not isinstance(nodes := group.get("nodes"), list):
        return group
    control = group.get("role") == "control"
    return {"min_available": len(nodes) if control else max(0, len(nodes) - 1), **group}


def _addresses(nodes: Value) -> dict[str, str]:
    """Return the addresses that can be used, by node; the model reports the others."""
    if not isinstance(nodes, dict):
        return {}
    found = {n: node.get("address") for n, node in nodes.items() if isinstance(node, dict)}
    return {n: text for n, text in found.items() if isinstance(text, str) and is_address(text)}


def _healer(healer: dict[str, Value], addresses: Mapping[str, str]) -> dict[str, Value]:
    node = healer.get("node")
    if not isinstance(node, str) or node not in addresses:
        # The real mistake is the node's and reported there; a second one here would only confuse.
        return {"external_url": "http://unknown", **healer}
    return {"external_url": f"http://{host_port(addresses[node], HEALER_PORT)}", **healer}


def _monitoring(
    monitoring: dict[str, Value], addresses: Mapping[str, str], healer_node: Value
) -> dict[str, Value]:
    nodes = monitoring.get("nodes")
    names = [n for n in nodes if isinstance(n, str)] if isinstance(nodes, list) else []
    if len(names) == 1 and names[0] == healer_node:
        # All on one node: nothing needs to listen beyond its loopback.
        hosts = ["127.0.0.1"]
    else:
        hosts = [addresses.get(name, "unknown") for name in names] or ["unknown"]
    own = addresses.get(healer_node) if isinstance(healer_node, str) else None
    near = own if own in hosts else hosts[0]
    return {
        "prometheus": f"http://{host_port(near, PROMETHEUS_PORT)}",
        "alertmanagers": [f"http://{host_port(host, ALERTMANAGER_PORT)}" for host in hosts],
        **monitoring,
    }
