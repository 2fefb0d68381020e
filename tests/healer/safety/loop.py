"""An event loop on virtual time: whoever sleeps costs nothing, and nothing else is waited for."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class Stuck(AssertionError):
    """Every task waits for another one: time would never go on."""


class _NoInput(selectors.BaseSelector):
    """Lets the clock jump to the next timer instead of waiting for a file."""

    def __init__(self) -> None:
        self.now = 0.0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._keys[fileobj] = selectors.SelectorKey(fileobj, int(fileobj), events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("nothing is due any more, and somebody waits")
        self.now += max(0.0, timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """Goes as fast as its tasks do. Only sleeping makes time pass."""

    def __init__(self) -> None:
        self._input = _NoInput()
        super().__init__(self._input)

    def time(self) -> float:
        return self._input.now
