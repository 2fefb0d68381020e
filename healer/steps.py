"""Has every incident take its steps side by side, so that one that waits for long keeps no other waiting.

What a step is, the engine says. Rule: an incident takes one step at a time, and nobody is passed over for good.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from healer.core.incident import Incident
from healer.core.states import State
from healer.journal import Journal
from healer.ports import Clock

STRAGGLERS = 0.2
"""Seconds that one look waits for all incidents to be taken a step further. A gate that hangs takes five, and what is
new must not wait for it: the next look goes on with all the others."""

CROWD = 100
"""Open incidents, beyond which those that are held rest between two steps: what may act waits for none that waits.
Two looks are then as far apart as one takes, so that thousands of messages are heard meanwhile."""

REST = 2.0
"""Times as long as its last step took, an incident of a crowd rests."""

TOGETHER = 500
"""Incidents whose steps begin together, while those before them end. What thousands of steps hold at once fills
memory, and one turn of them all may last as long as the lease."""

PACE = 2.0
"""Seconds after which more steps begin, though not all of those before have ended."""

Step = Callable[[asyncio.TaskGroup, str], Awaitable[None]]
"""One step of the incident with this id; what it begins goes on in the tasks."""


class Steps:
    """The steps that are under way, and whose turn it is next."""

    def __init__(
        self, journal: Journal, clock: Clock, step: Step, wake: Callable[[], None]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._step = step
        self._wake = wake
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._stepped_in: dict[str, tuple[float, float]] = {}
        self._late = False
        self._late_from = 0
        self._stopping = False

    @property
    def under_way(self) -> bool:
        """Whether any step has not ended."""
        return bool(self._under_way)

    @property
    def crowded(self) -> bool:
        """Whether more incidents are open than take a step at each look."""
        return len(self._journal.board.open) > CROWD

    def stop(self) -> None:
        """Begin no step any more."""
        self._stopping = True

    async def ended(self) -> None:
        """Return when every step has ended."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    def keep(self, still_open: Collection[str]) -> None:
        """Forget how long the steps of all other incidents took."""
        for gone in self._stepped_in.keys() - still_open:
            del self._stepped_in[gone]

    async def take(self, tasks: asyncio.TaskGroup, *, storing: bool, busy: Collection[str]) -> None:
        """Take every incident that is not at work one step further; wait for most of these steps.

        Where there is no room for anything new, what was begun is still proved: for that there is a reserve.

        Args:
            tasks: In which the steps run, and what they begin.
            storing: Whether there is room in the store for something new.
            busy: Incidents of which an action is under way.
        """
        now = self._clock.boottime()
        due, before = self._due(now, storing, busy), list[asyncio.Task[None]]()
        for first in range(0, len(due), TOGETHER):
            if self._stopping:
                break
            begun = [self._begin(tasks, one.id, now) for one in due[first : first + TOGETHER]]
            if before:
                await asyncio.wait(before, timeout=PACE)
            before = begun
        if self._under_way:
            _, late = await asyncio.wait(self._under_way.values(), timeout=STRAGGLERS)
            self._late, self._late_from = bool(late), self._journal.board.seq

    def _due(self, now: float, storing: bool, busy: Collection[str]) -> list[Incident]:
        """Return the incidents that take a step at this look; of a crowd first those that may act, node by node.

        So one gate answers many at once, and one that hangs keeps no others waiting.
        """
        crowd = self.crowded
        due = [
            one
            for one in self._journal.board.open
            if (storing or one.state is State.VERIFYING)
            and not (crowd and one.state is State.HELD and now < self._rests(one.id))
            and one.id not in busy
            and one.id not in self._under_way
        ]
        return sorted(due, key=_turn) if crowd else due

    def _rests(self, incident_id: str) -> float:
        """Return until when an incident that is held is not looked at again, where there are many.

        Its step counts from when it was due: where thousands take turns, all rest for as long as a whole round takes.
        """
        began, ended = self._stepped_in.get(incident_id, (0.0, 0.0))
        return ended + REST * (ended - began)

    def _begin(
        self, tasks: asyncio.TaskGroup, incident_id: str, due_at: float
    ) -> asyncio.Task[None]:
        work = self._stepped(tasks, incident_id, due_at)
        step = tasks.create_task(work, name=f"step:{incident_id}")
        self._under_way[incident_id] = step
        return step

    async def _stepped(self, tasks: asyncio.TaskGroup, incident_id: str, due_at: float) -> None:
        try:
            await self._step(tasks, incident_id)
        finally:
            del self._under_way[incident_id]
            self._stepped_in[incident_id] = (due_at, self._clock.boottime())
            if self._late and not self._under_way:
                self._late = False
                # What they found is told, and goes on, without another pause. One that only holds on may be so
                # late at each look, and must not make us look without any pause for as long as it is open.
                if self._journal.board.seq != self._late_from:
                    self._wake()


def _turn(incident: Incident) -> tuple[bool, str]:
    return incident.state is State.HELD, incident.target.node
