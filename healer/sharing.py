"""Answers many askers with few calls to the outside.

Rule: whoever asks while a call is under way shares the next one, so no answer is older than its question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from healer.errors import Unreachable

K = TypeVar("K")
V = TypeVar("V")


@dataclass(eq=False, slots=True)
class _Turn(Generic[K, V]):
    """Questions that one call answers.

    Attributes:
        answers: None until the call ended.
        error: Why there are none.
    """

    keys: dict[K, None] = field(default_factory=dict)
    answers: Mapping[K, V] | None = None
    error: Unreachable | None = None


class Shared(Generic[K, V]):
    """One question that many ask at the same time, each with keys of its own.

    The first who gets its turn calls for all who wait by then. If it is cancelled in its call, the next of them calls
    again, so nobody's deadline cuts off another.
    """

    def __init__(
        self, call: Callable[[tuple[K, ...]], Awaitable[Mapping[K, V]]], most: int = 1000
    ) -> None:
        """Share `call`, which answers up to `most` keys at once.

        Args:
            call: Gets keys in the order they were asked, each once; returns an answer for each of them, or raises
                Unreachable, which all who wait for it get.
            most: Keys of one call. One asker's own may be more.
        """
        self._call = call
        self._most = most
        self._lock = asyncio.Lock()
        self._next: _Turn[K, V] = _Turn()

    async def ask(self, keys: Iterable[K]) -> Mapping[K, V]:
        """Return the answers of a call that begins after this, for these keys and perhaps others.

        Raises:
            Unreachable: The call ended so.
        """
        wanted = dict.fromkeys(keys)
        if self._next.keys and len(self._next.keys | wanted) > self._most:
            self._next = _Turn()
        turn = self._next
        turn.keys |= wanted
        async with self._lock:
            if turn.answers is None and turn.error is None:
                if self._next is turn:
                    self._next = _Turn()
                try:
                    turn.answers = await self._call(tuple(turn.keys))
                except Unreachable as error:
                    turn.error = error
        if turn.answers is None:
            raise Unreachable(str(turn.error)) from turn.error
        return turn.answers
