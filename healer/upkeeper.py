"""Carries upkeep through: asks the guards, writes down what comes next, has the gates do it, goes on after a restart.

What comes next is decided in healer.core.upkeep_steps, and whether it may in healer.core.upkeep_guards.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import structlog

from healer.core import upkeep_events as ue
from healer.core.actions import LOCK, MARKING, Args, steps
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.decide import is_lost
from healer.core.facts import Facts
from healer.core.guards import deciding
from healer.core.order import Ended, Order
from healer.core.planned import Planned
from healer.core.roll import RollState
from healer.core.states import IllegalMove
from healer.core.topology import Topology
from healer.core.upkeep import Phase, Upkeep, owner_of
from healer.core.upkeep_databases import completed, moves
from healer.core.upkeep_events import Kind, Move
from healer.core.upkeep_expect import expect
from healer.core.upkeep_guards import GIVES_BACK, Wish, half_taken, judge
from healer.core.upkeep_proof import back, disproved
from healer.core.upkeep_steps import (
    AGAIN,
    HELD_SECONDS,
    NO_MOVES,
    OF_DATABASES,
    PATCH,
    REBOOT,
    TAKES_AWAY,
    Do,
    Go,
    Prove,
    Rest,
    Silence,
    next_step,
    taking,
)
from healer.core.upkeep_waits import waits
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

SETTLES = frozenset({"owner_settled", "last_copy"})
"""Guards that hold for a moment after an address or a database was moved away."""

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
        self._held_since: dict[str, float] = {}
        self._silent: dict[str, dict[str, tuple[float, str]]] = {}
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
                    "node_locked",
                    f"{node} is away already: {known}, {known.phase.value}. Look with `hale-healer status`; where that "
                    f"is over, give {node} back with `hale-healer maintenance end {node}`",
                )
            facts, upkeep = await self._facts(node), self._planned.next_upkeep
            began_at = self._clock.wall()
            owner = owner_of(upkeep, began_at)
            wish = self._wish(node, LOCK, kind, owner, roll, through=self._through(node, facts))
            refused = deciding(self._judged(wish, facts))
            if refused is not None:
                raise Refused(refused.reason or "", _said(refused))
            until = began_at + seconds
            began = ue.UpkeepBegan(upkeep, kind, node, reason, by, until, roll, began_at)
            try:
                await self._journal.write(began, provided=self._as_judged(wish))
            except IllegalMove as error:
                raise Refused(
                    "changed_since",
                    f"{node}: something else began in this moment, and nothing was done. Look with `hale-healer "
                    "status`, then ask again",
                ) from error
        self._wake.set()
        return self._planned.upkeeps[upkeep]

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
            raise Refused(
                "changed_since",
                f"{upkeep.node}: {upkeep} ends in this moment, and its time stays. Once it is over (`hale-healer "
                f"status`), take the node anew with `hale-healer maintenance start {upkeep.node}`",
            ) from error
        self._wake.set()
        return self._planned.upkeeps[upkeep.id]

    async def end(self, node: str, by: str) -> Upkeep:
        """Give a node back.

        Raises:
            Refused: It is not away, or is being patched; nothing was changed.
        """
        known = self.of(node)
        if known is None:
            raise Refused(
                "not_away",
                f"{node} is not out of service for this healer, so there is nothing to end. Where it is locked all the "
                f"same, look on {node} with `hale-gate marks`, and end it there with `hale-gate unlock --all`",
            )
        if known.phase is not Phase.RETURNING:
            try:
                await self._journal.write(ue.UpkeepMoved(known.id, Move.END, "ended", f"by {by}"))
            except IllegalMove as error:
                work = "patch" if known.phase is Phase.PATCHING else "boot"
                raise Refused(
                    "at_work",
                    f"{node} is {known.phase.value} ({known}), and its {work} is not ended half way. Look with "
                    f"`hale-healer status`; it is given back after that, or stays stopped: then ask again with "
                    f"`hale-healer maintenance end {node}`",
                ) from error
        self._wake.set()
        return self._planned.upkeeps[known.id]

    async def may_boot(self, upkeep_id: str, seconds: float) -> None:
        """Ask every guard once more whether a node that is away may boot now, and wait for what ends by itself.

        Args:
            upkeep_id: What keeps it away.
            seconds: To wait for an owner's own time, or another action's end.

        Raises:
            Refused: A guard holds, or it is not away any more. What was taken stays taken.
        """
        until = asyncio.get_running_loop().time() + seconds
        while True:
            upkeep = self._planned.upkeeps[upkeep_id]
            facts = await self._facts(upkeep.node)
            if self._planned.upkeeps[upkeep_id].phase is not Phase.AWAY:
                raise Refused("taking", f"{upkeep.node} is being given back: {upkeep}")
            boot = self._wish(upkeep.node, REBOOT, upkeep.kind, upkeep.owner)
            refused = deciding(self._judged(boot, facts))
            if refused is None:
                return
            settles = refused.passing or refused.guard in SETTLES
            if not settles or asyncio.get_running_loop().time() >= until:
                raise Refused(refused.reason or "", _said(refused))
            await asyncio.sleep(PAUSE)

    async def settled(self, upkeep: str, phases: frozenset[Phase], seconds: float) -> Upkeep:
        """Wait until an upkeep is in one of these phases, and return it as it is then, or when the time is up."""
        try:
            async with asyncio.timeout(seconds):
                while self._planned.upkeeps[upkeep].phase not in phases:
                    await self._change()
        except TimeoutError:
            pass
        return self._planned.upkeeps[upkeep]

    async def _change(self) -> None:
        """Wait for a step of ours, or a moment: once cluster.yml was read anew another one of us takes them."""
        try:
            async with asyncio.timeout(PAUSE), self._changed:
                await self._changed.wait()
        except TimeoutError:
            pass

    def of(self, node: str) -> Upkeep | None:
        """Return the upkeep that keeps a node away; None where none does."""
        return next((one for one in self._planned.kept_away if one.node == node), None)

    async def asked(
        self, node: str, kind: Kind, gatherer: Gatherer | None = None
    ) -> tuple[tuple[Verdict, ...], tuple[Do, ...]]:
        """Say what every guard would say now, and what would be done. Nothing is written, nothing is done.

        Args:
            node: The node.
            kind: Who would ask.
            gatherer: Who asks what stands outside, where many nodes are asked about at once.
        """
        asking = gatherer or self._gatherer
        facts = await asking.survey(self._wanted(node), self._watch.standing())
        upkeep = self._planned.next_upkeep
        would = Upkeep(upkeep, kind, node, "", "", "", facts.steady, facts.steady, facts.steady)
        would = replace(would, began_at=self._clock.wall())
        wish = self._wish(node, LOCK, kind, would.owner, through=self._through(node, facts))
        verdicts = self._judged(wish, facts)
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
        if upkeep.running is not None:
            await self._settle(upkeep)
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
                facts = await self._gatherer.survey(self._wanted(upkeep.node, do), standing)
                return not await self._do(upkeep, do, facts)
        return False

    async def _do(self, upkeep: Upkeep, do: Do, facts: Facts) -> bool:
        """Do one action, if it may be done now; say whether it was."""
        facts = replace(facts, standing=self._watch.standing())
        do = completed(do, facts)
        refused = self._refusal(upkeep, do, facts)
        if refused is not None and upkeep.phase is Phase.TAKING and refused.reason in GIVES_BACK:
            self._watch.upkeep_held.pop(upkeep.id, None)
            await self._go(upkeep, Move.GIVE_UP, refused.reason or "", _said(refused))
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
                and self._unstopped(board, {upkeep.node, do.gate})
            ),
        )
        order = Order(
            *(intended.action_id, do.gate, do.action, do.args, expected),
            deadline_seconds=do.seconds,
        )
        await self._end(upkeep, intended.action_id, await self._sent(order, upkeep))
        return True

    async def _held_for_long(self, upkeep: Upkeep, refused: Verdict) -> None:
        """Give a node back whose patch was held for long before it was begun: it is well, and may be needed."""
        since = self._held_since.setdefault(upkeep.id, self._clock.boottime())
        lasted = self._clock.boottime() - since
        if upkeep.phase is Phase.PATCHING and not upkeep.at_work and lasted >= HELD_SECONDS:
            said = f"not patched, for this held it for {HELD_SECONDS:g} s: {_said(refused)}"
            await self._go(upkeep, Move.GIVE_UP, refused.reason or "", said)

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

    async def _sent(self, order: Order, upkeep: Upkeep) -> Ended:
        try:
            return await self._gates.act(order)
        except Unreachable as error:
            return Ended(Outcome.NOT_SENT, "gate_silent", str(error))
        except OutcomeUnknown as error:
            log.warning("action.outcome_unknown", action=order.action_id, error=str(error))
            return await self._heard_of(self._planned.upkeeps[upkeep.id])

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

    # --- Facts and guards -------------------------------------------------------------------

    @property
    def _topology(self) -> Topology:
        return self._gatherer.topology

    @property
    def _planned(self) -> Planned:
        return self._journal.board.planned

    def _wish(
        self,
        node: str,
        verb: str,
        kind: Kind,
        owner: str,
        roll: str = "",
        args: Args = (),
        through: frozenset[str] = frozenset(),
    ) -> Wish:
        sight, away = self._watch.sight, self._planned.kept_away
        together = {one.node for one in away if roll and one.roll == roll}
        return Wish(node, verb, kind, owner, sight, frozenset(together), args, through)

    def _through(self, node: str, facts: Facts) -> frozenset[str]:
        """Return the nodes through whose gates a node is taken away, but for those that nobody hears of."""
        known = self._topology.nodes.keys()
        found = {
            step.gate
            for verb in TAKES_AWAY
            for step in (steps(verb, Target(node), self._topology, "") if node in known else ())
        }
        return frozenset(one for one in found if not is_lost(one, facts))

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
            wanted[node].append(cluster.place)
            for member in self._topology.groups[cluster.group].nodes:
                wanted.setdefault(member, []).append(cluster.look)
        for database in self._topology.databases_of(Target(node)):
            for member in self._topology.groups[database.group].nodes:
                wanted.setdefault(member, []).append(database.look)
        return wanted

    def _judged(self, wish: Wish, facts: Facts) -> tuple[Verdict, ...]:
        return judge(wish, replace(facts, standing=self._watch.standing()))

    def _refusal(self, upkeep: Upkeep, do: Do, facts: Facts) -> Verdict | None:
        takes = do.action in MARKING
        wish = self._wish(upkeep.node, do.action, upkeep.kind, upkeep.owner, upkeep.roll, do.args)
        wish = replace(wish, through=frozenset({do.gate}))
        verdicts = self._judged(wish, facts)
        holding = ALWAYS_HOLD | {"node_locked"} if takes else ALWAYS_HOLD
        held = next((one for one in verdicts if one.reason in holding), None)
        if held is None and upkeep.phase is Phase.TAKING:
            # The lock was judged as the upkeep began, and what is moved away after it is in that footprint; but
            # minutes may lie between the two, or another life of the healer.
            held = half_taken(self._judged(replace(wish, verb=LOCK, args=()), facts))
        return deciding(verdicts) if held is None and do.action in GUARDED else held

    def _as_judged(self, wish: Wish) -> Callable[[Board], bool]:
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
            and self._unstopped(board, nodes)
        )

    def _unstopped(self, board: Board, nodes: Collection[str]) -> bool:
        """Whether no person froze all, or holds one of these nodes, since it was decided."""
        held = {one.node for one in board.held(now_of(self._clock, board))}
        return not board.freezes and held.isdisjoint(nodes)


ALWAYS_HOLD = frozenset(
    {"frozen", "not_leader", "gate_hold", "person_hold", "copies_unknown", "not_replica"}
)
"""Reasons for which an upkeep that began waits with every step, also with giving back: a member that led may lead
again only once it is a good copy."""


def _said(refused: Verdict) -> str:
    return f"{refused.sentence} Has {refused.have}, needs {refused.need}"
