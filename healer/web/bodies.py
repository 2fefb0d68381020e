"""How many bodies of messages are in memory at the same time: of everybody, and of each address."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from healer.web.door import network

MOST_AT_ONCE = 8
"""Bodies being read; the others wait, so that strangers cannot fill the memory."""

MOST_OF_ONE = 4
"""Of those, from one address: who sends slowly takes the time of their own neighbours only."""


class Busy(Exception):
    """Too many others are sending. Nothing was read."""


@dataclass
class Bodies:
    """Those that are being read."""

    _all: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))
    _of_one: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _here: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def room(self, address: str, seconds: float) -> AsyncIterator[None]:
        """Wait for room for one more, and keep it to the end of the block.

        Args:
            address: Whence it comes, as text.
            seconds: To wait.

        Raises:
            Busy: There was none within that time.
        """
        whose = network(address)
        own = self._of_one.setdefault(whose, asyncio.Semaphore(MOST_OF_ONE))
        self._here[whose] += 1
        try:
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(seconds):
                        # One's own first: who waits for neighbours keeps nobody else's room.
                        await held.enter_async_context(own)
                        await held.enter_async_context(self._all)
                except TimeoutError as exc:
                    raise Busy from exc
                yield
        finally:
            self._here[whose] -= 1
            if not self._here[whose]:
                del self._here[whose], self._of_one[whose]
