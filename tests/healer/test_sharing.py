"""Many askers, few calls."""

import asyncio

import pytest

from healer.errors import Unreachable
from healer.sharing import Shared

pytestmark = pytest.mark.looptime(start=0)


class Outside:
    """Notes each call's keys; a call takes a second of virtual time."""

    def __init__(self, *, broken: bool = False) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.broken = broken

    async def __call__(self, keys: tuple[str, ...]) -> dict[str, str]:
        self.calls.append(keys)
        await asyncio.sleep(1)
        if self.broken:
            raise Unreachable("nobody is there")
        return {key: f"{key}{len(self.calls)}" for key in keys}


@pytest.fixture
def outside() -> Outside:
    return Outside()


async def asked(shared: Shared[str, str], key: str) -> str:
    return (await shared.ask([key]))[key]


async def test_who_asks_while_a_call_is_under_way_shares_the_next_one(outside):
    shared = Shared(outside)
    found = await asyncio.gather(*(asked(shared, key) for key in "abcab"))
    assert outside.calls == [("a",), ("b", "c", "a")]
    assert found == ["a1", "b2", "c2", "a2", "b2"]


async def test_an_answer_is_of_a_call_that_began_after_the_question(outside):
    shared = Shared(outside)
    first = asyncio.create_task(asked(shared, "a"))
    await asyncio.sleep(0.5)
    assert await asked(shared, "a") == "a2"
    assert await first == "a1"


async def test_an_error_reaches_all_who_wait_for_that_call_and_nobody_after_them(outside):
    shared = Shared(outside)
    outside.broken = True
    ends = await asyncio.gather(*(asked(shared, key) for key in "abc"), return_exceptions=True)
    assert [str(end) for end in ends] == ["nobody is there"] * 3
    assert len(outside.calls) == 2
    outside.broken = False
    assert await asked(shared, "d") == "d3"


async def test_who_gives_up_in_the_call_leaves_it_to_the_next_who_waits(outside):
    shared = Shared(outside)
    await asyncio.sleep(0)
    first = asyncio.create_task(asked(shared, "a"))
    await asyncio.sleep(0)
    second, third = (asyncio.create_task(asked(shared, key)) for key in "bc")
    await asyncio.sleep(1.5)  # the second calls for both
    assert await first == "a1"
    second.cancel()
    assert await third == "c3"
    assert outside.calls == [("a",), ("b", "c"), ("b", "c")]


async def test_one_call_has_so_many_keys_at_most(outside):
    shared = Shared(outside, most=2)
    await asyncio.gather(*(asked(shared, key) for key in "abcde"))
    assert outside.calls == [("a",), ("b", "c"), ("d", "e")]
