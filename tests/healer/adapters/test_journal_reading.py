"""Reading the journal in parts, and the lease meanwhile, on real SQLite files."""

import sqlite3

import pytest

from healer.adapters.codec import encode
from healer.adapters.journal import PAGE, SqliteStore
from healer.core.alert import Alert
from healer.core.events import AlertsReceived, SeenClear, Unfrozen
from healer.core.incident_events import IncidentAdopted
from healer.errors import LeaseLost
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.test_journal import changed, where

__all__ = ["where"]


async def test_kinds_are_left_out_and_what_is_left_comes_in_portions(where):
    store = await SqliteStore.open(where, HandClock())
    for number in range(4):
        await store.append([AlertsReceived(()), SeenClear(f"f{number}")])
    hints = frozenset({"alerts_received"})
    assert [one.seq for one in await store.read(without=hints)] == [2, 4, 6, 8]
    assert [one.seq for one in await store.read(2, without=hints, most=2)] == [4, 6]
    assert await store.read(8, without=hints, most=2) == []
    await store.release()


async def test_a_kind_that_is_left_out_is_not_even_looked_at(where):
    store = await SqliteStore.open(where, HandClock())
    await store.append([AlertsReceived(()), Unfrozen("ann")])
    changed(where, "UPDATE events SET body = '{' WHERE seq = 1")
    assert [one.seq for one in await store.read(without=frozenset({"alerts_received"}))] == [2]
    await store.release()


async def test_one_incident_is_read_without_the_others(where):
    store = await SqliteStore.open(where, HandClock())
    await store.append([IncidentAdopted("i1", "ann"), IncidentAdopted("i2", "ann"), Unfrozen("b")])
    await store.append([IncidentAdopted("i1", "bob"), IncidentAdopted("i1", "eve")])
    assert [one.seq for one in await store.read_incident("i1")] == [1, 4, 5]
    assert [one.seq for one in await store.read_incident("i1", 1, most=1)] == [4]
    for unknown in ("i3", "", "i1' OR 1 --"):
        assert await store.read_incident(unknown) == []
    await store.release()


async def test_hints_are_counted_in_bytes_of_the_journal_and_only_the_new_ones(where):
    clock = HandClock()
    store = await SqliteStore.open(where, clock)
    assert await store.hint_bytes(0.0) == 0
    hint = AlertsReceived((Alert("f", "Ü", (("alertname", "Ü"),), 1.0),))
    await store.append([hint, Unfrozen("ann")])
    clock.now += 5
    await store.append([hint])
    one = len(encode(hint)[2].encode())
    assert await store.hint_bytes(0.0) == 2 * one
    assert await store.hint_bytes(clock.wall() - 1) == one
    await store.release()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM events WHERE incident = 'i1' AND seq > 3 ORDER BY seq",
        "SELECT body FROM events WHERE kind = 'alerts_received' AND at_wall > 3",
    ],
)
async def test_reading_a_part_does_not_walk_the_whole_journal(where, query):
    db = sqlite3.connect(where.path)
    (plan,) = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + query)]
    db.close()
    assert "USING INDEX" in plan


async def test_the_lease_is_renewed_while_a_long_journal_is_read(where):
    """Nobody else renews it before the healer has started."""

    class SlowDisk(HandClock):
        slow = False

        def boottime(self):
            self.now += 2 if self.slow else 0  # each look at the clock is one slow turn
            return self.now

    clock = SlowDisk()
    store = await SqliteStore.open(where, clock)
    await store.append([SeenClear(str(number)) for number in range(10 * PAGE)])
    clock.slow = True
    records = await store.read()
    clock.slow = False
    assert len(records) == 10 * PAGE
    assert clock.now > 1000 + 2 * where.lease_seconds
    assert store.lease_seconds() > 0
    await store.append([Unfrozen("ann")])
    await store.release()


async def test_a_healer_that_lost_its_lease_while_it_reads_says_so(where):
    clock = HandClock()
    store = await SqliteStore.open(where, clock)
    await store.append([Unfrozen("ann")])
    clock.now += 6
    changed(where, "UPDATE lease SET start_id = 'another'")
    with pytest.raises(LeaseLost, match="another"):
        await store.read()
    assert len(await store.read()) == 1, "without a lease the journal may still be read"
    await store.release()
