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
_NOWHERE = "http://unknown"

# Filled in here, so an editor's schema may not ask for them.
FILLED: Mapping[str, tuple[str, ...]] = {
    "Cluster": ("ladders",),
    "Group": ("min_available",),
    "Healer": ("nodes", "external_url"),
    "Monitoring": ("prometheus", "alertmanagers"),
}

# Their entries are named by their keys.
NAMED = (
    *("nodes", "failure_domains", "power", "groups", "services", "virtual_addresses", "pools"),
    *("databases", "sentinels", "pacemakers", "backups", "windows", "maintenance", "ladders"),
)


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
        healers = _healers(healer) if isinstance(healer, dict) else []
        result["monitoring"] = _monitoring(monitoring, addresses, healers)
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


def _healers(healer: dict[str, Value]) -> list[str]:
    """Name the nodes that healers run on, as far as they are written as names."""
    written = healer["nodes"] if "nodes" in healer else [healer.get("node")]
    return [n for n in written if isinstance(n, str)] if isinstance(written, list) else []


def _healer(healer: dict[str, Value], addresses: Mapping[str, str]) -> dict[str, Value]:
    # The real mistake is the node's and reported there; a second one here would only confuse.
    first = next(iter(_healers(healer)), "")
    scheme = "http" if healer.get("tls") is None else "https"
    known = first in addresses
    url = f"{scheme}://{host_port(addresses[first], HEALER_PORT)}" if known else _NOWHERE
    filled: dict[str, Value] = {"external_url": url}
    if "node" in healer:
        filled["nodes"] = [first if first in addresses else "unknown"]
    return {**filled, **healer}


def _monitoring(
    monitoring: dict[str, Value], addresses: Mapping[str, str], healers: list[str]
) -> dict[str, Value]:
    nodes = monitoring.get("nodes")
    names = [n for n in nodes if isinstance(n, str)] if isinstance(nodes, list) else []
    if len(names) == 1 and names == healers:
        # All on one node: nothing needs to listen beyond its loopback.
        hosts = ["127.0.0.1"]
    else:
        hosts = [addresses.get(name, "unknown") for name in names] or ["unknown"]
    # Several healers read one file, so what is near to one of them is no better than the first.
    own = addresses.get(healers[0]) if len(healers) == 1 else None
    near = own if own in hosts else hosts[0]
    scheme = "https" if monitoring.get("tls") is not None else "http"
    return {
        "prometheus": f"http://{host_port(near, PROMETHEUS_PORT)}",
        "alertmanagers": [f"{scheme}://{host_port(host, ALERTMANAGER_PORT)}" for host in hosts],
        **monitoring,
    }
