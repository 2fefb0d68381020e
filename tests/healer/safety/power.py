"""The power device of the simulated cluster, as a fencing host's gate reaches it: it obeys, or it does not.

Rule: it never says off of a node that is on. One that did would deceive whoever asks, people too.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from healer.core.attempt import Outcome
from healer.core.order import Ended
from tests.healer.safety.world import World

WAYS = ("refuses", "hangs", "hangs and cuts", "lies", "cannot be read")
"""What is wrong with it, where something is."""


@dataclass
class Switch:
    """One device for all nodes.

    Attributes:
        way: One of WAYS, or empty where it obeys.
    """

    world: World
    duration: Callable[[], float]
    way: str = ""

    def reads(self, node: str) -> str | None:
        """What it says of a node now; None where it says nothing."""
        if self.way.startswith("hangs"):
            return None
        if self.way == "cannot be read":
            return "unknown"
        return "off" if node in self.world.off else "on"

    async def cuts(self, node: str, alive: Callable[[], bool]) -> tuple[Ended, bool]:
        """Switch a node off as docs/gate.md has it; say as well whether the mark stays.

        Args:
            node: Which.
            alive: Whether the fencing host still runs, so that what it began goes on.
        """
        way = self.way
        await asyncio.sleep(self.duration())
        if not alive():
            return Ended(Outcome.UNKNOWN, "power", ""), True
        if way == "refuses":
            return Ended(Outcome.FAILED, "fence_refused", "it reads on"), node in self.world.off
        if way not in ("hangs", "lies"):
            self.world.cut_off(node)
        if way.startswith("hangs"):
            return Ended(Outcome.UNKNOWN, "deadline", ""), True
        said = self.reads(node)
        if said == "off":
            return Ended(Outcome.DONE, "fenced", "off"), True
        if said == "on":
            return Ended(Outcome.FAILED, "still_on", "on"), True
        return Ended(Outcome.UNKNOWN, "power_unread", "no reading"), True

    async def restores(self, node: str, alive: Callable[[], bool]) -> Ended:
        """Switch a node on again."""
        await asyncio.sleep(self.duration())
        if not alive() or self.way.startswith("hangs"):
            return Ended(Outcome.UNKNOWN, "deadline", "")
        self.world.switch_on(node)
        return Ended(Outcome.DONE, "unfenced", "on")
