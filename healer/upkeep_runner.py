"""Carries upkeep through: writes down what comes next, has the gates do it, and goes on after a restart.

What comes next is decided in healer.core.upkeep_steps, and whether it may is asked in healer.upkeep_permits.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog

from healer.core import upkeep_events as ue
from healer.core.alert import Target
from healer.core.decide import is_lost
from healer.core.facts import Facts
from healer.core.order import Ended, Order
from healer.core.planned import Planned
from healer.core.roll import RollState
from healer.core.states import IllegalMove
from healer.core.topology import Topology
from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_databases import completed, moves
from healer.core.upkeep_events import Move
from healer.core.upkeep_expect import expect
from healer.core.upkeep_guards import GIVES_BACK
from healer.core.upkeep_proof import back, disproved
from healer.core.upkeep_steps import (
    AGAIN,
    HELD_SECONDS,
    NO_MOVES,
    Do,
    Go,
    Prove,
    Rest,
    Silence,
    next_step,
)
from healer.core.upkeep_waits import waits
from healer.core.verdict import Verdict
from healer.errors import StoreFull, Unreachable
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock, Gates, Silences
from healer.standing import Watch
from healer.upkeep_orders import Orders
from healer.upkeep_permits import Permits, said

log = structlog.get_logger()

PAUSE = 1.0
"""Seconds between two steps of an upkeep where nothing wakes it sooner."""

PROOF_SECONDS, PROOF_SOAK = 600.0, 20.0
"""In which a node has to serve again after it was patched, and for how long it must stay so."""


class UpkeepRunner:
    """Takes each upkeep one step after the other to its end, under one configuration."""

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
        self._silences = silences
        self._watch = watch
        self._clock = clock
        self._orders = Orders(journal, gates, clock)
        self._permits = Permits(journal, gatherer, watch, clock)
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._working: dict[str, asyncio.Task[None]] = {}
        self._good_since: dict[str, float] = {}
        self._held_since: dict[str, float] = {}
        self._silent: dict[str, dict[str, tuple[float, str]]] = {}

    def wake(self) -> None:
        """Look at once for an upkeep that began."""
        self._wake.set()

    async def changed(self) -> None:
        """Wait for a step of ours, or a moment: once cluster.yml was read anew another one of us takes them."""
        try:
            async with asyncio.timeout(PAUSE), self._changed:
                await self._changed.wait()
        except TimeoutError:
            pass

    async def run(self) -> None:
        """Take every upkeep further until cancelled.

        Raises:
            LeaseLost: Another healer leads; it settles what was sent.
        """
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                for one in self._planned.kept_away:
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
            while (upkeep := self._planned.upkeeps[upkeep_id]).open:
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
            self._held_since.pop(upkeep_id, None)
            self._silent.pop(upkeep_id, None)
            del self._working[upkeep_id]

    async def _step(self, upkeep: Upkeep) -> bool:
        """Take one step; say whether to rest before the next one."""
        if (task := upkeep.running) is not None:
            await self._end(upkeep, task.action_id, await self._orders.heard_of(upkeep))
            return False
        now = now_of(self._clock, self._journal.board).steady
        standing = self._watch.standing()
        at_large = self._watch.at_large(self._topology)
        lost = frozenset(one for one in self._topology.nodes if is_lost(one, at_large))
        moved, silent = await self._moves(upkeep), self._unheard(upkeep)
        rolling = self._rolls_on(upkeep)
        match next_step(upkeep, self._topology, now, lost, moved, rolling=rolling, silent=silent):
            case Rest():
                self._say_what_it_waits_for(upkeep, silent)
                return True
            case Go(move, why, detail):
                await self._go(upkeep, move, why, detail)
            case Silence(wanted):
                await self._silence(upkeep, now, wanted=wanted)
            case Prove():
                return not await self._prove(upkeep, now)
            case Do() as do:
                facts = await self._gatherer.survey(
                    self._permits.to_hear(upkeep.node, do), standing
                )
                return not await self._do(upkeep, do, facts)
        return False

    async def _do(self, upkeep: Upkeep, do: Do, facts: Facts) -> bool:
        """Do one action, if it may be done now; say whether it was."""
        facts = replace(facts, standing=self._watch.standing())
        do = completed(do, facts)
        refused = self._permits.refusal(upkeep, do, facts)
        if refused is not None and upkeep.phase is Phase.TAKING and refused.reason in GIVES_BACK:
            self._watch.upkeep_held.pop(upkeep.id, None)
            await self._go(upkeep, Move.GIVE_UP, refused.reason or "", said(refused))
            return True
        if refused is not None:
            if self._watch.upkeep_held.get(upkeep.id) != refused:
                log.warning(
                    "upkeep.held", upkeep=upkeep.id, reason=refused.reason, have=refused.have
                )
            self._watch.upkeep_held[upkeep.id] = refused
            await self._held_for_long(upkeep, refused)
            return False
        self._watch.upkeep_held.pop(upkeep.id, None)
        self._held_since.pop(upkeep.id, None)
        look = facts.heard(do.gate).look
        expected = expect(do, look, facts) if look is not None else ""
        if look is None or not expected:
            unread = f"its gate does not say how {do.look} is"
            self._pass_over(upkeep, do, facts.heard(do.gate).error if look is None else unread)
            return False
        token, number = self._journal.store.token, self._journal.board.actions + 1
        intended = ue.UpkeepActionIntended(
            *(upkeep.id, f"{token.era}.{token.term}.{number}", do.action, do.gate, do.args),
            *(look.ledger_id, expected, do.seconds),
        )
        await self._journal.write(
            intended,
            # A person may have ended it while its gate was asked.
            provided=lambda board: (
                board.actions + 1 == number
                and board.planned.upkeeps[upkeep.id].phase is upkeep.phase
                and self._permits.unstopped(board, {upkeep.node, do.gate})
            ),
        )
        order = Order(
            *(intended.action_id, do.gate, do.action, do.args, expected),
            deadline_seconds=do.seconds,
        )
        await self._end(upkeep, intended.action_id, await self._orders.sent(order, upkeep.id))
        return True

    async def _held_for_long(self, upkeep: Upkeep, refused: Verdict) -> None:
        """Give a node back whose patch was held for long before it was begun: it is well, and may be needed."""
        since = self._held_since.setdefault(upkeep.id, self._clock.boottime())
        lasted = self._clock.boottime() - since
        if upkeep.phase is Phase.PATCHING and not upkeep.at_work and lasted >= HELD_SECONDS:
            told = f"not patched, for this held it for {HELD_SECONDS:g} s: {said(refused)}"
            await self._go(upkeep, Move.GIVE_UP, refused.reason or "", told)

    def _pass_over(self, upkeep: Upkeep, do: Do, why: str) -> None:
        """Do without a gate for a while where a node is given back; whoever takes it waits for the gate.

        Raises:
            Unreachable: It is taken, or patched.
        """
        if upkeep.phase is not Phase.RETURNING:
            raise Unreachable(f"{do.gate}: {why}")
        until = self._clock.boottime() + AGAIN
        self._silent.setdefault(upkeep.id, {})[do.gate] = (until, why)
        self._say_what_it_waits_for(upkeep, self._unheard(upkeep))

    def _unheard(self, upkeep: Upkeep) -> Mapping[str, str]:
        """Return the gates that did not answer lately, and what they said in place of it."""
        now, known = self._clock.boottime(), self._silent.get(upkeep.id, {})
        return {gate: why for gate, (until, why) in known.items() if now < until}

    def _say_what_it_waits_for(self, upkeep: Upkeep, silent: Mapping[str, str]) -> None:
        found = None
        if upkeep.phase is Phase.RETURNING:
            found = waits(upkeep, self._topology, silent)
        if found is None:
            return
        known = self._watch.upkeep_held.get(upkeep.id)
        if known is None or known.reason != found.reason:
            log.warning("upkeep.held", upkeep=upkeep.id, reason=found.reason, have=found.have)
        self._watch.upkeep_held[upkeep.id] = found

    def _rolls_on(self, upkeep: Upkeep) -> bool:
        roll = self._planned.rolls.get(upkeep.roll)
        return roll is None or roll.state is RollState.ROLLING

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
            await self._silences.expire(name, upkeep.node)
        # Somebody may have said anew until when while an Alertmanager was asked: then it is silenced once more.
        await self._journal.write(
            ue.UpkeepSilenced(upkeep.id, wanted),
            closing=not wanted,
            provided=lambda board: board.planned.upkeeps[upkeep.id].until == until,
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

    async def _moves(self, upkeep: Upkeep) -> Mapping[str, str]:
        """Return by which verb each database of a node that is being taken is moved away from it now."""
        if upkeep.phase is not Phase.TAKING or not self._topology.databases_of(Target(upkeep.node)):
            return NO_MOVES
        return moves(upkeep.node, await self._permits.facts(upkeep.node))

    @property
    def _topology(self) -> Topology:
        return self._gatherer.topology

    @property
    def _planned(self) -> Planned:
        return self._journal.board.planned
