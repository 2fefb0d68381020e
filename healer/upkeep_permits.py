"""Says whether upkeep may do something now: hears the facts, makes the wish, and asks every guard about it.

The guards are those of healer.core.upkeep_guards; nothing here writes anything, or changes anything outside.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from healer.core.actions import LOCK, MARKING, Args, steps
from healer.core.alert import Target
from healer.core.board import Board
from healer.core.decide import is_lost
from healer.core.facts import Facts
from healer.core.guards import deciding
from healer.core.topology import Topology
from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_events import Kind
from healer.core.upkeep_guards import Wish, half_taken, judge
from healer.core.upkeep_steps import OF_DATABASES, PATCH, REBOOT, TAKES_AWAY, Do
from healer.core.verdict import Verdict
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock
from healer.standing import Watch

GUARDED = (*OF_DATABASES, PATCH, REBOOT)
"""Verbs before which every guard is asked once more: they go beyond what was taken whole with the lock."""

ALWAYS_HOLD = frozenset(
    {"frozen", "not_leader", "gate_hold", "person_hold", "copies_unknown", "not_replica"}
)
"""Reasons for which an upkeep that began waits with every step, also with giving back: a member that led may lead
again only once it is a good copy."""


class Permits:
    """What the guards say of an upkeep, under one configuration."""

    def __init__(self, journal: Journal, gatherer: Gatherer, watch: Watch, clock: Clock) -> None:
        self._journal = journal
        self._gatherer = gatherer
        self._watch = watch
        self._clock = clock

    async def facts(self, node: str, gatherer: Gatherer | None = None) -> Facts:
        """Read what the guards have to know before anything is wanted of a node.

        Args:
            node: The node.
            gatherer: Who asks what stands outside, where many nodes are asked about at once.
        """
        asking = gatherer or self._gatherer
        return await asking.survey(self.to_hear(node), self._watch.standing())

    def to_hear(self, node: str, do: Do | None = None) -> Mapping[str, list[str]]:
        """Return the gates to hear: the node's, whoever acts, who may run what only one may, and who has its copies."""
        wanted: dict[str, list[str]] = {node: []}
        if do is not None:
            wanted.setdefault(do.gate, []).extend([do.look] if do.look else [])
        for service in self._topology.services_on(node).values():
            if service.exclusive and service.group is not None:
                for other in self._topology.groups[service.group].nodes:
                    wanted.setdefault(other, []).append(service.unit)
        for cluster in self._topology.pacemakers_of(node):
            wanted[node].append(cluster.place)
            for member in self._topology.groups[cluster.group].nodes:
                wanted.setdefault(member, []).append(cluster.look)
        for database in self._topology.databases_of(Target(node)):
            for member in self._topology.groups[database.group].nodes:
                wanted.setdefault(member, []).append(database.look)
        return wanted

    def to_take(self, node: str, kind: Kind, owner: str, facts: Facts, roll: str = "") -> Wish:
        """Return the wish to lock a node, through whose gates it is taken away included."""
        wish = self._wish(node, LOCK, kind, owner, roll)
        return replace(wish, through=self._through(node, facts))

    def to_boot(self, upkeep: Upkeep) -> Wish:
        """Return the wish to have a node boot by itself that is away."""
        return self._wish(upkeep.node, REBOOT, upkeep.kind, upkeep.owner)

    def judged(self, wish: Wish, facts: Facts) -> tuple[Verdict, ...]:
        """Return what every guard says of a wish, by how the healer itself stands at this moment."""
        return judge(wish, replace(facts, standing=self._watch.standing()))

    def refusal(self, upkeep: Upkeep, do: Do, facts: Facts) -> Verdict | None:
        """Return the guard that holds the next action of an upkeep that began; None where it may be done now."""
        takes = do.action in MARKING
        wish = self._wish(upkeep.node, do.action, upkeep.kind, upkeep.owner, upkeep.roll, do.args)
        wish = replace(wish, through=frozenset({do.gate}))
        verdicts = self.judged(wish, facts)
        holding = ALWAYS_HOLD | {"node_locked"} if takes else ALWAYS_HOLD
        held = next((one for one in verdicts if one.reason in holding), None)
        if held is None and upkeep.phase is Phase.TAKING:
            # The lock was judged as the upkeep began, and what is moved away after it is in that footprint; but
            # minutes may lie between the two, or another life of the healer.
            held = half_taken(self.judged(replace(wish, verb=LOCK, args=()), facts))
        return deciding(verdicts) if held is None and do.action in GUARDED else held

    def as_judged(self, wish: Wish) -> Callable[[Board], bool]:
        """Return what says whether a node may still be taken when that becomes durable.

        Whoever asked while cluster.yml was read anew was judged by the one before.
        """
        board = self._journal.board
        actions, away, nodes = (
            board.actions,
            len(board.planned.kept_away),
            wish.through | {wish.node},
        )
        digests = ("", self._topology.digest)
        return lambda board: (
            (board.actions, len(board.planned.kept_away)) == (actions, away)
            and board.digest in digests
            and self.unstopped(board, nodes)
        )

    def unstopped(self, board: Board, nodes: Collection[str]) -> bool:
        """Whether no person froze all, or holds one of these nodes, since it was decided."""
        held = {one.node for one in board.held(now_of(self._clock, board))}
        return not board.freezes and held.isdisjoint(nodes)

    def _wish(
        self,
        node: str,
        verb: str,
        kind: Kind,
        owner: str,
        roll: str = "",
        args: Args = (),
    ) -> Wish:
        sight, away = self._watch.sight, self._journal.board.planned.kept_away
        together = {one.node for one in away if roll and one.roll == roll}
        return Wish(node, verb, kind, owner, sight, frozenset(together), args)

    def _through(self, node: str, facts: Facts) -> frozenset[str]:
        """Return the nodes through whose gates a node is taken away, but for those that nobody hears of."""
        known = self._topology.nodes.keys()
        found = {
            step.gate
            for verb in TAKES_AWAY
            for step in (steps(verb, Target(node), self._topology, "") if node in known else ())
        }
        return frozenset(one for one in found if not is_lost(one, facts))

    @property
    def _topology(self) -> Topology:
        return self._gatherer.topology


def said(refused: Verdict) -> str:
    """Return what people are told of a guard that holds: its sentence, and both numbers."""
    return f"{refused.sentence} Has {refused.have}, needs {refused.need}"
