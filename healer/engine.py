"""The loop: look at what fires, place it in incidents, and take each incident one step further.

Level-based: every cycle reads the truth anew, and a webhook only makes the next cycle come sooner.
"""

import asyncio
import math
from collections.abc import Awaitable, Coroutine
from dataclasses import replace

import structlog

from healer.core.decide import decide
from healer.core.decision import Act, Decision
from healer.core.facts import Facts
from healer.core.incident import Incident
from healer.core.picture import Picture
from healer.core.recovery import seen_gone
from healer.core.states import IllegalMove, State
from healer.core.topology import Topology
from healer.errors import Malformed, StoreFull
from healer.gatherer import Gatherer
from healer.herald import Herald
from healer.intake import Intake
from healer.journal import Journal
from healer.listening import Listener
from healer.metrics import Metrics
from healer.noting import note
from healer.ports import Alertmanagers, Clock
from healer.proving import Prover
from healer.runner import Runner
from healer.spans import CLEAR, ENDED, Spans
from healer.standing import Watch
from healer.steps import Steps

log = structlog.get_logger()

CYCLE = 2.0
"""Seconds between two looks where nothing wakes us sooner (design, section 6)."""

AT_ONCE = 0.1
"""Seconds for which what Prometheus or the Alertmanagers were asked for counts as asked for now."""

FRESH = 2.0
"""Seconds after which facts that waited for their turn begin nothing any more, and are read again."""

SERVICES_EVERY = 10.0
"""Seconds between two readings of all services while nothing is wrong: people are shown them, and nothing is decided by
them then. Of thousands the reading is most of what a look costs."""

ROUNDS = 4
"""So often facts are read, or Alertmanagers asked, for one decision; then the next look takes it up."""

STUCK_SECONDS = 120.0
"""Seconds without an end of a turn after which it will never end: systemd is told no more that we are alive.

A turn in which Prometheus, every Alertmanager and a gate time out one after the other takes less than a minute.
"""


class Engine:
    """Drives every incident. One runs per cluster."""

    def __init__(  # everything it drives; app.py is the one place that calls this
        self,
        topology: Topology,
        journal: Journal,
        watch: Watch,
        alertmanagers: Alertmanagers,
        intake: Intake,
        gatherer: Gatherer,
        runner: Runner,
        herald: Herald,
        metrics: Metrics,
        clock: Clock,
        pause: float = CYCLE,
    ) -> None:
        self._topology = topology
        self._journal = journal
        self._watch = watch
        self._intake = intake
        self._gatherer = gatherer
        self._runner = runner
        self._herald = herald
        self._metrics = metrics
        self._clock = clock
        self._pause = pause
        self._wake = asyncio.Event()
        self._deciding = asyncio.Lock()
        self._busy: set[str] = set()
        self._steps = Steps(journal, clock, self._survived, self.wake)
        self._looked_at = -math.inf
        self._services_at = -math.inf
        self._woken = False
        self._listener = Listener(alertmanagers, watch, clock)
        self._spans = Spans(clock, lambda: watch.clock_jumped is False)
        self._prover = Prover(topology, journal, watch, gatherer, self._spans, clock, self.wake)
        self._turned_at: float | None = None
        self._stopping = False
        self._began: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look at once instead of at the next turn."""
        self._wake.set()

    async def run(self) -> None:
        """Settle what an earlier life left unfinished, then look and act until cancelled.

        Raises:
            LeaseLost: Another healer leads; whatever was sent is settled by it.
        """
        async with asyncio.TaskGroup() as tasks:
            self.resume(tasks)
            await self.turn(tasks)

    async def turn(self, tasks: asyncio.TaskGroup) -> None:
        """Look and act until `stop`; what was begun goes on in `tasks`."""
        while not self._stopping:
            self._woken = self._wake.is_set()
            self._wake.clear()
            self._turned_at = began = _monotonic()
            await self.cycle(tasks)
            self._turned_at = _monotonic()
            if self._steps.crowded:
                await asyncio.sleep(min(self._turned_at - began, self._pause))
            try:
                async with asyncio.timeout(self._pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
        # Whoever goes on after us finds no step of ours that may still begin something.
        await self._steps.ended()
        self._turned_at = None

    def stop(self) -> None:
        """Begin nothing new any more."""
        self._stopping = True
        self._steps.stop()
        self.wake()

    async def settled(self) -> None:
        """Return when everything that this engine began has ended."""
        while self._began:
            await asyncio.wait(self._began)

    def follow(self, before: "Engine") -> None:
        """Go on where another configuration's engine stopped: what it began is under way, what it saw was seen."""
        self._wake, self._busy = before._wake, before._busy  # noqa: SLF001  # one of us
        self._intake.follow(before._intake)  # noqa: SLF001  # one of us
        self._prover.follow(before._prover)  # noqa: SLF001  # one of us
        self._spans.follow(before._spans)  # noqa: SLF001  # one of us

    def stuck_seconds(self) -> float:
        """Return for how long the turn under way has not ended; at most the pause where all is well."""
        return _monotonic() - self._turned_at if self._turned_at is not None else 0.0

    def resume(self, tasks: asyncio.TaskGroup) -> None:
        """Ask the gates how every action ended that an earlier life began."""
        for incident in self._journal.board.open:
            if incident.state is State.ACTING:
                self._begin(tasks, incident.id, self._runner.settle(incident), "settle")

    async def idle(self) -> None:
        """Return when no action is under way, and no incident is being taken a step further."""
        while self._busy or self._steps.under_way:
            self._wake.clear()
            await self._wake.wait()

    async def cycle(self, tasks: asyncio.TaskGroup) -> None:
        """Look once, place what fires, step every incident, tell people."""
        await self._look()
        if self._watch.storing:
            await self._surviving(self._take_in(), step="intake")
        await self._steps.take(tasks, storing=self._watch.storing, busy=self._busy)
        board = self._journal.board
        still_open = {one.id for one in board.open}
        self._spans.keep(still_open)
        self._steps.keep(still_open)
        self._metrics.show(board.open, self._watch.freezes(), self._watch.now.steady)
        ahead = self._watch.now.ahead
        self._metrics.show_upkeep(board.planned.kept_away, self._topology, ahead)
        self._metrics.leader.set(self._watch.leading)
        await self._herald.tell(self._topology.cluster)

    async def _take_in(self) -> None:
        await self._watch.note_clock()
        await self._watch.note_storm()
        if self._watch.sight is not None:
            await self._intake.take(self._watch.sight)

    async def _surviving(self, work: Awaitable[None], **where: str) -> None:
        """Do one piece of work; what the journal does not take ends that piece, and nothing else."""
        try:
            await work
        except StoreFull as exc:
            self._watch.storing = False  # it is waited out; the next look asks again
            log.error("journal.full", error=str(exc))
        except Malformed as exc:
            # It would come again in each life: whoever is to blame must not end them all.
            self._metrics.events_refused.inc()
            log.error("event.refused", error=str(exc), **where)
        except IllegalMove as exc:
            # A person's word was durable first; the next look decides on that.
            log.info("decision.overtaken", error=str(exc), **where)

    async def _look(self) -> None:
        self._journal.ensure_whole()
        self._watch.look_at_clock()
        self._watch.leading = self._journal.store.lease_seconds() > 0
        self._watch.storing = await self._journal.store.room()
        self._metrics.history_in_memory.set(not self._journal.store.lasting())
        self._looked_at = self._clock.boottime()
        self._watch.look_at_nodes(await self._pictured(), self._topology)
        if self._watch.complete:
            self._metrics.resync.set(self._clock.wall())

    async def _pictured(self) -> Picture | None:
        """Hear the Alertmanagers and read the cluster; its services as they were lately while nothing is wrong."""
        known, at_rest = self._watch.picture, self._at_rest()
        picture, _ = await asyncio.gather(
            self._gatherer.picture(services=not at_rest), self._listener.hear()
        )
        if at_rest and known is not None and not self._fires():
            return None if picture is None else replace(picture, services=known.services)
        if at_rest:
            picture = await self._gatherer.picture()
        self._services_at = self._clock.boottime()
        return picture

    def _at_rest(self) -> bool:
        """Whether nobody needs to know how each service is: nothing is open or fires, and nobody woke us."""
        lately = self._clock.boottime() - self._services_at < SERVICES_EVERY
        return lately and not (self._woken or self._journal.board.open or self._fires())

    def _fires(self) -> bool:
        return self._watch.sight is None or bool(self._watch.sight.alerts)

    async def _survived(self, tasks: asyncio.TaskGroup, incident_id: str) -> None:
        await self._surviving(self._step(tasks, incident_id), incident=incident_id)

    async def _step(self, tasks: asyncio.TaskGroup, incident_id: str) -> None:
        incident = self._journal.board.incidents.get(incident_id)
        if incident is None:
            return  # it was over before its turn came
        if incident.state is State.VERIFYING:
            await self._prover.look(incident)
            return
        if await self._intake.yield_cause(incident):
            return  # another trouble now: its facts are read at the next look
        just_looked = self._clock.boottime() - self._looked_at <= AT_ONCE
        picture = self._watch.picture if just_looked else None
        facts = await self._gatherer.read(incident, self._watch.standing(), picture)
        decision = await self._decided(tasks, incident, facts)
        if decision is not None:
            # It may be over meanwhile, and not even at hand: then writing is refused.
            now_known = self._journal.board.incidents.get(incident_id, incident)
            await note(self._journal, now_known, decision, self._watch.now.steady)

    async def _decided(
        self, tasks: asyncio.TaskGroup, asked: Incident, facts: Facts
    ) -> Decision | None:
        """Decide, and begin what is to be begun; return what else there is to note, which nobody else waits for.

        Nothing is begun on facts that waited for longer than FRESH, nor where no Alertmanager was asked for longer than
        AT_ONCE: reading the facts took time, in which a person may have spoken. Then they are asked once more.
        """
        read_at, last = self._clock.boottime(), self._listener.asked_before(AT_ONCE)
        for _ in range(ROUNDS):
            # Decisions are made one at a time, each with what the one before has begun in place.
            async with self._deciding:
                age = self._clock.boottime() - read_at
                incident = self._still(asked)
                if incident is None:
                    return None
                decision = self._decide(incident, facts, age)
                if not isinstance(decision, Act):
                    return decision
                if self._listener.heard > last and age <= FRESH:
                    await self._act(tasks, incident, decision)
                    return None
            # Both may take seconds, and no other decision has to wait for them.
            await self._listener.hear_since(last)
            if not self._watch.complete:
                return None  # the next look holds on that
            if self._clock.boottime() - read_at > FRESH:
                facts = await self._gatherer.read(asked, self._watch.standing())
                read_at = self._clock.boottime()
        return None

    def _still(self, asked: Incident) -> Incident | None:
        """Return an incident as it is now; None where what was read for it decides nothing any more."""
        incident = self._journal.board.incidents.get(asked.id, asked)
        if self._stopping or incident.state in (State.CLOSED, State.ACTING, State.VERIFYING):
            return None
        if (incident.cause, incident.attempts) != (asked.cause, asked.attempts):
            return None  # what was read is about something else; the next look reads anew
        return incident

    def _decide(self, incident: Incident, facts: Facts, age: float) -> Decision:
        if age <= FRESH:
            facts = facts.later(self._watch.now, age)
        facts = replace(facts, standing=self._watch.standing())
        facts = self._gatherer.refresh(facts, incident)
        facts = replace(facts, rested=self._rested(incident))
        decision = decide(incident, facts, self._clear_for(incident, facts))
        self._watch.note_decision(incident.id, decision)
        return decision

    def _rested(self, incident: Incident) -> dict[str, float]:
        now = self._watch.now.steady
        return {
            one.action_id: self._spans.seconds(
                incident.id, ENDED, one.action_id, before=now - one.ended
            )
            for one in incident.attempts
            if one.ended is not None
        }

    async def _act(self, tasks: asyncio.TaskGroup, incident: Incident, decision: Act) -> None:
        if not decision.proposal.gives_back:
            self._spans.forget(incident.id, CLEAR)
        attempt = await self._runner.intend(decision)
        self._begin(tasks, incident.id, self._runner.carry_out(decision, attempt), "act")

    def _begin(
        self,
        tasks: asyncio.TaskGroup,
        incident_id: str,
        work: Coroutine[None, None, None],
        name: str,
    ) -> None:
        self._busy.add(incident_id)
        task = tasks.create_task(work, name=f"{name}:{incident_id}")
        self._began.add(task)
        task.add_done_callback(lambda _: self._ended(task, incident_id))

    def _ended(self, task: asyncio.Task[None], incident_id: str) -> None:
        self._began.discard(task)
        self._busy.discard(incident_id)
        incident = self._journal.board.incidents.get(incident_id)
        if incident is not None and incident.attempts:
            self._spans.begin(incident_id, ENDED, incident.attempts[-1].action_id)
        self.wake()

    def _claimed(self, incident: Incident) -> bool:
        sight = self._watch.sight
        firing = {alert.fingerprint for alert in sight.alerts} if sight is not None else set()
        return any(alert.fingerprint in firing for alert in incident.alerts)

    def _clear_for(self, incident: Incident, facts: Facts) -> float | None:
        """Return for how long the trouble was seen gone, on fresh samples only."""
        evidence = facts.evidence
        gone = evidence is not None and (
            seen_gone(incident, facts)
            # The rule is gone, and nobody claims it any more: nothing could ever say that it is over.
            or (evidence.firing is None and self._watch.heard and not self._claimed(incident))
        )
        if not gone:
            self._spans.forget(incident.id, CLEAR)
            return None
        return self._spans.seconds(incident.id, CLEAR)


def _monotonic() -> float:
    # A suspend is no turn that hangs, so this is not the clock that goes on through one.
    return asyncio.get_running_loop().time()
