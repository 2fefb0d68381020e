"""What gates are asked only for people to look at: once in KEEP seconds, however many look.

Rule: nothing here decides anything. Whoever acts asks anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from healer.ports import Clock

T = TypeVar("T")

KEEP = 5.0
"""Seconds for which an answer is shown again."""

MOST = 200
"""Answers that are kept."""

AT_ONCE = 10
"""Questions at the same time, those of one page: a storm of lookers leaves the gates to what has to be decided."""


@dataclass
class _Answer(Generic[T]):
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    told: tuple[T, float] | None = None


@dataclass
class Lately(Generic[T]):
    """Answers by what they are about, each asked for by one looker at a time."""

    clock: Clock
    _asked: OrderedDict[str, _Answer[T]] = field(default_factory=OrderedDict)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def read(self, about: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` answers, or answered within KEEP. What it raises is raised, and not kept."""
        one = self._asked.setdefault(about, _Answer())
        self._asked.move_to_end(about)
        while len(self._asked) > MOST:
            self._asked.popitem(last=False)
        async with one.asking:
            if one.told is None or self.clock.boottime() - one.told[1] >= KEEP:
                async with self._places:
                    answer = await ask()
                one.told = answer, self.clock.boottime()
            return one.told[0]
