"""The last lines of a missed node are read in the background, and stand in its incident."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.decide import decide
from healer.core.decision import Act
from healer.core.incident import Incident
from healer.core.lastlines import LastLines, LoggedLine
from healer.core.picture import NodeHealth, Picture
from healer.errors import Unreachable
from healer.likeness import of_incident
from healer.ports import Copied
from healer.reader import INCIDENTS, LOOKS, NODES, Reader
from tests.healer.core.domains import down, exporter, lost
from tests.healer.core.world import alert, topology
from tests.healer.web.house import House

LINE = LoggedLine(1.5, "kernel", "I/O error, dev sdb", "disk", "an I/O error")


@dataclass
class FakeCopies:
    """What the receiver has; each look is noted."""

    asked: list[str] = field(default_factory=list)
    trouble: str = ""
    hangs: bool = False

    async def last_of(self, node: str) -> Copied:
        self.asked.append(node)
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble:
            raise Unreachable(self.trouble)
        return Copied((LINE,), "")


def missing(house: House, *nodes: str) -> None:
    """Let Prometheus miss these nodes."""
    health = {
        node: NodeHealth(scraped=node not in nodes, reached=node not in nodes)
        for node in house.topology.nodes
    }
    house.watch.look_at_nodes(Picture(house.clock.wall(), health, {}), house.topology)


async def dead(house: House, node: str = "web1", incident: str = "1") -> Incident:
    await house.open(replace(down(node), began_at=house.clock.wall()), incident)
    missing(house, node)
    return house.journal.board.incidents[incident]


@asynccontextmanager
async def reading(house: House, copies: FakeCopies) -> AsyncIterator[None]:
    """Run a reader until it has nothing to do any more."""
    made = Reader(house.journal, house.topology, copies, house.watch, every=0.001)
    running = asyncio.create_task(made.run())
    try:
        await turns()
        yield
        await turns()
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


def lines_of(house: House, incident: str = "1") -> tuple[LastLines, ...]:
    return house.journal.board.incidents[incident].last_lines


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def copies() -> FakeCopies:
    return FakeCopies()


@pytest.mark.parametrize("says", [down, exporter])
async def test_a_dead_nodes_last_lines_stand_in_its_incident(
    house: House, copies: FakeCopies, says: Callable[[str], ev.Alert]
) -> None:
    one = replace(says("web1"), began_at=house.clock.wall())
    async with reading(house, copies):
        await house.open(one)
        missing(house, "web1")
        await until(lambda: bool(lines_of(house)))
    assert copies.asked == ["web1"]
    assert lines_of(house) == (LastLines("web1", one.episode, house.clock.wall(), (LINE,), ""),)


async def test_what_was_read_is_not_read_again_after_a_restart(
    house: House, copies: FakeCopies
) -> None:
    await dead(house)
    async with reading(house, copies):
        await until(lambda: bool(lines_of(house)))
    async with reading(house, copies):
        pass
    assert copies.asked == ["web1"]


async def test_a_node_that_dies_anew_is_read_anew_and_the_newest_lines_count(
    house: House, copies: FakeCopies
) -> None:
    first = await dead(house)
    async with reading(house, copies):
        await until(lambda: bool(lines_of(house)))
        again = replace(first.cause, began_at=house.clock.wall() + 60)
        house.clock.pass_by(60)
        await house.journal.write(ie.AlertRenewed("1", again))
        missing(house, "web1")
        await until(lambda: len(copies.asked) == 2)
    assert [one.episode for one in lines_of(house)] == [again.episode]


async def test_nothing_is_read_for_an_alert_that_prometheus_does_not_bear_out(
    house: House, copies: FakeCopies
) -> None:
    async with reading(house, copies):
        await house.open(down("web1"))
        missing(house, "web2")  # anyone can post NodeDown
        await turns()
        house.watch.look_at_nodes(None, house.topology)  # Prometheus does not say
    assert copies.asked == []


async def test_nothing_is_read_for_what_is_about_a_service(
    house: House, copies: FakeCopies
) -> None:
    async with reading(house, copies):
        await house.open(alert())
        missing(house, "web1")
    assert copies.asked == []


@pytest.mark.parametrize("trouble", ["The copies are on mon1.", "journalctl: did not end"])
async def test_what_cannot_be_read_is_said_in_the_incident_and_not_asked_for_again(
    house: House, copies: FakeCopies, trouble: str
) -> None:
    copies.trouble = trouble
    await dead(house)
    async with reading(house, copies):
        await until(lambda: bool(lines_of(house)))
    assert [(one.lines, one.trouble) for one in lines_of(house)] == [((), trouble)]
    assert copies.asked == ["web1"]


async def test_a_look_that_hangs_holds_up_neither_the_incident_nor_the_end(
    house: House, copies: FakeCopies
) -> None:
    copies.hangs = True
    await dead(house)
    async with reading(house, copies):
        await until(lambda: copies.asked == ["web1"])
        await house.journal.write(ie.IncidentClosed("1", "gone", "over"))
    assert lines_of(house) == ()


async def test_lines_that_come_after_the_end_are_dropped(house: House, copies: FakeCopies) -> None:
    class Late(FakeCopies):
        async def last_of(self, node: str) -> Copied:
            if not self.asked:
                await house.journal.write(ie.IncidentClosed("1", "gone", "over"))
            return await super().last_of(node)

    late = Late()
    await dead(house)
    async with reading(house, late):
        await until(lambda: late.asked == ["web1"])
        await dead(house, "web2", "2")
        await until(lambda: bool(lines_of(house, "2")))  # it goes on with what comes next
    assert lines_of(house) == ()


async def test_where_there_is_no_room_the_lines_go_and_nothing_else(
    house: House, copies: FakeCopies
) -> None:
    await dead(house)
    house.store.full = True
    async with reading(house, copies):
        await until(lambda: copies.asked == ["web1"])
        await turns()
        house.store.full = False
        await house.journal.write(ie.IncidentEscalated("1", "for_a_person", "no ladder"))
    assert (copies.asked, lines_of(house)) == (["web1"], ())


async def test_of_a_lost_rack_the_first_nodes_are_read(copies: FakeCopies) -> None:
    plain = topology()
    nodes = {
        f"n{place}": replace(plain.nodes["web1"], name=f"n{place}") for place in range(NODES + 3)
    }
    house = House(given=replace(plain, nodes={**plain.nodes, **nodes}))
    await house.open(lost(began=house.clock.wall()))
    await house.journal.write(*(ie.AlertJoined("1", down(node)) for node in nodes))
    missing(house, *nodes)
    async with reading(house, copies):
        await until(lambda: len(copies.asked) == NODES)
    assert copies.asked == list(nodes)[:NODES]


async def test_where_the_whole_cluster_is_missed_only_so_many_are_read(copies: FakeCopies) -> None:
    plain = topology()
    nodes = [f"n{place}" for place in range(INCIDENTS + 5)]
    given = {node: replace(plain.nodes["web1"], name=node) for node in nodes}
    house = House(given=replace(plain, nodes={**plain.nodes, **given}))
    for place, node in enumerate(nodes):
        await house.open(down(node), str(place + 1))
    missing(house, *nodes)
    async with reading(house, copies):
        await until(lambda: len(copies.asked) == INCIDENTS)
    assert len(copies.asked) == INCIDENTS


async def test_a_node_that_goes_and_comes_all_night_is_not_read_for_ever(
    house: House, copies: FakeCopies
) -> None:
    first = await dead(house)
    async with reading(house, copies):
        for again in range(1, LOOKS + 5):
            renewed = replace(first.cause, began_at=first.cause.began_at + again)
            await house.journal.write(ie.AlertRenewed("1", renewed))
            await turns()
    assert len(copies.asked) == LOOKS


async def test_nothing_is_decided_by_what_a_copy_says(house: House) -> None:
    """Whoever reaches the receiver can have written it."""
    await house.arm()
    await house.open(house.trouble())
    one = house.journal.board.incidents["1"]
    facts = await house.gatherer.read(one, house.watch.standing())
    before = decide(one, facts, None)
    found = LastLines("web1", one.cause.episode, 1.0, (LINE,), "")
    await house.journal.write(ie.LastLinesRead("1", found))
    after = house.journal.board.incidents["1"]
    assert after.last_lines == (found,)
    assert replace(after, last_lines=()) == one
    assert (of_incident(after), after.grounds) == (of_incident(one), one.grounds)
    then = decide(after, facts, None)
    assert isinstance(before, Act)
    assert isinstance(then, Act)
    assert replace(then, proposal=replace(then.proposal, incident=one)) == before
