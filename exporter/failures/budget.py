"""How much of a flood of lines is read: so many lines and so many bytes a second, and what was saved up before."""

import asyncio
from collections.abc import Awaitable, Callable

LINES_A_SECOND = 1000.0
"""A node that writes more than this for long says the same again and again."""

SAVED_LINES = 20_000.0
"""What a quiet time saves up: a boot's log has some thousand lines."""

BYTES_A_SECOND = 4.0 * 1024 * 1024
"""Of everything that comes, skipped lines included; journalctl waits for us meanwhile."""


class Budget:
    """A bucket of lines that fills with time."""

    def __init__(
        self,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin full; `clock` is monotonic."""
        self._clock = clock
        self._pause = pause
        self._lines = SAVED_LINES
        self._at = clock()

    def take(self, wanted: int) -> int:
        """Return how many of these lines may be read."""
        now = self._clock()
        self._lines = min(SAVED_LINES, self._lines + (now - self._at) * LINES_A_SECOND)
        self._at = now
        allowed = min(wanted, int(self._lines))
        self._lines -= allowed
        return allowed

    async def breathe(self, size: int) -> None:
        """Wait as long as so many bytes may take."""
        await self._pause(size / BYTES_A_SECOND)
