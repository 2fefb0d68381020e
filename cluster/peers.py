"""Who watches whom: the second witnesses of each node.

Rule: each node watches the same number of others and is watched by as many, so that no node's
second witness depends on one busy machine; other failure domains come first.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from cluster.model import Cluster

# Enough to find a good offset in a large cluster without trying all of them.
MAX_OFFSETS = 64


def peers(cluster: Cluster) -> Mapping[str, tuple[str, ...]]:
    """Choose the peers that each node watches.

    The nodes stand in a ring and each watches the ones at the same few distances ahead of it.
    That alone makes the number of watchers equal everywhere. The ring and the distances are those
    that stay in a failure domain, or visit one twice, for the fewest nodes. In a cluster of no
    more than `exporter.peers` nodes everyone watches everyone.
    """
    wanted = min(cluster.exporter.peers, len(cluster.nodes) - 1)
    ring, offsets = min(
        ((ring, _offsets(_domains(cluster, ring), wanted)) for ring in _rings(cluster)),
        key=lambda choice: _cost(_domains(cluster, choice[0]), choice[1]),
    )
    ahead = {name: place for place, name in enumerate(ring)}
    return {
        name: tuple(ring[(ahead[name] + offset) % len(ring)] for offset in offsets)
        for name in cluster.nodes
    }


def _rings(cluster: Cluster) -> list[list[str]]:
    """Return the nodes with failure domains taking turns, and one failure domain after the other."""
    members: dict[str, list[str]] = {}
    for name, node in cluster.nodes.items():
        members.setdefault(node.failure_domain, []).append(name)
    rounds = zip_longest(*members.values())
    in_turn = [name for one_round in rounds for name in one_round if name is not None]
    return [in_turn, [name for names in members.values() for name in names]]


def _domains(cluster: Cluster, ring: Sequence[str]) -> list[str]:
    return [cluster.nodes[name].failure_domain for name in ring]


def _cost(ring: Sequence[str], offsets: Sequence[int]) -> int:
    return sum(_shared(ring, offset, offsets[:n]) for n, offset in enumerate(offsets))


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
