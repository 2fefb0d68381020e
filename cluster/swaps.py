"""Swaps between watchers: a choice of peers is changed, and nobody has more or fewer of them by it.

Rule: a swap is taken only where it gives a node a witness of a loss that nobody could have told of.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterator
from itertools import islice, product
from typing import NamedTuple

from cluster.model import Cluster
from cluster.witnesses import Losses, Member, Watching

# More than there are for one node among sixty with three peers each.
MAX_SWAPS = 2048
# Swaps in a row that lead to nothing better, after which none is expected to.
PATIENCE = 64
# For so many swaps nobody gets back what it gave away; without, two swaps may undo each other for ever.
KEPT_AWAY = 3

Given = tuple[str, str]  # who watched, and whom


class Swap(NamedTuple):
    """One watcher gives a node to another one, and gets one for it."""

    giver: str
    node: str
    taker: str
    other: str

    def after(self, watching: Watching) -> Watching:
        """Return whom these two watch then."""
        given, taken = {self.node: self.other}, {self.other: self.node}
        return {
            self.giver: tuple(given.get(name, name) for name in watching[self.giver]),
            self.taker: tuple(taken.get(name, name) for name in watching[self.taker]),
        }

    def possible(self, watching: Watching) -> bool:
        """Say whether nobody would watch itself by it, or somebody twice."""
        taker_may = self.node not in (self.taker, *watching[self.taker])
        return taker_may and self.other not in (self.giver, *watching[self.giver])

    def takes(self, given: Collection[Given]) -> bool:
        """Say whether it gives one of these back to its watcher."""
        return (self.giver, self.other) in given or (self.taker, self.node) in given


def swapped(cluster: Cluster, losses: Losses, watching: Watching) -> Watching:
    """Return this choice, or what swaps make of it where that leaves fewer losses unseen.

    A swap may take another node's last witness; that one is helped by the next. It ends where
    nothing is unseen, or where PATIENCE swaps in a row have led to nothing better.
    """
    best = choice = _Choice(cluster, losses, watching)
    gone: deque[Given] = deque(maxlen=2 * KEPT_AWAY)
    step, last = 0, PATIENCE
    while choice.unseen and step < last:
        step += 1
        member = choice.unseen[step % len(choice.unseen)]
        swap = choice.best_swap(member, gone, len(best.unseen))
        if swap is None:
            continue
        gone += [(swap.giver, swap.node), (swap.taker, swap.other)]
        choice = _Choice(cluster, losses, {**choice.watching, **swap.after(choice.watching)})
        if len(choice.unseen) < len(best.unseen):
            best, last = choice, step + PATIENCE
    return best.watching


class _Choice:
    """Who watches whom at one moment, and what that leaves unseen."""

    def __init__(self, cluster: Cluster, losses: Losses, watching: Watching) -> None:
        self.watching = watching
        self.unseen = losses.unseen(watching)
        self._cluster = cluster
        self._losses = losses
        self._told = _tell(losses, watching)

    def best_swap(self, member: Member, gone: Collection[Given], fewest: int) -> Swap | None:
        """Return the swap that gives this one a witness at the least cost; None where none does.

        What is gone is only given back where fewer than `fewest` losses are unseen then.
        """
        costs: dict[Swap, tuple[int, int, int]] = {}
        for swap in islice(self._swaps(member), MAX_SWAPS):
            change = self._change(swap)
            if self._told[member] + change[member] == 0:
                continue
            cost = self._cost(swap, change)
            if not swap.takes(gone) or len(self.unseen) + cost[0] < fewest:
                costs[swap] = cost
        return min(costs, key=lambda swap: costs[swap], default=None)

    def _swaps(self, member: Member) -> Iterator[Swap]:
        """Go through the swaps that may give a witness, in the order of the ring from its node on."""
        ring = list(self.watching)
        place = ring.index(member.node)
        around = [*ring[place:], *ring[:place]]
        for giver in (name for name in around if member.node in self.watching[name]):
            for taker in around:
                for node, other in product(self.watching[giver], self.watching[taker]):
                    swap = Swap(giver, node, taker, other)
                    if self._may_help(member, swap) and swap.possible(self.watching):
                        yield swap

    def _may_help(self, member: Member, swap: Swap) -> bool:
        """Say whether a node outside gets this one, or one outside that has it another one outside."""
        needed = {swap.taker} if swap.node == member.node else {swap.giver, swap.other}
        return not any(self._losses.holds(member.domain, name) for name in needed)

    def _change(self, swap: Swap) -> Counter[Member]:
        """Count how many more, or fewer, could tell of each loss."""
        after = swap.after(self.watching)
        change = _tell(self._losses, after)
        change.subtract(_tell(self._losses, {name: self.watching[name] for name in after}))
        return change

    def _cost(self, swap: Swap, change: Counter[Member]) -> tuple[int, int, int]:
        """Return how many more losses are unseen, and how many more watch their own domain, or one twice."""
        unseen = sum(
            (self._told[member] + more == 0) - (self._told[member] == 0)
            for member, more in change.items()
        )
        after = swap.after(self.watching)
        own, twice = self._shared(after)
        own_before, twice_before = self._shared({name: self.watching[name] for name in after})
        return unseen, own - own_before, twice - twice_before

    def _shared(self, watching: Watching) -> tuple[int, int]:
        own, twice = 0, 0
        for name, watched in watching.items():
            domains = [self._cluster.nodes[peer].failure_domain for peer in watched]
            own += domains.count(self._cluster.nodes[name].failure_domain)
            twice += len(domains) - len(set(domains))
        return own, twice


def _tell(losses: Losses, watching: Watching) -> Counter[Member]:
    """Count how many could tell of each loss."""
    return Counter(
        member for name, watched in watching.items() for member in losses.told_by(name, watched)
    )
