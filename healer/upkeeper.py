"""Carries upkeep through: asks the guards, writes down what comes next, has the gates do it, goes on after a restart.

What comes next is decided in healer.core.upkeep_steps, and whether it may in healer.core.upkeep_guards.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from healer.core import upkeep_events as ue
from healer.core.actions import LOCK, Args
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.decide import is_lost
from healer.core.facts import Facts
from healer.core.guards import deciding
from healer.core.order import Ended, Order
from healer.core.states import IllegalMove
from healer.core.topology import Topology
from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_databases import completed, moves
from healer.core.upkeep_events import Kind, Move
from healer.core.upkeep_expect import expect
from healer.core.upkeep_guards import Wish, judge
from healer.core.upkeep_proof import back, disproved
from healer.core.upkeep_steps import (
    NO_MOVES,
    OF_DATABASES,
    PATCH,
    REBOOT,
    Do,
    Go,
    Prove,
    Rest,
    Silence,
    next_step,
    taking,
)
from healer.core.verdict import Verdict
from healer.errors import OutcomeUnknown, Refused, StoreFull, Unreachable
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock, Gates, Silences
from healer.standing import Watch

log = structlog.get_logger()

PAUSE = 1.0
"""Seconds between two steps of an upkeep where nothing wakes it sooner."""

SETTLE_PAUSE = 1.0
GRACE = 5.0
"""Seconds beyond an action's time in which its gate may still tell how it ended."""

GUARDED = (*OF_DATABASES, PATCH, REBOOT)
"""Verbs before which every guard is asked once more: they go beyond what was taken whole with the lock."""

PROOF_SECONDS, PROOF_SOAK = 600.0, 20.0
"""In which a node has to serve again after it was patched, and for how long it must stay so."""


class Upkeeper:
    """The one place from which a node is taken out of service for upkeep."""

    def __init__(
        self,
        journal: Journal,
        gatherer: Gatherer,
        gates: Gates,
        silences: Silences,
        watch: Watch,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._gatherer = gatherer
        self._gates = gates
        self._silences = silences
        self._watch = watch
        self._clock = clock
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._working: dict[str, asyncio.Task[None]] = {}
        self._good_since: dict[str, float] = {}
        self._beginning = asyncio.Lock()

    # --- What people and machines ask for ---------------------------------------------------

    async def begin(
        self, node: str, kind: Kind, reason: str, by: str, seconds: float, roll: str = ""
    ) -> Upkeep:
        """Take a node out of service, if every guard allows it.

        Returns:
            The upkeep, which goes on by itself; one that this node has already for the same kind.

        Raises:
            Refused: A guard holds, or it is away for something else; nothing was changed.
            StoreFull: It cannot be made durable; nothing was changed.
            LeaseLost: Another healer leads; nothing was changed.
        """
        async with self._beginning:  # two that ask at once must see each other
            known = self.of(node)
            if known is not None:
                if known.kind is kind and known.phase is not Phase.RETURNING:
                    return known
                raise Refused(
                    "node_locked", f"{node} is away already: {known}, {known.phase.value}"
                )
            facts, upkeep = await self._facts(node), self._journal.board.next_upkeep
            verdicts = self._judged(self._wish(node, LOCK, kind, upkeep, roll), facts)
            refused = deciding(verdicts)
            if refused is not None:
                raise Refused(refused.reason or "", _said(refused))
            until = self._clock.wall() + seconds
            began = ue.UpkeepBegan(upkeep, kind, node, reason, by, until, roll)
            try:
                await self._journal.write(began, provided=self._as_judged())
            except IllegalMove as error:
                raise Refused("changed_since", "something else began in this moment") from error
        self._wake.set()
        return self._journal.board.upkeeps[upkeep]

    async def postpone(self, upkeep: Upkeep, by: str, seconds: float) -> Upkeep:
        """Say anew by when a person's upkeep should be over, sooner or later than was said; its silence follows.

        Args:
            upkeep: As it is now.
            by: Who says so.
            seconds: From now.

        Raises:
            Refused: It ends already; nothing was changed.
            StoreFull, LeaseLost: As `begin`.
        """
        until = self._clock.wall() + seconds
        try:
            await self._journal.write(ue.UpkeepUntilSet(upkeep.id, until, by))
        except IllegalMove as error:
            raise Refused("changed_since", f"{upkeep} ends in this moment") from error
        self._wake.set()
        return self._journal.board.upkeeps[upkeep.id]

    async def end(self, node: str, by: str) -> Upkeep:
        """Give a node back.

        Raises:
            Refused: It is not away, or is being patched; nothing was changed.
        """
        known = self.of(node)
        if known is None:
            raise Refused(
                "not_away", f"{node} is not away for upkeep here; its own gate may be locked"
            )
        if known.phase is not Phase.RETURNING:
            try:
                await self._journal.write(ue.UpkeepMoved(known.id, Move.END, "ended", f"by {by}"))
            except IllegalMove as error:
                raise Refused(
                    "at_work", f"{known} is {known.phase.value}: wait for its end"
                ) from error
        self._wake.set()
        return self._journal.board.upkeeps[known.id]

    async def settled(self, upkeep: str, phases: frozenset[Phase], seconds: float) -> Upkeep:
        """Wait until an upkeep is in one of these phases, and return it as it is then, or when the time is up."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                while self._journal.board.upkeeps[upkeep].phase not in phases:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self._journal.board.upkeeps[upkeep]

    def of(self, node: str) -> Upkeep | None:
        """Return the upkeep that keeps a node away; None where none does."""
        return next((one for one in self._journal.board.kept_away if one.node == node), None)

    async def asked(self, node: str, kind: Kind) -> tuple[tuple[Verdict, ...], tuple[Do, ...]]:
        """Say what every guard would say now, and what would be done. Nothing is written, nothing is done."""
        facts, upkeep = await self._facts(node), self._journal.board.next_upkeep
        would = Upkeep(upkeep, kind, node, "", "", "", facts.steady, facts.steady, facts.steady)
        verdicts = self._judged(self._wish(node, LOCK, kind, upkeep), facts)
        return verdicts, taking(would, self._topology, moves(node, facts))

    # --- The loop ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Take every upkeep further until cancelled.

        Raises:
            LeaseLost: Another healer leads; it settles what was sent.
        """
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                for one in self._journal.board.kept_away:
                    if one.id not in self._working:
                        work = tasks.create_task(self._carry(one.id), name=f"upkeep:{one.id}")
                        self._working[one.id] = work
                try:
                    async with asyncio.timeout(PAUSE):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def _carry(self, upkeep_id: str) -> None:
        """Take one upkeep to its end."""
        try:
            while (upkeep := self._journal.board.upkeeps[upkeep_id]).open:
                try:
                    rested = await self._step(upkeep)
                except (StoreFull, Unreachable, IllegalMove) as error:
                    log.warning("upkeep.waits", upkeep=upkeep_id, error=str(error))
                    rested = True
                async with self._changed:
                    self._changed.notify_all()
                if rested:
                    await asyncio.sleep(PAUSE)
        finally:
            self._watch.upkeep_held.pop(upkeep_id, None)
            del self._working[upkeep_id]

    async def _step(self, upkeep: Upkeep) -> bool:
        """Take one step; say whether to rest before the next one."""
        if upkeep.running is not None:
            await self._settle(upkeep)
            return False
        now = now_of(self._clock, self._journal.board).steady
        standing = self._watch.standing()
        at_large = self._watch.at_large(self._topology)
        lost = frozenset(one for one in self._topology.nodes if is_lost(one, at_large))
        match next_step(upkeep, self._topology, now, lost, await self._moves(upkeep)):
            case Rest():
                return True
            case Go(move, why, detail):
                await self._go(upkeep, move, why, detail)
            case Silence(wanted):
                await self._silence(upkeep, now, wanted=wanted)
            case Prove():
                return not await self._prove(upkeep, now)
            case Do() as do:
                facts = await self._gatherer.survey(self._wanted(upkeep.node, do), standing)
                return not await self._do(upkeep, do, facts)
        return False

    async def _do(self, upkeep: Upkeep, do: Do, facts: Facts) -> bool:
        """Do one action, if it may be done now; say whether it was."""
        facts = replace(facts, standing=self._watch.standing())
        do = completed(do, facts)
        refused = self._refusal(upkeep, do, facts)
        if refused is not None:
            if self._watch.upkeep_held.get(upkeep.id) != refused:
                log.warning(
                    "upkeep.held", upkeep=upkeep.id, reason=refused.reason, have=refused.have
                )
            self._watch.upkeep_held[upkeep.id] = refused
            return False
        self._watch.upkeep_held.pop(upkeep.id, None)
        look = facts.heard(do.gate).look
        if look is None:
            raise Unreachable(f"{do.gate}: {facts.heard(do.gate).error}")
        expected = expect(do, look)
        if not expected:
            raise Unreachable(f"{do.gate}: its gate does not say how {do.look} is")
        token, number = self._journal.store.token, self._journal.board.actions + 1
        intended = ue.UpkeepActionIntended(
            *(upkeep.id, f"{token.era}.{token.term}.{number}", do.action, do.gate, do.args),
            *(look.ledger_id, expected, do.seconds),
        )
        await self._journal.write(
            intended, provided=lambda board: board.actions + 1 == number and not board.freezes
        )
        order = Order(
            *(intended.action_id, do.gate, do.action, do.args, expected),
            deadline_seconds=do.seconds,
        )
        await self._end(upkeep, intended.action_id, await self._sent(order, upkeep))
        return True

    async def _sent(self, order: Order, upkeep: Upkeep) -> Ended:
        try:
            return await self._gates.act(order)
        except Unreachable as error:
            return Ended(Outcome.NOT_SENT, "gate_silent", str(error))
        except OutcomeUnknown as error:
            log.warning("action.outcome_unknown", action=order.action_id, error=str(error))
            return await self._heard_of(self._journal.board.upkeeps[upkeep.id])

    async def _settle(self, upkeep: Upkeep) -> None:
        task = upkeep.running
        if task is not None:
            await self._end(upkeep, task.action_id, await self._heard_of(upkeep))

    async def _heard_of(self, upkeep: Upkeep) -> Ended:
        """Ask the gate how the last action ended, until it tells or its time is over. It is never sent again."""
        task = upkeep.tasks[-1]
        now = now_of(self._clock, self._journal.board).steady
        until = self._clock.boottime() + task.began + task.seconds + GRACE - now
        while True:
            why = "it still runs"
            try:
                ended = await self._gates.settle(task.gate, task.action_id, task.ledger_id)
            except Unreachable as error:
                ended, why = None, str(error)
            if ended is not None:
                return ended
            if self._clock.boottime() > until:
                return Ended(Outcome.UNKNOWN, "gate_silent", why)
            await asyncio.sleep(SETTLE_PAUSE)

    async def _end(self, upkeep: Upkeep, action_id: str, ended: Ended) -> None:
        event = ue.UpkeepActionEnded(
            upkeep.id, action_id, ended.outcome, ended.reason, ended.detail
        )
        await self._journal.write(event, closing=True)

    async def _go(self, upkeep: Upkeep, move: Move, why: str, detail: str) -> None:
        self._good_since.pop(upkeep.id, None)
        closing = move is not Move.PATCH
        await self._journal.write(ue.UpkeepMoved(upkeep.id, move, why, detail), closing=closing)

    async def _silence(self, upkeep: Upkeep, now: float, *, wanted: bool) -> None:
        name, until = upkeep.owner, upkeep.until
        if wanted:
            await self._silences.silence(name, upkeep.node, str(upkeep), max(1.0, until - now))
        else:
            await self._silences.expire(name)
        # Somebody may have said anew until when while an Alertmanager was asked: then it is silenced once more.
        await self._journal.write(
            ue.UpkeepSilenced(upkeep.id, wanted),
            closing=not wanted,
            provided=lambda board: board.upkeeps[upkeep.id].until == until,
        )

    async def _prove(self, upkeep: Upkeep, now: float) -> bool:
        """Look whether the node serves again; say whether that is settled."""
        facts = await self._gatherer.survey({upkeep.node: ()}, self._watch.standing())
        wrong = back(upkeep.node, facts) or disproved(upkeep.node, self._watch.sight)
        if wrong:
            self._good_since.pop(upkeep.id, None)
            if now - upkeep.since < PROOF_SECONDS:
                return False
            await self._go(upkeep, Move.STOP, "not_proved", wrong)
            return True
        since = self._good_since.setdefault(upkeep.id, self._clock.boottime())
        if self._clock.boottime() - since < PROOF_SOAK:
            return False
        await self._go(upkeep, Move.END, "proved", "it serves again")
        return True

    # --- Facts and guards -------------------------------------------------------------------

    @property
    def _topology(self) -> Topology:
        return self._gatherer.topology

    def _wish(
        self, node: str, verb: str, kind: Kind, upkeep: str, roll: str = "", args: Args = ()
    ) -> Wish:
        sight, owner = self._watch.sight, f"lock:upkeep-{upkeep}"
        away = self._journal.board.kept_away
        together = {one.node for one in away if roll and one.roll == roll}
        return Wish(node, verb, kind, owner, sight, frozenset(together), args)

    async def _moves(self, upkeep: Upkeep) -> Mapping[str, str]:
        """Return by which verb each database of a node that is being taken is moved away from it now."""
        if upkeep.phase is not Phase.TAKING or not self._topology.databases_of(Target(upkeep.node)):
            return NO_MOVES
        return moves(upkeep.node, await self._facts(upkeep.node))

    async def _facts(self, node: str) -> Facts:
        return await self._gatherer.survey(self._wanted(node), self._watch.standing())

    def _wanted(self, node: str, do: Do | None = None) -> Mapping[str, list[str]]:
        """Return the gates to hear: the node's, whoever acts, who may run what only one may, and who has its copies."""
        wanted: dict[str, list[str]] = {node: []}
        if do is not None:
            wanted.setdefault(do.gate, []).extend([do.look] if do.look else [])
        for service in self._topology.services_on(node).values():
            if service.exclusive and service.group is not None:
                for other in self._topology.groups[service.group].nodes:
                    wanted.setdefault(other, []).append(service.unit)
        for cluster in self._topology.pacemakers_of(node):
            for member in self._topology.groups[cluster.group].nodes:
                wanted.setdefault(member, []).append(cluster.look)
        for database in self._topology.databases_of(Target(node)):
            for member in self._topology.groups[database.group].nodes:
                wanted.setdefault(member, []).append(database.look)
        return wanted

    def _judged(self, wish: Wish, facts: Facts) -> tuple[Verdict, ...]:
        return judge(wish, replace(facts, standing=self._watch.standing()))

    def _refusal(self, upkeep: Upkeep, do: Do, facts: Facts) -> Verdict | None:
        verdicts = self._judged(
            self._wish(upkeep.node, do.action, upkeep.kind, upkeep.id, upkeep.roll, do.args), facts
        )
        if do.action in GUARDED:
            return deciding(verdicts)
        # The lock was judged as the upkeep began, and what is moved away after it is in that footprint.
        return next((one for one in verdicts if one.reason in ALWAYS_HOLD), None)

    def _as_judged(self) -> Callable[[Board], bool]:
        actions, away = self._journal.board.actions, len(self._journal.board.kept_away)
        return lambda board: (
            (board.actions, len(board.kept_away)) == (actions, away) and not (board.freezes)
        )


ALWAYS_HOLD = frozenset(
    {"frozen", "not_leader", "gate_hold", "person_hold", "copies_unknown", "not_replica"}
)
"""Reasons for which an upkeep that began waits with every step, also with giving back: a member that led may lead
again only once it is a good copy."""


def _said(refused: Verdict) -> str:
    return f"{refused.sentence} Has {refused.have}, needs {refused.need}"
