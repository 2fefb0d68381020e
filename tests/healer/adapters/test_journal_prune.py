"""History leaves the journal's file: the chain holds, the board decides the same, a crash leaves all of it or none."""

import signal
import sqlite3

import pytest

from healer.adapters import journal_prune
from healer.adapters.chain import ChainBroken
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.board import KEEP_CLOSED
from healer.core.history import DAY, Going, Keep
from healer.errors import LeaseLost
from healer.journal import Journal
from tests.healer.adapters.clocks import HandClock, RebootedClock
from tests.healer.adapters.test_journal_crashes import writer
from tests.healer.core.test_history import deciding
from tests.healer.core.world import alert

NOW_OR_NEVER = Keep(DAY, DAY, 1 << 40)


@pytest.fixture
def where(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStore.init(path, 1)
    return StoreSettings(path, 64 * 1024, 1e9)


def going(*seqs, hints_before=0.0):
    return Going(seqs, (), 0, 0, 0, (), hints_before)


def gaps(where):
    db = sqlite3.connect(where.path)
    found = [(first, last) for first, last, _ in db.execute("SELECT * FROM gaps ORDER BY first")]
    db.close()
    return found


async def filled(where, count=9, clock=None):
    store = await SqliteStore.open(where, clock or HandClock())
    await store.append([ev.SeenClear(str(number)) for number in range(1, count + 1)])
    return store


async def reopened(store, where):
    await store.release()
    return await SqliteStore.open(where, HandClock())


async def test_what_went_leaves_gaps_and_neighbours_are_one(where):
    store = await filled(where)
    first = await store.prune(going(2, 3, 7))
    assert gaps(where) == [(2, 3), (7, 7)]
    second = await store.prune(going(4, 8, 1))
    assert gaps(where) == [(1, 4), (7, 8)]
    store = await reopened(store, where)
    assert [one.seq for one in await store.read()] == [5, 6, 9, 10, 11]
    told = [one.event for one in (first, second)]
    assert [(one.records, one.total, one.first_seq, one.last_seq) for one in told] == [
        (3, 3, 2, 7),
        (3, 6, 1, 8),
    ]
    await store.append([ev.SeenClear("more")])
    await (await reopened(store, where)).release()


async def test_even_the_newest_record_may_go_and_the_chain_goes_on_from_it(where):
    store = await filled(where)
    await store.prune(going(*range(1, 10)))
    await store.prune(going(10))
    store = await reopened(store, where)
    assert gaps(where) == [(1, 10)]
    assert [type(one.event) for one in await store.read()] == [ev.Pruned]
    await store.release()


async def test_hints_go_by_age_and_are_counted(where):
    clock = HandClock()
    store = await SqliteStore.open(where, clock)
    await store.append([ev.AlertsReceived((alert(),)), ev.SeenClear("x")])
    clock.now += 1000
    await store.append([ev.AlertsReceived((alert(),))])
    told = await store.prune(going(hints_before=clock.wall() - 500))
    assert told.event.records == 1
    assert [one.seq for one in await store.read()] == [2, 3, 4]
    assert await store.prune(going(hints_before=clock.wall() - 500)) is None
    await (await reopened(store, where)).release()


async def test_nothing_is_written_where_nothing_goes(where):
    store = await filled(where)
    assert await store.prune(going()) is None
    assert len(await store.read()) == 9
    await store.release()


async def test_what_is_not_there_any_more_keeps_everything_where_it_is(where):
    store = await filled(where)
    await store.prune(going(3))
    with pytest.raises(LeaseLost, match="1 of 2 records"):
        await store.prune(going(3, 5))
    store = await reopened(store, where)
    assert gaps(where) == [(3, 3)]
    assert len(await store.read()) == 9
    await store.release()


async def test_a_healer_without_the_lead_prunes_nothing(where):
    clock = HandClock()
    store = await filled(StoreSettings(where.path, 64 * 1024, 10.0), clock=clock)
    clock.now += 11
    with pytest.raises(LeaseLost):
        await store.prune(going(3))
    assert gaps(where) == []
    await store.release()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM events WHERE seq = 5", r"seq 5: expected record 5, found record 6"),
        ("DELETE FROM gaps WHERE first = 2", r"seq 2: expected record 2, found record 4"),
        ("UPDATE gaps SET sha256 = 'f' || substr(sha256, 2) WHERE first = 7", r"seq 8: expected "),
        ("UPDATE gaps SET last = 4 WHERE first = 2", r"expected record 5, found record 4"),
        ("UPDATE gaps SET first = 6 WHERE first = 7", r"seq "),
        ("INSERT INTO gaps VALUES (100, 120, 'x')", r"seq 100: expected record 100 or nothing"),
    ],
)
async def test_whoever_takes_more_than_was_pruned_is_seen(where, statement, said):
    store = await filled(where)
    await store.prune(going(2, 3, 7))
    await store.release()
    db = sqlite3.connect(where.path)
    with db:
        db.execute(statement)
    db.close()
    with pytest.raises(ChainBroken, match=said):
        await SqliteStore.open(where, HandClock())


async def test_a_gap_of_somebody_s_own_is_not_what_the_last_pruned_event_tells_of(where):
    store = await filled(where)
    await store.prune(going(2, 3))
    await store.release()
    db = sqlite3.connect(where.path)
    with db:
        (sha,) = db.execute("SELECT prev_sha256 FROM events WHERE seq = 7").fetchone()
        db.execute("DELETE FROM events WHERE seq = 6")
        db.execute("INSERT INTO gaps VALUES (6, 6, ?)", (sha,))
    db.close()
    with pytest.raises(ChainBroken, match=r"expected 2 pruned records, .* found 3 missing"):
        await SqliteStore.open(where, HandClock())


async def test_who_waited_for_the_lease_follows_a_journal_that_was_pruned_meanwhile(where):
    settings = StoreSettings(where.path, 64 * 1024, 10.0)
    clock = HandClock()
    store = await filled(settings, clock=clock)

    async def meanwhile(seconds):
        await store.append([ev.SeenClear(str(number)) for number in range(10, 14)])
        await store.prune(going(8, 9, 10, 12))
        clock.now += seconds

    waiting = await SqliteStore.open(settings, clock, meanwhile)
    assert [one.seq for one in await waiting.read()] == [*range(1, 8), 11, 13, 14]
    await waiting.release()


# --- With a board on it -------------------------------------------------------------------


async def cleared(journal, count):
    for _ in range(count):
        number = journal.board.opened + 1
        opened = ie.IncidentOpened(str(number), alert(began=float(number)), "restart-service", "d1")
        await journal.write(opened, ie.IncidentClosed(str(number), "cleared", ""))


async def test_a_healer_that_starts_on_a_pruned_journal_decides_as_the_one_before(where):
    clock = HandClock()
    journal = Journal(await SqliteStore.open(where, clock))
    await cleared(journal, KEEP_CLOSED + 30)
    clock.now += 2 * DAY
    heard = []
    journal.listen(heard.append)
    assert await journal.prune(clock.wall(), NOW_OR_NEVER) == 60
    assert [type(one.event) for one in heard] == [ev.Pruned]
    assert (heard[0].event.succeeded, heard[0].event.opened) == (30, KEEP_CLOSED + 30)
    assert await journal.prune(clock.wall(), NOW_OR_NEVER) == 0
    before = deciding(journal.board, clock.wall())
    await journal.store.release()

    again = Journal(await SqliteStore.open(where, clock))
    assert await again.replay() == 2 * KEEP_CLOSED + 1
    assert deciding(again.board, clock.wall()) == before
    await cleared(again, 1)
    assert str(KEEP_CLOSED + 31) in again.board.incidents
    await again.store.release()


async def test_beyond_its_size_the_journal_gets_shorter_until_it_fits_or_only_what_decides_is_left(
    where,
):
    clock = HandClock()
    journal = Journal(await SqliteStore.open(where, clock))
    await cleared(journal, KEEP_CLOSED + 600)
    full = await journal.store.size()
    keep = Keep(365 * DAY, 365 * DAY, full * 3 // 4)
    assert await journal.prune(clock.wall(), keep) > 0
    assert full * 0.6 < await journal.store.size() <= full * 0.85
    while await journal.prune(clock.wall(), Keep(365 * DAY, 365 * DAY, 1)) > 1:
        pass
    assert len(journal.board.incidents) == KEEP_CLOSED
    await journal.store.release()


async def test_a_crash_while_pruning_leaves_all_of_it_or_nothing(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStore.init(path, 1)
    pruned = 0
    for round_number in range(6):
        with writer("pruning", str(path)) as process:
            for _ in range(2 + 3 * round_number):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        store = await SqliteStore.open(StoreSettings(path, 64 * 1024), RebootedClock())
        journal = Journal(store)  # opening has verified the chain and its gaps
        await journal.replay()
        opened = [
            one.event for one in await store.read() if isinstance(one.event, ie.IncidentOpened)
        ]
        numbers = [int(one.incident) for one in opened]
        assert numbers == list(range(numbers[0], journal.board.opened + 1))
        pruned = max(pruned, numbers[0] - 1)
        await store.release()
    assert pruned > 0


def test_runs_are_merged_in_any_order():
    gap = journal_prune.Gap(5, 6, "x")
    assert journal_prune.merged([gap], [1, 2, 4, 7, 9]) == [
        journal_prune.Run(1, 2),
        journal_prune.Run(4, 7),
        journal_prune.Run(9, 9),
    ]
