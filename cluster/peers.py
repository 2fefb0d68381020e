"""Who watches whom: the second witnesses of each node.

Rule: each node watches the same number of others and is watched by as many, so that no node's
second witness depends on one busy machine; other failure domains come first.
"""

from collections.abc import Mapping, Sequence

from cluster.model import Cluster

# Enough to find a good offset in a large cluster without trying all of them.
MAX_OFFSETS = 64


def peers(cluster: Cluster) -> Mapping[str, tuple[str, ...]]:
    """Choose the peers that each node watches.

    The nodes stand in a ring, failure domain by failure domain, and each watches the ones at the
    same few distances ahead of it. That alone makes the number of watchers equal everywhere. The
    distances are those that stay in a failure domain, or visit one twice, for the fewest nodes.
    A cluster of fewer nodes than `exporter.peers` + 1 watches everyone.
    """
    nodes = cluster.nodes
    domains = {name: node.failure_domain for name, node in nodes.items()}
    first_seen = list(dict.fromkeys(domains.values()))
    ring = sorted(nodes, key=lambda name: first_seen.index(domains[name]))  # stable: file order
    ringed = [domains[name] for name in ring]
    offsets = _offsets(ringed, min(cluster.exporter.peers, len(ring) - 1))
    ahead = {name: place for place, name in enumerate(ring)}
    return {
        name: tuple(ring[(ahead[name] + offset) % len(ring)] for offset in offsets)
        for name in nodes
    }


def _offsets(ring: Sequence[str], wanted: int) -> list[int]:
    """Choose distances one by one, each the best beside those before it."""
    size = len(ring)
    step = max(1, (size - 1) // MAX_OFFSETS)
    candidates = sorted({*range(1, size, step), *range(1, min(size, wanted + 1))})
    chosen: list[int] = []
    for _ in range(wanted):
        left = [offset for offset in candidates if offset not in chosen]
        chosen.append(min(left, key=lambda offset: (_shared(ring, offset, chosen), offset)))
    return chosen


def _shared(ring: Sequence[str], offset: int, chosen: Sequence[int]) -> int:
    """Count where this distance would watch a failure domain that is already its own or watched.

    One's own counts most: such a witness goes down together with what it watches.
    """
    size, count = len(ring), 0
    for place, domain in enumerate(ring):
        peer = ring[(place + offset) % size]
        count += (size * len(ring)) * (peer == domain)
        count += any(peer == ring[(place + other) % size] for other in chosen)
    return count
