"""What leaves etcd, what each healer's own copy keeps of it, and the chain over both."""

import itertools
import json
import sqlite3
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from healer.adapters import audit_reading, codec, etcd_init
from healer.adapters.chain import Gap, Row
from healer.adapters.etcd_copy import _pruned
from healer.adapters.etcd_history import HistoryFile
from healer.adapters.etcd_store import EtcdStore
from healer.core.alert import Alert
from healer.core.events import AlertsReceived, Frozen, Pruned, Unfrozen
from healer.core.history import Going, Keep
from healer.core.incident_events import IncidentAdopted
from healer.errors import ConfigError
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.etcd_real import etcd

pytestmark = pytest.mark.tools

NUMBERS = itertools.count()
HINT = AlertsReceived((Alert("f", "ServiceDown", (("node", "web1"),), 0.0),))
DAY = 86400.0


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with etcd(tmp_path_factory.mktemp("etcd")) as found:
        yield found


@pytest.fixture
async def settings(real, tmp_path):
    found = real.settings(prefix=f"/history{next(NUMBERS)}", history=tmp_path / "a.db")
    await etcd_init.make(found, 1, 0)
    return found


def going(*seqs):
    return Going(
        seqs, (), succeeded=0, failed=0, opened=0, episodes=(), hints_before=0.0
    )  # hints leave etcd whatever their age


async def opened(settings, clock=None):
    clock = clock or HandClock()
    return await EtcdStore.open(settings, clock, "mon1", sleep=clock.sleep)


def keys(real, settings):
    """Return every key below the prefix, with its value."""
    begin, end = f"{settings.prefix}/".encode(), f"{settings.prefix}0".encode()
    body = {"key": b64encode(begin).decode(), "range_end": b64encode(end).decode()}
    found = real.members[0].ask("/v3/kv/range", body).get("kvs", [])
    return {b64decode(one["key"]).decode(): b64decode(one["value"]) for one in found}


def records(real, settings):
    """Return the seq of every record that is in etcd, with the bytes of all."""
    found = {k: v for k, v in keys(real, settings).items() if "/e/" in k}
    return sorted({int(k.rsplit("/", 1)[1].split(".")[0]) for k in found}), sum(
        map(len, found.values())
    )


async def test_what_is_pruned_leaves_etcd_and_stays_in_the_copy(settings, real):
    store = await opened(settings)
    await store.append(
        [IncidentAdopted("7", "ann"), Frozen("a", "ann"), IncidentAdopted("7", "bob")]
    )
    await store.append([Unfrozen("ann")])
    pruned = await store.prune(going(1, 3))
    assert isinstance(pruned.event, Pruned)
    assert (pruned.event.records, pruned.event.total) == (2, 2)
    assert [one.seq for one in await store.read()] == [2, 4, 5]
    assert [one.seq for one in await store.read_incident("7")] == [1, 3]
    seqs, size = records(real, settings)
    assert seqs == [2, 4, 5]
    assert await store.size() == size
    await store.release()
    again = await opened(settings)
    assert [one.seq for one in await again.read()] == [2, 4, 5]
    assert [one.seq for one in await again.read_incident("7")] == [1, 3]
    assert await again.size() == size
    await again.release()


async def test_hints_leave_at_once_and_their_bytes_stay_counted(settings, real):
    clock = HandClock()
    store = await opened(settings, clock)
    await store.append([HINT, Frozen("a", "ann"), HINT])
    before = await store.hint_bytes(clock.wall() - DAY)
    await store.prune(going())
    assert records(real, settings)[0] == [2, 4]
    assert await store.hint_bytes(clock.wall() - DAY) == before > 0
    assert await store.prune(going()) is None
    await store.release()


async def test_a_healer_that_was_not_there_verifies_the_chain_over_gaps(settings, tmp_path):
    store = await opened(settings)
    for number in range(20):
        await store.append([Frozen(f"{number}", "ann")])
    await store.prune(going(*range(1, 8), 10, 12))
    await store.prune(going(8, 11))
    left = await store.read()
    await store.release()
    other = await opened(replace(settings, history=tmp_path / "b.db"))
    assert await other.read() == left
    assert [one.seq for one in left[:3]] == [9, 13, 14]
    await other.release()


async def test_one_that_stood_by_has_what_left_etcd(settings, tmp_path):
    first = await opened(settings)
    await first.append([IncidentAdopted("7", "ann"), Frozen("a", "ann")])
    await first.release()
    second = await opened(replace(settings, history=tmp_path / "b.db"))
    await second.prune(going(1))
    await second.release()
    first = await opened(settings)
    assert [one.seq for one in await first.read_incident("7")] == [1]
    assert [one.seq for one in await first.read()] == [2, 3]
    await first.release()


async def test_one_that_cannot_read_what_the_leader_writes_does_not_even_wait_for_the_lead(
    settings, tmp_path, monkeypatch
):
    leader = await opened(settings)
    await leader.append([Frozen("a", "ann")])
    monkeypatch.delitem(codec.KINDS, "frozen")  # as in a release that has no such word yet
    with pytest.raises(ConfigError, match="kind 'frozen' is not known to this hale-healer"):
        await opened(replace(settings, history=tmp_path / "b.db"))
    (written,) = await leader.append([Unfrozen("ann")])
    assert written.event == Unfrozen("ann")  # it leads, and was not disturbed
    await leader.release()


async def test_records_of_a_gap_that_were_not_removed_do_not_count_and_are_removed(settings, real):
    store = await opened(settings)
    await store.append([Frozen("a", "ann"), Frozen("b", "ann")])
    one = {k: v for k, v in keys(real, settings).items() if "/e/000000000001" in k}
    await store.prune(going(1))
    await store.release()
    for key, value in one.items():
        body = {"key": b64encode(key.encode()).decode(), "value": b64encode(value).decode()}
        real.members[0].ask("/v3/kv/put", body)
    assert records(real, settings)[0] == [1, 2, 3]
    again = await opened(settings)
    assert [one.seq for one in await again.read()] == [2, 3]
    assert records(real, settings)[0] == [2, 3]
    await again.release()


@pytest.mark.parametrize("change", ["body", "gone", "gap", "head"])
async def test_a_changed_journal_is_refused_whatever_the_copy_says(settings, real, change):
    store = await opened(settings)
    await store.append([Frozen(f"{number}", "ann") for number in range(5)])
    await store.prune(going(2))
    await store.release()
    found, member = keys(real, settings), real.members[0]

    def put(name, value):
        name, value = b64encode(name.encode()).decode(), b64encode(value).decode()
        member.ask("/v3/kv/put", {"key": name, "value": value})

    name, value = next((k, v) for k, v in found.items() if "/e/000000000004" in k)
    match change:
        case "body":
            put(name, value.replace(b"ann", b"eve"))
            settings.history.unlink()  # else its copy is believed, since it follows from the head
        case "gone":
            member.ask("/v3/kv/deleterange", {"key": b64encode(name.encode()).decode()})
        case "gap":
            put(f"{settings.prefix}/gaps", json.dumps([]).encode())
        case "head":
            put(
                f"{settings.prefix}/head",
                found[f"{settings.prefix}/head"].replace(b'"seq":6', b'"seq":5'),
            )
    with pytest.raises(ConfigError, match="breaks at seq"):
        await opened(settings)


async def test_a_copy_that_was_changed_is_made_anew(settings):
    store = await opened(settings)
    written = await store.append([Frozen("a", "ann"), Frozen("b", "ann")])
    await store.release()
    with sqlite3.connect(settings.history) as db:
        db.execute("UPDATE events SET body = replace(body, 'ann', 'eve') WHERE seq = 1")
    db.close()
    again = await opened(settings)
    assert await again.read() == written
    await again.release()


async def test_a_copy_of_another_store_is_moved_aside(settings, real):
    store = await opened(settings)
    await store.append([Frozen("old", "ann")])
    await store.release()
    real.wipe(settings.prefix)
    await etcd_init.make(settings, 2, 1)
    again = await opened(settings)
    assert await again.read() == []
    await again.release()
    aside = [one for one in settings.history.parent.iterdir() if one.name.startswith("a.db.")]
    assert len([one for one in aside if not one.name.endswith(("-wal", "-shm"))]) == 1


async def test_a_healer_whose_disk_is_closed_leads_on_and_lets_go_of_nothing(settings, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    blocked = replace(settings, history=tmp_path / "file" / "a.db")
    store = await opened(blocked)
    written = await store.append([Frozen("a", "ann"), HINT])
    assert await store.read() == written
    assert await store.prune(going(1)) is None
    await store.release()
    again = await opened(blocked)
    assert await again.read() == written
    await again.release()


def row(seq, at, incident, kind, body):
    return Row(seq, at, "boot", 0.0, incident, kind, 1, json.dumps(body), "x")


def test_a_file_that_was_locked_for_a_moment_is_the_copy_again_with_all_that_came_meanwhile(
    tmp_path,
):
    path = tmp_path / "a.db"
    copy = HistoryFile(path, "store")
    copy.add([row(1, 0.0, None, "frozen", {}), row(2, 0.0, None, "frozen", {})])
    copy.let_go([1])
    copy._db.execute("PRAGMA busy_timeout=50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    copy.add([row(3, 0.0, None, "frozen", {})])
    assert not copy.lasting
    assert [one.seq for one in copy.rows()] == [2, 3]
    other.execute("ROLLBACK")
    other.close()
    copy.add([row(4, 0.0, None, "frozen", {})])
    copy.let_go([2])
    assert copy.synced()
    assert copy.lasting
    copy.close()
    again = HistoryFile(path, "store")
    assert [one.seq for one in again.rows()] == [3, 4]
    assert [one.seq for one in again.some([1, 2, 3, 4])] == [1, 2, 3, 4]
    again.close()


async def test_what_must_not_leave_etcd_leaves_it_once_the_disk_takes_the_copy_again(
    settings, tmp_path
):
    (tmp_path / "file").write_bytes(b"")
    blocked = replace(settings, history=tmp_path / "file" / "a.db")
    store = await opened(blocked)
    await store.append([Frozen("a", "ann"), Frozen("b", "ann")])
    assert await store.prune(going(1)) is None
    assert not store.lasting()
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    assert await store.prune(going(1)) is not None
    assert store.lasting()
    first, *_ = await store.read()
    assert first.event == Frozen("b", "ann")
    await store.release()


def test_what_lies_in_a_gap_is_found_however_many_were_pruned():
    gaps = [Gap(2, 3, "x"), Gap(7, 2_000_000_000, "x"), Gap(2_000_000_005, 2_000_000_005, "x")]
    seqs = [1, 2, 3, 4, 6, 7, 1_000_000, 2_000_000_000, 2_000_000_001, 2_000_000_005, 2_000_000_006]
    inside = {2, 3, 7, 1_000_000, 2_000_000_000, 2_000_000_005}
    assert _pruned(seqs, gaps) == inside
    assert _pruned(seqs, []) == set()


def test_the_copy_drops_what_is_over_for_too_long_successes_first(tmp_path):
    file = HistoryFile(tmp_path / "a.db", "s")
    file.add(
        [
            row(1, 0.0, "1", "incident_opened", {}),
            row(2, 1.0, "1", "action_ended", {"outcome": "done"}),
            row(3, 2.0, "2", "action_ended", {"outcome": "failed"}),
            row(4, 3.0, None, "alerts_received", {}),
            row(5, 4.0, None, "frozen", {}),
            row(6, 5.0, "3", "incident_opened", {}),
            row(7, 35 * DAY, "3", "incident_closed", {}),
        ]
    )
    file.let_go([1, 2, 3, 4, 5, 6, 7])
    file.drop_old(Keep())
    assert [one.seq for one in file.some(range(1, 10))] == [3, 5, 6, 7]
    file.add([row(8, 400 * DAY, "9", "incident_opened", {})])
    file.drop_old(Keep())
    assert [one.seq for one in file.some(range(1, 10))] == [8]
    file.close()


def test_the_copy_drops_the_oldest_beyond_its_size_and_never_what_etcd_has(tmp_path):
    file = HistoryFile(tmp_path / "a.db", "s")
    file.add([row(n, float(n), None, "frozen", {"reason": "x" * 1000}) for n in range(1, 5001)])
    file.let_go(range(2, 5001))
    file.drop_old(Keep(size=2_000_000))
    left = [one.seq for one in file.some(range(1, 5001))]
    assert left[0] == 1
    assert left[1] > 2000
    assert left[-1] == 5000
    file.close()


async def test_a_copy_is_verified_and_exported_over_what_left_etcd(settings, tmp_path):
    store = await opened(settings)
    await store.append([Frozen(f"{number}", "ann") for number in range(6)])
    await store.prune(going(2, 3))
    await store.release()
    found = audit_reading.verify(settings.history)
    assert (found.records, found.left_out, found.last.seq, found.whole) == (7, 0, 7, False)
    other = replace(settings, history=tmp_path / "late.db")
    late = await opened(other)
    await late.release()
    found = audit_reading.verify(other.history)
    assert (found.records, found.left_out, found.last.seq) == (5, 2, 7)
    lines = list(audit_reading.export(settings.history, audit_reading.Wanted()))
    assert [json.loads(line)["seq"] for line in lines[1:]] == list(range(1, 8))
    exported = tmp_path / "export.jsonl"
    exported.write_text("".join(f"{line}\n" for line in lines))
    assert audit_reading.verify(exported).records == 7
    with sqlite3.connect(settings.history) as db:
        db.execute("UPDATE events SET body = replace(body, 'ann', 'eve') WHERE seq = 2")
    db.close()
    with pytest.raises(ConfigError, match="breaks at seq 3"):
        audit_reading.verify(settings.history)
