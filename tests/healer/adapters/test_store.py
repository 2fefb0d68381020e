"""What every store promises, on a real SQLite file and on a real etcd."""

import asyncio
import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_store import EtcdStore
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.adapters.stores import AnyStore, init_store, open_store
from healer.clock import SystemClock
from healer.core.alert import Alert
from healer.core.events import AlertsReceived, ClockSet, Frozen, NodeHeld, SeenClear, Unfrozen
from healer.core.incident_events import IncidentAdopted
from healer.errors import ConfigError, LeaseLost, Malformed
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock, Store
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.etcd_real import Etcd, etcd

NUMBERS = itertools.count()
LEASE = 3.0


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with etcd(tmp_path_factory.mktemp("etcd")) as found:
        yield found


@dataclass
class Ground:
    """Where stores of one kind stand."""

    settings: AnyStore
    folder: Path

    async def open(self, clock: Clock, name: str = "a") -> Store:
        match self.settings:
            case StoreSettings():
                sleep = clock.sleep if isinstance(clock, HandClock) else asyncio.sleep
                return await SqliteStore.open(self.settings, clock, sleep)
            case EtcdSettings():
                sleep = clock.sleep if isinstance(clock, HandClock) else asyncio.sleep
                mine = replace(self.settings, history=self.folder / f"{name}.db")
                return await EtcdStore.open(mine, clock, name, sleep=sleep)


@pytest.fixture(params=["sqlite", pytest.param("etcd", marks=pytest.mark.tools)])
async def ground(request, tmp_path):
    if request.param == "sqlite":
        settings: AnyStore = StoreSettings(tmp_path / "journal.db", 64 * 1024, LEASE)
    else:
        found: Etcd = request.getfixturevalue("real")
        settings = found.settings(prefix=f"/test{next(NUMBERS)}", lease_seconds=LEASE)
    await init_store(settings, 1, 0)
    return Ground(settings, tmp_path)


async def test_what_was_appended_is_read_back_in_order_by_the_next_leader(ground):
    clock = HandClock()
    store = await ground.open(clock)
    first = await store.append([Frozen("a", "ann"), IncidentAdopted("i1", "bob")])
    clock.now += 1
    second = await store.append([Unfrozen("ann")], closing=True)
    await store.release()

    again = await ground.open(clock, "b")
    assert await again.read() == first + second
    assert await again.read(after=2) == second
    assert [record.seq for record in first + second] == [1, 2, 3]
    assert (second[0].at_mono, second[0].boot_id) == (1001.0, "boot-1")
    await again.release()


async def test_a_hold_is_as_long_for_the_next_leader_though_the_clock_was_set(ground):
    clock = HandClock()
    store = await ground.open(clock)
    await store.append([NodeHeld("web1", "fan", "ann", clock.wall() + 7200)])
    clock.now, clock.ahead = clock.now + 1, 10800.0
    await store.append([ClockSet(10800.0)])
    await store.release()
    journal = Journal(await ground.open(clock))
    await journal.replay()
    await journal.store.release()
    for passed, held in ((7198, 1), (1, 0)):
        clock.now += passed
        assert len(journal.board.held(now_of(clock, journal.board))) == held


async def test_nothing_is_written_for_no_events(ground):
    store = await ground.open(HandClock())
    assert await store.append([]) == []
    assert await store.read() == []
    await store.release()


async def test_each_start_has_a_higher_term_and_another_name(ground):
    tokens = []
    for _ in range(3):
        store = await ground.open(HandClock())
        tokens.append(store.token)
        await store.release()
    assert [token.era for token in tokens] == [1, 1, 1]
    assert tokens[0].term < tokens[1].term < tokens[2].term
    assert len({token.store for token in tokens}) == 3
    assert len({token.store.split("/")[0] for token in tokens}) == 1


async def test_all_of_an_append_is_written_or_none(ground):
    store = await ground.open(HandClock())
    with pytest.raises(Malformed):
        await store.append([Frozen("a", "ann"), SeenClear("\ud800")])
    assert await store.read() == []
    assert [one.seq for one in await store.append([Frozen("a", "ann")])] == [1]
    await store.release()


async def test_many_and_large_events_of_one_append_are_read_back_whole(ground):
    ground.settings = replace(
        ground.settings, lease_seconds=60.0
    )  # on a busy machine it takes seconds
    many = [SeenClear(f"{number}") for number in range(300)]
    large = [Frozen("x" * 700_000, "ann"), Frozen("ü" * 900_000, "bob")]
    store = await ground.open(HandClock())
    records = await store.append([*many, *large])
    more = await store.append([Unfrozen("ann")])
    assert await store.read() == records + more
    await store.release()
    again = await ground.open(HandClock(), "b")
    assert [one.event for one in await again.read()] == [*many, *large, Unfrozen("ann")]
    await again.release()


async def test_kinds_can_be_left_out_and_pages_follow_each_other(ground):
    store = await ground.open(HandClock())
    hint = AlertsReceived((Alert("f", "ServiceDown", (("node", "web1"),), 0.0),))
    await store.append([Frozen("a", "ann"), hint, Unfrozen("ann"), hint, Frozen("b", "ann")])
    kept = await store.read(without=frozenset({"alerts_received"}))
    assert [one.seq for one in kept] == [1, 3, 5]
    assert [one.seq for one in await store.read(most=2)] == [1, 2]
    assert [one.seq for one in await store.read(2, most=2)] == [3, 4]
    assert [one.seq for one in await store.read(1, without=frozenset({"frozen"}), most=9)] == [
        2,
        3,
        4,
    ]
    await store.release()


async def test_an_incidents_records_are_found_among_others(ground):
    store = await ground.open(HandClock())
    await store.append(
        [IncidentAdopted("7", "ann"), IncidentAdopted("8", "ann"), IncidentAdopted("7", "bob")]
    )
    assert [one.seq for one in await store.read_incident("7")] == [1, 3]
    assert [one.seq for one in await store.read_incident("7", 1)] == [3]
    assert [one.seq for one in await store.read_incident("7", most=1)] == [1]
    assert await store.read_incident("9") == []
    await store.release()


async def test_the_bytes_of_hints_are_known_to_the_next_leader(ground):
    hint = AlertsReceived((Alert("f", "ServiceDown", (("node", "web1"),), 0.0),))
    clock = HandClock()
    store = await ground.open(clock)
    long_ago = clock.wall() - 86400.0 * 2
    assert await store.hint_bytes(long_ago) == 0
    await store.append([hint, Frozen("a", "ann")])
    once = await store.hint_bytes(long_ago)
    await store.append([hint])
    assert once > 0
    assert await store.hint_bytes(long_ago) == 2 * once
    await store.release()
    again = await ground.open(clock, "b")
    assert await again.hint_bytes(long_ago) == 2 * once
    assert await again.hint_bytes(clock.wall() + 86400.0) == 0
    await again.release()


async def test_when_the_cluster_was_seen_is_known_to_the_next_leader(ground):
    store = await ground.open(HandClock())
    assert await store.last_seen() is None
    await store.mark_seen(1_700_000_000.25)
    await store.release()
    again = await ground.open(HandClock(), "b")
    assert await again.last_seen() == 1_700_000_000.25
    await again.release()


async def test_there_is_room_for_something_new(ground):
    store = await ground.open(HandClock())
    assert await store.room()
    await store.release()


async def test_a_lease_counts_from_its_last_renewal(ground):
    clock = HandClock()
    store = await ground.open(clock)
    assert 0 < store.lease_seconds() <= LEASE
    clock.now += LEASE - 1
    assert store.lease_seconds() == 1
    await store.renew()
    assert store.lease_seconds() == LEASE
    await store.release()


async def test_a_lease_that_ran_out_is_neither_renewed_nor_written_under(ground):
    clock = HandClock()
    store = await ground.open(clock)
    await store.append([Frozen("a", "ann")])
    clock.now += LEASE + 0.1
    assert store.lease_seconds() < 0
    with pytest.raises(LeaseLost):
        await store.append([Frozen("late", "ann")], closing=True)
    with pytest.raises(LeaseLost):
        await store.renew()
    with pytest.raises(LeaseLost):
        await store.mark_seen(1.0)
    await store.release()


async def test_a_lead_that_was_given_back_is_taken_at_once(ground):
    clock = SystemClock()
    first = await ground.open(clock)
    waiting = asyncio.create_task(ground.open(clock, "b"))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await first.release()
    second = await asyncio.wait_for(waiting, 5)
    assert second.token > first.token
    await second.release()


async def test_one_that_wakes_late_writes_nothing(ground):
    slow, clock = HandClock(), SystemClock()
    first = await ground.open(slow)
    await first.append([Frozen("a", "ann")])
    # It stands still: for its own clock no time goes by, and it never renews.
    second = await asyncio.wait_for(ground.open(clock, "b"), LEASE + 10)
    with pytest.raises(LeaseLost):
        await first.append([Frozen("late", "ann")], closing=True)
    with pytest.raises(LeaseLost):
        await first.mark_seen(5.0)
    with pytest.raises(LeaseLost):
        await first.renew()
    await first.release()
    assert [one.event for one in await second.read()] == [Frozen("a", "ann")]
    await second.append([NodeHeld("web1", "fan", "ann", None)])
    await second.release()


async def test_whoever_waits_is_told_who_leads(ground):
    told: list[str | None] = []
    first = await ground.open(SystemClock(), "mon1")
    waiting = asyncio.create_task(
        open_store(ground.settings, SystemClock(), "mon2", told.append), name="waiting"
    )
    await asyncio.sleep(1)
    await first.release()
    second = await asyncio.wait_for(waiting, 15)
    # A file does not name its healer's node.
    assert told == (["mon1"] if isinstance(ground.settings, EtcdSettings) else [None])
    await second.release()


async def test_a_store_is_not_made_over_another(ground):
    store = await ground.open(HandClock())
    await store.append([Frozen("a", "ann")])
    await store.release()
    with pytest.raises(ConfigError, match="there is a journal already"):
        await init_store(ground.settings, 2, 0)
    again = await ground.open(HandClock(), "b")
    assert again.token.era == 1
    assert len(await again.read()) == 1
    await again.release()


async def test_a_store_of_an_era_that_gates_would_refuse_is_not_made(ground):
    with pytest.raises(ConfigError, match="use 8"):
        await init_store(ground.settings, 7, 7)
