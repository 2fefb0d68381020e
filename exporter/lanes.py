"""Many of one kind, such as mounts or sensors, each asked something that may never be answered.

One thread asks all of them in turn, and as soon as one keeps it waiting others go on with the rest: what answers costs
next to nothing, and what hangs costs a thread and nobody else.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

import structlog

from exporter.blocking import Blocking
from exporter.collector import Malformed

log = structlog.get_logger()

T = TypeVar("T")

# After so many seconds without an answer others go on with the rest, twice as many threads as are at it.
PROMPT = 0.1
# Threads of one collector at once, those that hang counted. With as many that hang the others are asked no more.
LANES = 16
# Of whom the log tells at once that asking them fell over.
MOST_TOLD = 3


class Lanes(Generic[T]):
    """Threads that share one list of whom to ask."""

    def __init__(self, name: str, blocking: Blocking, most: int = LANES) -> None:
        """Ask nobody yet.

        Args:
            name: The collector's.
            blocking: Runs what may hang; has `most` places at least.
            most: Threads at once, those that hang counted.
        """
        self._name = name
        self._blocking = blocking
        self._most = most
        self._asking: set[str] = set()  # those at which a thread is now
        self._begun = 0
        self._told: set[str] = set()  # those of whom the log knows that asking them falls over

    async def ask(
        self,
        whom: Collection[str],
        question: Callable[[str], T],
        within: float,
        show: Callable[[dict[str, T]], None],
    ) -> tuple[dict[str, T], dict[str, Exception]]:
        """Ask all, but for those at which a thread hangs from before; return the answers and the errors.

        Args:
            whom: In this order; no name is there twice.
            question: Asks one, in a thread; may raise OSError or Malformed, or never return. Whatever else it raises is
                a bug of ours, which is told with its traceback, and costs the others nothing.
            within: Seconds until those that have not answered are given up.
            show: Called with the answers so far, each time that some keep the others waiting.

        Raises:
            StillRunning: There are far too many threads that hang; not all were asked.
        """
        round_ = _Round([one for one in whom if one not in self._asking], question)
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        running = {self._lane(round_)}
        before = shown = 0
        try:
            while running and (left := until - loop.time()) > 0:
                ended, running = await asyncio.wait(running, timeout=min(PROMPT, left))
                for lane in ended:
                    lane.result()
                if running and len(round_.answers) > shown:
                    shown = len(round_.answers)
                    show(dict(round_.answers))
                if round_.done == before:  # nobody gets on
                    running |= {self._lane(round_) for _ in range(self._more(round_, running))}
                before = round_.done
        finally:
            round_.todo.clear()  # a thread that comes back late takes nothing up
            for lane in running:
                lane.cancel()
        self._tell(round_.errors)
        return dict(round_.answers), dict(round_.errors)

    def _tell(self, errors: Mapping[str, Exception]) -> None:
        bugs = {one for one, error in errors.items() if not isinstance(error, OSError | Malformed)}
        for one in sorted(bugs - self._told)[:MOST_TOLD]:  # once, not at every round
            log.error("device.failed", collector=self._name, device=one, exc_info=errors[one])
        self._told = bugs

    def _more(self, round_: "_Round[T]", running: Collection[object]) -> int:
        return min(len(running), self._most - len(running), len(round_.todo))

    def _lane(self, round_: "_Round[T]") -> "asyncio.Task[None]":
        self._begun += 1
        key = f"{self._name} {self._begun}"
        call = self._blocking.call(key, lambda: round_.work(self._asking))
        return asyncio.create_task(call, name=key)


class _Round(Generic[T]):
    """One asking of everybody, shared by the threads that do it.

    What they share is changed by single calls into it only, each of which Python makes whole.
    """

    def __init__(self, whom: Collection[str], question: Callable[[str], T]) -> None:
        self.todo = deque(whom)
        self.answers: dict[str, T] = {}
        self.errors: dict[str, Exception] = {}
        self._question = question

    @property
    def done(self) -> int:
        """How many have answered, be it with an error."""
        return len(self.answers) + len(self.errors)

    def work(self, asking: set[str]) -> None:
        """Ask one after the other until none is left; each is in `asking` meanwhile."""
        while True:
            try:
                one = self.todo.popleft()
            except IndexError:
                return
            asking.add(one)
            try:
                self.answers[one] = self._question(one)
            except Exception as error:  # noqa: BLE001 - of one only: `Lanes` tells of it
                self.errors[one] = error
            finally:
                asking.discard(one)
