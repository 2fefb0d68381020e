"""Every mark as journal, gates and exporters tell it: whatever they say, it counts as set."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from healer.core.look import Look, Mark
from healer.core.picture import SeenMark
from healer.marks import MarkBook
from healer.shapes.marks import MarkStateView, MarksView
from tests.healer.fake_gates import FakeGates
from tests.healer.tier import tier
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


class MarkedGates(FakeGates):
    """Gates that tell which marks they have: those of drained members, and others besides."""

    others: tuple[tuple[str, Mark], ...] = ()
    forgetful: frozenset[str] = frozenset()

    async def look(self, node: str, names: Sequence[str]) -> Look:
        seen = await super().look(node, names)
        known = [
            Mark("pool.drain", subject, ("incident:1.1",), True)
            for gate, subject in sorted(self.cluster.drained)
            if gate == node and node not in self.forgetful
        ]
        more = [mark for gate, mark in self.others if gate == node]
        return replace(seen, marks=(*known, *more))


@pytest.fixture
def village() -> Village:
    """A tier in which nginx cannot be restarted, so that a member of its pool is taken out."""
    made = Village(tier())
    made.gates = MarkedGates(made.cluster, made.diary)
    made.gates.refuse["service.restart"] = "config_check"
    return made


async def read(village: Village) -> MarksView:
    return await MarkBook(village.gatherer, village.watch).read()


def at(shown: MarksView, node: str, mark: str = "pool.drain") -> MarkStateView:
    (found,) = (one for one in shown["marks"] if (one["node"], one["mark"]) == (node, mark))
    return found


async def drain(village: Village) -> None:
    village.fail()
    await asyncio.sleep(30)


async def test_a_mark_says_whose_it_is_what_it_waits_for_and_how_it_comes_back(village):
    async with village.armed():
        await drain(village)
        shown = await read(village)
    one = at(shown, "lb1")
    assert (one["journal"], one["gate"], one["applied"]) == (True, "set", True)
    assert (one["subject"], one["owners"]) == ("web/web1", ["incident:1"])
    assert one["giving_back"] == "held"
    assert one["says"]["reason"] == "not_clear"
    assert "once ServiceDown at web1/nginx is seen gone: hale-healer show 1" in one["how"]
    assert shown["silent"] == []


async def test_where_journal_and_gate_differ_it_is_said_and_the_mark_is_still_listed(village):
    async with village.armed():
        await drain(village)
        village.gates.forgetful = frozenset({"lb2"})
        shown = await read(village)
    assert (at(shown, "lb2")["gate"], at(shown, "lb2")["differs"]) == ("not_set", True)
    assert at(shown, "lb2")["journal"]


async def test_a_gate_that_does_not_answer_is_named_and_its_marks_stay_listed(village):
    async with village.armed():
        await drain(village)
        village.cluster.deaf.add("lb1")
        shown = await read(village)
    assert at(shown, "lb1")["gate"] == "unknown"
    (silent,) = shown["silent"]
    assert silent["node"] == "lb1"


async def test_what_only_a_gate_or_only_an_exporter_knows_is_listed_with_what_to_type(village):
    lost = Mark("pool.drain", "web/web3", ("incident:1.77", "person:carol"), False)
    village.gates.others = (("lb1", lost),)
    village.prometheus.marks = {SeenMark("address.decline", "vip", "lb2", "person", 5.0)}
    async with village.armed():
        shown = await read(village)
    assert {one["mark"] for one in shown["marks"]} == {"pool.drain", "address.decline"}
    one = at(shown, "lb1")
    assert (one["owners"], one["journal"], one["differs"]) == (["incident", "person"], False, True)
    assert "no open incident owns it: on lb1, hale-gate return web/web3 --all" in one["how"]
    assert "by whoever set it, on lb1: hale-gate return web/web3" in one["how"]
    assert "hale-gate accept vip" in at(shown, "lb2", "address.decline")["how"]


async def test_however_many_look_the_gates_are_asked_once(village):
    async with village.armed():
        book = MarkBook(village.gatherer, village.watch)
        before = len(village.gates.looks)
        await asyncio.gather(*(book.read() for _ in range(50)))
        assert len(village.gates.looks) == before + 2
        await asyncio.sleep(6)
        before = len(village.gates.looks)
        await book.read()
        assert len(village.gates.looks) > before
