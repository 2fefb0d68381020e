"""Kill the healer before and after each commit of a roll: each node is patched once, and all is given back."""

import asyncio
from collections.abc import Sequence

import pytest

from healer.core.events import Event, Record
from healer.core.roll import RollState
from tests.healer.rolls import patched, state, village
from tests.healer.village import ARMED, Village

pytestmark = pytest.mark.looptime(start=0)

LONG = 900.0
"""Seconds in which a roll over three nodes ends, whatever it has to wait for after a kill."""


class Killed(BaseException):
    """The process is gone. No `except Exception` sees it."""


class Killer:
    """Lets a healer die at one commit of its store."""

    def __init__(self, made: Village) -> None:
        self.commits, self.dies_at, self.durable = 0, 0, False
        self._append = made.store.append
        made.store.append = self.append  # type: ignore[method-assign]

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        self.commits += bool(events)
        dies = bool(events) and self.commits == self.dies_at
        if dies and not self.durable:
            raise Killed
        written = await self._append(events, closing=closing)
        if dies:
            raise Killed
        return written


async def over(made: Village) -> None:
    """Wait for the end of the roll; where it comes to none, what is asked of it says so."""
    for _ in range(round(LONG / 5)):
        if state(made) is RollState.OVER:
            return
        await asyncio.sleep(5)


async def rolled(dies_at: int, *, durable: bool) -> tuple[Village, int]:
    """Have a group patched by a healer that dies once, and by the one after it; return what is left and the commits."""
    made = village()
    killer = Killer(made)
    killer.dies_at, killer.durable = dies_at, durable
    try:
        async with made.alive():
            await asyncio.sleep(ARMED)
            await made.roller.begin("web", "root", soak=5.0)
            await over(made)
    except* Killed:
        async with made.alive():
            await asyncio.sleep(ARMED)
            if (
                not made.journal.board.planned.rolls
            ):  # whoever said it heard no yes, and says it again
                await made.roller.begin("web", "root", soak=5.0)
            await over(made)
    return made, killer.commits


def locked(made: Village) -> list[int]:
    """Return how many nodes were locked after each turn of a lock."""
    away, seen = set[str](), list[int]()
    for order in made.gates.orders:
        if order.verb == "node.lock":
            away.add(order.node)
        elif order.verb == "node.unlock":
            away.discard(order.node)
        seen.append(len(away))
    return seen


@pytest.mark.parametrize("durable", [False, True], ids=["before", "after"])
async def test_killed_at_any_commit_each_node_is_patched_once_and_given_back(durable):
    _, commits = await rolled(0, durable=False)
    assert commits > 40
    for dies_at in range(1, commits + 1):
        made, _ = await rolled(dies_at, durable=durable)
        assert sorted(patched(made)) == ["web1", "web2", "web3"], dies_at
        assert state(made) is RollState.OVER, dies_at
        assert max(locked(made)) == 1, dies_at
        assert locked(made)[-1] == 0, dies_at
        assert made.cluster.drained == set(), dies_at
        assert made.silences.standing == {}, dies_at
