"""Whether power devices fit the nodes of a cluster.yml.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator

from cluster.document import Document
from cluster.errors import Path, Problem
from cluster.tier import Look, reference


def names(document: Document) -> Iterator[Problem]:
    """Find devices and nodes that are not in the file."""
    nodes, devices = list(document.mapping("nodes")), list(document.mapping("power"))
    for node in nodes:
        yield from reference(document, ("nodes", node, "power"), "power device", devices)
    for device in devices:
        for number, _ in document.words("power", device, "hosts"):
            yield from reference(document, ("power", device, "hosts", number), "node", nodes)


def plugs(document: Document) -> Iterator[Problem]:
    """Find outlets by which another node than is meant would lose its power."""
    for device in document.mapping("power"):
        cut = [n for n in document.mapping("nodes") if document.at("nodes", n, "power") == device]
        at: Path = ("power", device, "plugs")
        plugged = document.mapping(*at)
        owners: dict[object, str] = {}
        for node, plug in plugged.items():
            if node not in cut:
                message = f"{node} does not say that {device} cuts its power."
                yield document.problem(
                    (*at, node), message, f"Write power: {device} there, or remove it."
                )
            if (owner := owners.setdefault(plug, node)) != node:
                message = (
                    f"{plug} is already the plug of {owner}, which would lose its power instead."
                )
                yield document.problem((*at, node), message, "Write the node's own.")
        for node in cut:
            if len(cut) > 1 and node not in plugged:
                message = f"{device} cuts {len(cut)} nodes, and nothing says which of its plugs is that of {node}."
                yield document.problem(
                    ("nodes", node, "power"), message, f"Add power.{device}.plugs.{node}."
                )


POWER: tuple[Look, ...] = (names, plugs)
