"""One leadership: one journal and one lease, under one configuration after another.

Rule: what was begun ends under the configuration it was begun under; the next one begins nothing before the one
before it has stopped deciding.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from healer.core import events as ev
from healer.core.order import Token
from healer.errors import LeaseLost, Refused
from healer.parts import Kept, Parts, assemble
from healer.ports import Store
from healer.pruner import keep_short
from healer.settings import Settings
from healer.web.desk import Reload
from healer.web.server import Doors, control_app, public_app

log = structlog.get_logger()

WIND_DOWN = 5.0
"""Seconds that a healer which is told to stop gives the turn under way, and then what it has begun.

By then a gate has said `begun`, or the next healer asks it. An action that takes longer is settled by that one.
"""


class Leadership:
    """What a healer does from the moment in which it leads."""

    def __init__(self, loaded: Settings, kept: Kept, doors: Doors, reload: Reload) -> None:
        """Begin nothing yet.

        Args:
            loaded: The configuration to begin with.
            kept: What lasts as long as we lead.
            doors: Behind which we answer.
            reload: What people ask to have cluster.yml read anew.
        """
        self._kept = kept
        self._doors = doors
        self._reload = reload
        self._loaded = loaded
        self._parts: Parts | None = None
        self._tasks = asyncio.TaskGroup()
        self._turns: set[asyncio.Task[None]] = set()
        self._ending = False

    async def run(self, leads: Callable[[Token], None]) -> None:
        """Lead until cancelled.

        Args:
            leads: Told once, when we answer as the leader.

        Raises:
            LeaseLost: Another healer leads. What was sent is settled by that one.
        """
        async with self._tasks as tasks:
            kept, loaded = self._kept, self._loaded
            tasks.create_task(_renew(kept.store, loaded.store.lease_seconds / 4), name="lease")
            shorter = keep_short(kept.journal, kept.watch, kept.clock, loaded.keep)
            tasks.create_task(shorter, name="pruner")
            parts = await self._made(loaded)
            topology, token = loaded.topology, kept.store.token
            started = ev.HealerStarted(
                *(kept.version, topology.digest, topology.modes),
                *(token.era, token.term, topology.own_node),
            )
            # Closing: a healer that starts on a full disk must still be able to call a person.
            await kept.journal.write(started, closing=True)
            parts.engine.resume(tasks)
            await self._go_on(parts)
            leads(token)

    async def reconfigure(self, loaded: Settings, by: str) -> None:
        """Go on under another configuration.

        Raises:
            Refused: We do not answer as the leader yet.
            StoreFull: It could not be made durable; the old one goes on.
            LeaseLost: Another healer leads.
        """
        before = self._parts
        if before is None:
            raise Refused("starting", "it has only just taken the lead: ask again in a moment")
        parts = await self._made(loaded)
        try:
            before.engine.stop()
            await before.stopped.wait()
            topology = loaded.topology
            changed = ev.ConfigReloaded(topology.digest, topology.modes, by)
            await self._kept.journal.write(changed)
        except BaseException as error:
            await parts.connections.aclose()
            # Where the lead ends, nobody goes on; else the engine that was stopped needs a next one, even where
            # only whoever asked for the reload has gone.
            if not (self._ending or isinstance(error, LeaseLost)):
                await self._go_on(await self._made(before.loaded), before)
            raise
        await self._go_on(parts, before)

    async def wind_down(self) -> None:
        """Decide nothing any more, and give what was begun, under whatever configuration, a moment to be heard of."""
        self._ending = True  # a reload under way goes on to an engine that decides nothing
        if self._parts is None:
            return
        self._parts.engine.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(WIND_DOWN):
                while self._turns:
                    await asyncio.wait(self._turns)

    def stuck_seconds(self) -> float:
        """Return for how long the engine's turn has not ended."""
        return self._parts.engine.stuck_seconds() if self._parts is not None else 0.0

    async def _made(self, loaded: Settings) -> Parts:
        return await assemble(loaded, self._kept, self._reload)

    async def _go_on(self, parts: Parts, before: Parts | None = None) -> None:
        if before is not None:
            parts.follow(before)
            if before.annotator is not None:
                self._kept.journal.ignore(before.annotator)
        if parts.annotator is not None:
            self._kept.journal.listen(parts.annotator)
        self._kept.watch.numbers = parts.loaded.topology.numbers
        self._parts, self._loaded = parts, parts.loaded
        await self._doors.show(public_app(parts.desk), control_app(parts.desk))
        if self._ending:
            parts.engine.stop()
        turn = self._tasks.create_task(self._turn(parts), name="engine")
        self._turns.add(turn)
        turn.add_done_callback(self._ended)

    def _ended(self, turn: asyncio.Task[None]) -> None:
        self._turns.discard(turn)
        if turn.cancelled() or turn.exception() is not None:
            self._ending = True  # it ends well only where it was stopped

    async def _turn(self, parts: Parts) -> None:
        """Run one configuration's engine until it is stopped, and keep its connections for what it has begun."""
        async with parts.connections:
            beside = [
                self._tasks.create_task(parts.herald.keep_tested(), name="second_path_test"),
                self._tasks.create_task(parts.herald.keep_calling(), name="second_path"),
                self._tasks.create_task(parts.upkeep.run(), name="upkeep"),
                self._tasks.create_task(parts.roller.run(), name="rolls"),
            ]
            if parts.annotator is not None:
                beside.append(self._tasks.create_task(parts.annotator.run(), name="annotations"))
            if parts.reader is not None:
                beside.append(self._tasks.create_task(parts.reader.run(), name="last_lines"))
            try:
                await parts.engine.turn(self._tasks)
            finally:
                for one in beside:
                    one.cancel()
                parts.stopped.set()
            await parts.engine.settled()


async def _renew(store: Store, every: float) -> None:
    now = asyncio.get_running_loop().time
    while True:
        asked = now()
        await store.renew()
        # What the store did besides does not put the next renewal off.
        await asyncio.sleep(max(0.0, every - (now() - asked)))
