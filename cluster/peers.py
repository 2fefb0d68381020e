"""Who watches whom: the second witnesses of each node.

Rule: each node watches the same number of others and is watched by as many, so that no node's
second witness depends on one busy machine; then no failure domain may be lost unseen, and then
other failure domains come first.
"""

from collections.abc import Sequence
from itertools import zip_longest

from cluster.model import Cluster
from cluster.swaps import swapped
from cluster.witnesses import Losses, Watching

# Enough to find a good offset in a large cluster without trying all of them.
MAX_OFFSETS = 64


def peers(cluster: Cluster) -> Watching:
    """Choose the peers that each node watches.

    The nodes stand in a ring and each watches the ones at the same few distances ahead of it.
    That alone makes the number of watchers equal everywhere. The ring and the distances are those
    that leave the fewest nodes without a witness of the loss of one of their failure domains, own
    or listed, and among these those that stay in a failure domain, or visit one twice, for the
    fewest. Where some are left without, pairs of watchers swap one of theirs until none is.

    A witness of a domain's loss stands outside of it and watches another node outside of it too,
    or nobody would believe it (rules/nodes.yml). One that is outside of all domains of a node
    serves for all of them. Where not every node can have one for each of its domains, since
    `exporter.peers` or the nodes outside are too few, as few are left without as were found, and
    they have as many watchers as all others; `hale-cluster check` names the domains (HC061).

    The same cluster has the same peers each time. A node that is added moves few pairs while the
    same distances stay the best, and most of them otherwise; each new pair counts from the
    watcher's first answer on. In a cluster of no more than `exporter.peers` nodes everyone
    watches everyone.
    """
    wanted = min(cluster.exporter.peers, len(cluster.nodes) - 1)
    losses = Losses(cluster)
    choices = [(ring, _offsets(cluster, losses, ring, wanted)) for ring in _rings(cluster)]
    ring, offsets = min(choices, key=lambda choice: _cost(cluster, losses, *choice))
    chosen = swapped(cluster, losses, _watching(ring, offsets))
    return {name: chosen[name] for name in cluster.nodes}


def _rings(cluster: Cluster) -> list[list[str]]:
    """Return the nodes with failure domains taking turns, and one failure domain after the other."""
    members: dict[str, list[str]] = {}
    for name, node in cluster.nodes.items():
        members.setdefault(node.failure_domain, []).append(name)
    rounds = zip_longest(*members.values())
    in_turn = [name for one_round in rounds for name in one_round if name is not None]
    return [in_turn, [name for names in members.values() for name in names]]


def _watching(ring: Sequence[str], offsets: Sequence[int]) -> Watching:
    size = len(ring)
    return {
        name: tuple(ring[(place + offset) % size] for offset in offsets)
        for place, name in enumerate(ring)
    }


def _domains(cluster: Cluster, ring: Sequence[str]) -> list[str]:
    return [cluster.nodes[name].failure_domain for name in ring]


def _cost(
    cluster: Cluster, losses: Losses, ring: Sequence[str], offsets: Sequence[int]
) -> tuple[int, int]:
    domains = _domains(cluster, ring)
    shared = sum(_shared(domains, offset, offsets[:n]) for n, offset in enumerate(offsets))
    return len(losses.unseen(_watching(ring, offsets))), shared


def _offsets(cluster: Cluster, losses: Losses, ring: Sequence[str], wanted: int) -> list[int]:
    """Choose distances one by one, each the best beside those before it."""
    size = len(ring)
    step = max(1, (size - 1) // MAX_OFFSETS)
    candidates = sorted({*range(1, size, step), *range(1, min(size, wanted + 1))})
    domains = _domains(cluster, ring)
    chosen: list[int] = []

    def cost(offset: int) -> tuple[int, int, int]:
        unseen = losses.unseen(_watching(ring, [*chosen, offset]))
        return len(unseen), _shared(domains, offset, chosen), offset

    for _ in range(wanted):
        chosen.append(min((offset for offset in candidates if offset not in chosen), key=cost))
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
