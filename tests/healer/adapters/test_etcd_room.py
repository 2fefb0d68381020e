"""How large a store in etcd may become, and what is still written when it has."""

import itertools
from base64 import b64encode
from dataclasses import replace

import pytest

from healer.adapters import etcd_init, etcd_upkeep
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import PART, Keys
from healer.adapters.etcd_reading import records, stored
from healer.adapters.etcd_store import EtcdStore
from healer.adapters.etcd_wire import Get, Put
from healer.core import incident_events as ie
from healer.core.board import KEEP_UNTRUE
from healer.core.correlate import MOST_SYMPTOMS
from healer.core.events import Frozen, Unfrozen
from healer.core.history import Going, Keep
from healer.errors import Malformed, Refused, StoreFull
from healer.journal import Journal
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.etcd_real import etcd
from tests.healer.core.world import alert

pytestmark = pytest.mark.tools

NUMBERS = itertools.count()
SMALL = 24 * 1024 * 1024
"""Bytes that this etcd may have, in place of 2 GiB."""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with etcd(tmp_path_factory.mktemp("etcd")) as found:
        yield found


@pytest.fixture
async def settings(real, tmp_path):
    found = real.settings(
        prefix=f"/room{next(NUMBERS)}", history=tmp_path / "a.db", lease_seconds=300.0
    )
    await etcd_init.make(found, 1, 0)
    return found


def text(raw):
    return b64encode(raw).decode()


async def opened(settings, clock=None):
    clock = clock or HandClock()
    return await EtcdStore.open(settings, clock, "mon1", sleep=clock.sleep)


async def test_beyond_its_bound_nothing_is_begun_and_what_was_begun_ends(settings):
    store = await opened(replace(settings, most_bytes=10_000))
    assert await store.room()
    await store.append([Frozen("x" * 10_000, "ann")])
    assert not await store.room()
    with pytest.raises(StoreFull, match="the journal in etcd has"):
        await store.append([Frozen("b", "ann")])
    ended = await store.append([Unfrozen("ann")], closing=True)
    assert [one.seq for one in ended] == [2]
    await store.prune(Going((1,), (), 0, 0, 0, (), 0.0))
    assert await store.room()
    assert [one.seq for one in await store.append([Frozen("c", "ann")])] == [4]
    await store.release()


async def test_an_etcd_that_is_too_large_says_so_before_its_own_limit(settings):
    store = await opened(replace(settings, most_database_bytes=1))
    assert not await store.room()
    with pytest.raises(StoreFull, match="etcd's database has"):
        await store.append([Frozen("a", "ann")])
    assert await store.append([Unfrozen("ann")], closing=True)
    await store.release()


async def test_events_that_are_too_large_are_refused_and_the_next_are_written(settings):
    store = await opened(settings)
    with pytest.raises(Malformed, match="are not written at once"):
        await store.append([Frozen("x" * 9 * 1024 * 1024, "ann")])
    assert [one.seq for one in await store.append([Frozen("a", "ann")])] == [1]
    await store.release()


async def test_pages_that_would_be_too_large_are_asked_for_in_smaller_ones(settings):
    store = await opened(settings)
    for number in range(12):  # 48 keys of 256 KiB: one page of them is more than the gateway gives
        await store.append([Frozen(f"{number}" + "x" * (4 * PART - 1000), "ann")])
    http, keys = EtcdHttp(settings), Keys(settings.prefix)
    found = [row.seq async for rows in records(http, keys, 1, 12, lambda: 20.0) for row in rows]
    assert found == list(range(1, 13))
    assert await stored(http, keys, 11, lambda: 20.0) == list(range(1, 12))
    await http.close()
    await store.release()


async def test_old_revisions_are_forgotten_and_nothing_that_counts(settings):
    clock = HandClock()
    store = await opened(settings, clock)
    http = EtcdHttp(settings)
    written = await store.append([Frozen("a", "ann")])
    early = (await http.get(Get(b"x"), seconds=10)).revision
    for _ in range(3):
        for _ in range(5):
            await store.mark_seen(clock.wall())
        # By its own clock the lease runs out long before the next compaction is due.
        for _ in range(int(etcd_upkeep.COMPACT_SECONDS / 10) + 1):
            clock.now += 10
            await store.renew()
    with pytest.raises(Refused, match="compacted"):
        await http.get(Get(b"x", revision=early), seconds=10)
    assert await store.read() == written
    assert await store.last_seen() is not None
    await http.close()
    await store.release()


async def test_a_journal_that_strangers_filled_has_room_again_once_it_is_pruned(tmp_path):
    """The room is a sixteenth of what it is, and so are the alerts."""
    labels = tuple(sorted({**dict(alert().labels), "x": '"' * 1000}.items()))
    with etcd(tmp_path) as real:
        found = real.settings(
            history=tmp_path / "a.db", lease_seconds=600.0, most_bytes=16 * 1024 * 1024
        )
        await etcd_init.make(found, 1, 0)
        clock = HandClock()
        store = await EtcdStore.open(found, clock, "mon1", sleep=clock.sleep)
        journal = Journal(store)
        round_ = 0
        while await store.room():
            round_ += 1
            made = [
                replace(alert(), fingerprint=f"{round_}.{number}", labels=labels)
                for number in range(MOST_SYMPTOMS)
            ]
            joined = [ie.AlertJoined(str(round_), one) for one in made[1:]]
            await journal.write(
                ie.IncidentOpened(str(round_), made[0], "restart-service", "d"), *joined
            )
            await journal.write(ie.IncidentClosed(str(round_), "not_true", ""), closing=True)
        assert round_ > KEEP_UNTRUE
        assert await journal.prune(clock.wall(), Keep(0.0, 0.0, found.keep.size)) > 0
        assert await store.room()
        await store.release()


async def filled(http):
    """Write until etcd has no room."""
    for number in range(100):
        put = Put(f"/other/{number}".encode(), b"x" * 1024 * 1024)
        await http.transact(then=(put,), seconds=60)


async def test_a_full_etcd_takes_nothing_new_and_loses_nothing(tmp_path):
    folder = tmp_path / "etcd"
    folder.mkdir()
    with etcd(folder, 1, f"--quota-backend-bytes={SMALL}") as real:
        found = real.settings(history=tmp_path / "a.db", lease_seconds=300.0)
        await etcd_init.make(found, 1, 0)
        clock = HandClock()
        store = await opened(found, clock)
        written = await store.append([Frozen("a", "ann")])
        http = EtcdHttp(found)
        with pytest.raises(StoreFull, match="space exceeded"):
            await filled(http)
        for closing in (False, True):
            with pytest.raises(StoreFull, match="space exceeded"):
                await store.append([Frozen("b", "ann")], closing=closing)
        clock.now += etcd_upkeep.LOOK_SECONDS / 2
        await store.renew()  # a lease needs no room
        clock.now += etcd_upkeep.LOOK_SECONDS / 2 + 1
        await store.renew()
        assert not await store.room()
        with pytest.raises(StoreFull, match="NOSPACE"):
            await store.append([Frozen("b", "ann")])
        await store.mark_seen(5.0)
        assert await store.last_seen() is None
        assert await store.read() == written

        # What a person does then, as docs/healer.md has it.
        begin, end = b"/other/", b"/other0"
        ask = real.members[0].ask
        ask("/v3/kv/deleterange", {"key": text(begin), "range_end": text(end)})
        revision = (await http.get(Get(b"x"), seconds=10)).revision
        await http.compact(revision, seconds=10)
        ask("/v3/maintenance/defragment")
        alarm = ask("/v3/maintenance/alarm")["alarms"][0]
        ask("/v3/maintenance/alarm", {"action": "DEACTIVATE", **alarm})
        clock.now += 1
        await store.renew()
        assert [one.seq for one in await store.append([Frozen("b", "ann")], closing=True)] == [2]
        await http.close()
        await store.release()
