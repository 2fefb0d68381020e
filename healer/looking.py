"""How one page asks what stands outside: Prometheus once, however many nodes it is about, and each gate for a while.

Rule: nothing here decides anything. Whoever acts asks anew, by the gatherer itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from healer.core.look import Heard
from healer.core.picture import Picture
from healer.gatherer import Gatherer

GATE_SECONDS = 2.0
"""For which a page waits for one gate. Who acts waits longer."""


@dataclass
class _Once:
    """The picture, once somebody asked for it; others wait for the same one."""

    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    told: tuple[Picture | None] | None = None


@dataclass(frozen=True, slots=True)
class Looker(Gatherer):
    """A gatherer for one page."""

    once: _Once = field(default_factory=_Once)

    async def picture(self, *, services: bool = True) -> Picture | None:
        """Read how the cluster looks, the first time that it is asked for; its services are always in it."""
        async with self.once.asking:
            if self.once.told is None:
                self.once.told = (await Gatherer.picture(self),)
            return self.once.told[0]

    async def look(self, node: str, names: Sequence[str]) -> Heard:
        """Ask one gate, and say so where it does not answer in time."""
        try:
            async with asyncio.timeout(GATE_SECONDS):
                return await Gatherer.look(self, node, names)
        except TimeoutError:
            return Heard(None, f"the gate of {node} did not answer within {GATE_SECONDS:g} s")


def looker(gatherer: Gatherer) -> Looker:
    """Return a gatherer for one page, which asks by the same means."""
    return Looker(**{one.name: getattr(gatherer, one.name) for one in fields(Gatherer)})
