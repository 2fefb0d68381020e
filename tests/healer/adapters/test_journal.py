"""The journal on real SQLite files, with a clock turned by hand."""

import asyncio
import os
import sqlite3
import stat

import pytest

from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.core.events import Frozen, SeenClear, Unfrozen
from healer.core.incident_events import IncidentAdopted
from healer.errors import ConfigError, LeaseLost, Malformed
from tests.healer.adapters.clocks import HandClock

RESERVE = 64 * 1024


@pytest.fixture
def where(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStore.init(path, 1)
    return StoreSettings(path, RESERVE, 10.0)


def changed(where, statement):
    """Do to the journal what only an intruder or a broken disk does."""
    db = sqlite3.connect(where.path)
    with db:
        assert db.execute(statement).rowcount > 0
    db.close()


async def written(where, clock, *events):
    store = await SqliteStore.open(where, clock)
    await store.append(events)
    await store.release()


async def test_what_was_appended_is_read_back_in_order_after_a_restart(where):
    clock = HandClock()
    store = await SqliteStore.open(where, clock)
    first = await store.append([Frozen("a", "ann"), IncidentAdopted("i1", "bob")])
    clock.now += 5
    second = await store.append([Unfrozen("ann")], closing=True)
    await store.release()

    again = await SqliteStore.open(where, clock)
    assert await again.read() == first + second
    assert await again.read(after=2) == second
    assert [record.seq for record in first + second] == [1, 2, 3]
    assert (second[0].at_mono, second[0].boot_id) == (1005.0, "boot-1")
    await again.release()


async def test_nothing_is_asked_of_the_disk_for_no_events(where):
    store = await SqliteStore.open(where, HandClock())
    assert await store.append([]) == []
    await store.release()


async def test_each_start_has_a_higher_term_and_another_name(where):
    tokens = []
    for _ in range(3):
        store = await SqliteStore.open(where, HandClock())
        tokens.append(store.token)
        await store.release()
    assert [(token.era, token.term) for token in tokens] == [(1, 1), (1, 2), (1, 3)]
    assert len({token.store for token in tokens}) == 3
    assert len({token.store.split("/")[0] for token in tokens}) == 1


async def test_all_of_an_append_is_written_or_none(where):
    store = await SqliteStore.open(where, HandClock())
    with pytest.raises(Malformed):
        await store.append([Frozen("a", "ann"), SeenClear("\ud800")])
    assert await store.read() == []
    await store.release()


async def test_files_are_closed_to_others(where):
    store = await SqliteStore.open(where, HandClock())
    await store.append([Unfrozen("ann")])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in where.path.parent.iterdir()}
    await store.release()
    assert set(modes.values()) == {0o600}
    assert "journal.db.reserve" in modes


async def test_a_missing_journal_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(ConfigError, match="hale-healer store init"):
        await SqliteStore.open(StoreSettings(tmp_path / "journal.db"), HandClock())
    assert list(tmp_path.iterdir()) == []


async def test_init_never_overwrites(where):
    await written(where, HandClock(), Unfrozen("ann"))
    before = where.path.read_bytes()
    with pytest.raises(ConfigError, match="move it away"):
        SqliteStore.init(where.path, 2)
    assert where.path.read_bytes() == before
    assert not list(where.path.parent.glob("*.new"))


def test_init_refuses_an_era_that_gates_would_refuse(tmp_path):
    with pytest.raises(ConfigError, match="use 8"):
        SqliteStore.init(tmp_path / "journal.db", 7, highest=7)
    with pytest.raises(ConfigError, match="use 1"):
        SqliteStore.init(tmp_path / "journal.db", 0)
    with pytest.raises(ConfigError, match="directory"):
        SqliteStore.init(tmp_path / "missing" / "journal.db", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE events SET body = replace(body, 'ann', 'bob') WHERE seq = 1", 2),
        ("UPDATE events SET at_wall = at_wall + 1 WHERE seq = 2", 3),
        ("DELETE FROM events WHERE seq = 2", 2),
        ("DELETE FROM events WHERE seq = 3", 2),
        ("UPDATE events SET incident = 'other' WHERE seq = 3", 3),
        ("UPDATE store SET head_seq = 2", 3),
    ],
)
async def test_a_changed_journal_is_refused_by_the_place_and_left_as_it_is(where, statement, seq):
    await written(where, HandClock(), Frozen("a", "ann"), Unfrozen("ann"), Frozen("b", "ann"))
    changed(where, statement)
    before = where.path.read_bytes()
    with pytest.raises(ConfigError, match=rf"breaks at seq {seq}: .*store init"):
        await SqliteStore.open(where, HandClock())
    assert where.path.read_bytes() == before


async def test_a_record_of_a_newer_version_is_named(where):
    store = await SqliteStore.open(where, HandClock())
    await store.append([Unfrozen("ann")])
    changed(where, "UPDATE events SET version = 9")
    with pytest.raises(ConfigError, match="seq 1: kind 'unfrozen' version 9"):
        await store.read()
    await store.release()


async def test_a_file_that_is_no_journal_is_refused(where):
    where.path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(ConfigError, match="cannot be read as a journal"):
        await SqliteStore.open(where, HandClock())


async def test_another_format_is_refused(where):
    changed(where, "UPDATE store SET format = 3")
    with pytest.raises(ConfigError, match="of format 3, and this hale-healer knows up to 2"):
        await SqliteStore.open(where, HandClock())


async def test_a_second_healer_waits_for_the_lease_to_run_out_and_two_seconds_more(where):
    clock = HandClock()
    first = await SqliteStore.open(where, clock)
    second = await SqliteStore.open(where, clock, clock.sleep)
    assert clock.now == 1000.0 + 10.0 + 2.0
    assert second.token.term == first.token.term + 1
    for call in (first.append([Unfrozen("ann")], closing=True), first.renew(), first.mark_seen(1)):
        with pytest.raises(LeaseLost, match="another start"):
            await call
    assert await second.read() == []
    assert first.lease_seconds() <= 0 < second.lease_seconds()
    await first.release()
    await second.renew()  # the late release of the first took nothing from the second
    await second.release()


async def test_a_lease_of_an_earlier_boot_is_not_waited_for(where):
    first = await SqliteStore.open(where, HandClock("boot-1"))
    after = HandClock("boot-2")
    after.now = 1.0
    second = await SqliteStore.open(where, after, after.sleep)
    assert after.now == 1.0
    with pytest.raises(LeaseLost):
        await first.append([Unfrozen("ann")])
    await second.release()
    await first.release()


async def test_a_renewed_lease_holds_on(where):
    clock = HandClock()
    store = await SqliteStore.open(where, clock)
    for _ in range(5):
        clock.now += 6
        assert store.lease_seconds() == pytest.approx(4)
        await store.renew()
        assert store.lease_seconds() == pytest.approx(10)
    await store.release()
    assert store.lease_seconds() <= 0


async def test_a_holder_that_slept_too_long_writes_nothing_more(where):
    clock = HandClock()
    store = await SqliteStore.open(where, clock)
    clock.now += 10
    with pytest.raises(LeaseLost, match="ran out"):
        await store.append([Unfrozen("ann")], closing=True)
    with pytest.raises(LeaseLost, match="ran out"):
        await store.renew()
    await store.release()


async def test_records_written_while_we_waited_are_verified_and_followed(where):
    clock = HandClock()
    first = await SqliteStore.open(where, clock)

    async def sleep_while_the_first_still_writes(seconds):
        await first.append([Unfrozen("ann")])
        clock.now += seconds

    second = await SqliteStore.open(where, clock, sleep_while_the_first_still_writes)
    await second.append([Unfrozen("bob")])
    assert [record.seq for record in await second.read()] == [1, 2]
    await second.release()
    await (await SqliteStore.open(where, clock)).release()
    await first.release()


async def test_whoever_waits_for_the_lease_follows_what_is_written_and_verifies_it(where):
    """Otherwise a long wait would end in a long reading, with the lease held and nobody renewing it."""
    clock = HandClock()
    first = await SqliteStore.open(where, clock)

    waits = []

    async def sleep_while_somebody_forges(seconds):
        waits.append(seconds)
        assert len(waits) == 1, "what was forged meanwhile was not looked at"
        await first.append([Unfrozen("ann"), Unfrozen("bob")])
        await first.renew()
        changed(where, "UPDATE events SET body = replace(body, 'ann', 'eve')")

    with pytest.raises(ConfigError, match="breaks at seq 2"):
        await SqliteStore.open(where, clock, sleep_while_somebody_forges)
    await first.renew()  # it was never taken from the first
    await first.release()


async def test_when_we_last_saw_the_cluster_survives_a_restart(where):
    store = await SqliteStore.open(where, HandClock())
    assert await store.last_seen() is None
    await store.mark_seen(1_700_000_000.25)
    await store.release()
    again = await SqliteStore.open(where, HandClock())
    assert await again.last_seen() == 1_700_000_000.25
    await again.release()


async def test_the_reserve_is_real_blocks_and_made_again_when_lost(where):
    store = await SqliteStore.open(where, HandClock())
    reserve = where.path.with_name("journal.db.reserve")
    assert reserve.stat().st_blocks * 512 >= RESERVE
    os.truncate(reserve, 0)
    assert await store.room()
    assert reserve.stat().st_blocks * 512 >= RESERVE
    await store.release()


async def test_a_cancelled_append_leaves_the_chain_whole(where):
    store = await SqliteStore.open(where, HandClock())
    task = asyncio.create_task(store.append([Unfrozen("ann")]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    records = await store.append([Unfrozen("bob")])
    assert [record.seq for record in await store.read()] == list(range(1, records[0].seq + 1))
    await store.release()
    await (await SqliteStore.open(where, HandClock())).release()
