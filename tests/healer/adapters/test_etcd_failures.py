"""A store on three etcd members, of which some die, hang and come back."""

import asyncio
import itertools
import signal
from dataclasses import replace

import pytest

from healer.adapters import etcd_init
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_lead import MARGIN, look
from healer.adapters.etcd_store import EtcdStore
from healer.adapters.etcd_wire import Get
from healer.clock import SystemClock
from healer.core.events import Frozen, Unfrozen
from healer.errors import LeaseLost, Unreachable
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.etcd_real import Member, etcd

pytestmark = pytest.mark.tools

NUMBERS = itertools.count()
LEASE = 6.0


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    with etcd(tmp_path_factory.mktemp("etcd"), 3) as found:
        yield found


@pytest.fixture
def real(members):
    """Give three members that run, and see to it that they do again in the end."""
    yield members
    for one in members.members:
        if one.process is None:
            one.start()
        one.signal(signal.SIGCONT)
    members.ready()


@pytest.fixture
async def settings(real, tmp_path):
    found = real.settings(
        prefix=f"/failures{next(NUMBERS)}", history=tmp_path / "a.db", lease_seconds=LEASE
    )
    await etcd_init.make(found, 1, 0)
    return found


def another(settings, name):
    return replace(settings, history=settings.history.with_name(f"{name}.db"))


def first_asked(settings, member):
    """Return settings that ask one member before the others."""
    rest = [one for one in settings.endpoints if one != member.client]
    return replace(settings, endpoints=(member.client, *rest))


@pytest.mark.parametrize("how", [Member.kill, Member.freeze])
@pytest.mark.parametrize("which", ["leads etcd", "follows"])
async def test_a_member_that_is_lost_costs_no_lead_and_no_record(real, settings, how, which):
    leader = real.leader()
    lost = leader if which == "leads etcd" else next(m for m in real.members if m is not leader)
    store = await EtcdStore.open(first_asked(settings, lost), SystemClock(), "mon1")
    first = await store.append([Frozen("a", "ann")])
    how(lost)
    second = await store.append([Unfrozen("ann")])
    await store.renew()
    assert store.lease_seconds() > LEASE / 2
    assert await store.read() == first + second
    assert await store.last_seen() is None
    await store.release()


async def test_without_a_majority_nothing_is_acknowledged_and_the_lead_ends_in_time(real, settings):
    store = await EtcdStore.open(settings, SystemClock(), "mon1")
    written = await store.append([Frozen("a", "ann")])
    for one in real.members[1:]:
        one.freeze()
    began = asyncio.get_running_loop().time()
    with pytest.raises(LeaseLost):
        await store.append([Frozen("b", "ann")], closing=True)
    assert asyncio.get_running_loop().time() - began <= LEASE + 0.5
    assert store.lease_seconds() <= 0
    with pytest.raises(LeaseLost):
        await store.renew()
    await store.release()
    for one in real.members[1:]:
        one.signal(signal.SIGCONT)
    real.ready()
    again = await EtcdStore.open(another(settings, "b"), SystemClock(), "mon2")
    found = await again.read()
    # What nobody acknowledged may have been written, once.
    assert found[:1] == written
    assert [one.event for one in found[1:]] in ([], [Frozen("b", "ann")])
    await again.release()


async def test_a_renewal_without_a_majority_ends_with_the_lease(real, settings):
    store = await EtcdStore.open(settings, SystemClock(), "mon1")
    for one in real.members[:2]:
        one.kill()

    async def renewed_for_ever():
        while True:
            await store.renew()
            await asyncio.sleep(LEASE / 4)

    with pytest.raises(LeaseLost):
        await asyncio.wait_for(renewed_for_ever(), LEASE + 1)
    await store.release()


async def test_a_reading_without_a_majority_changes_nothing_and_says_so(real, settings):
    http = EtcdHttp(settings)
    for one in real.members[:2]:
        one.kill()
    with pytest.raises(Unreachable, match="gave no answer to /v3/kv/range"):
        await http.get(Get(b"x"), seconds=1.5)
    await http.close()


async def test_one_that_waits_without_a_majority_leads_when_it_is_back(real, settings):
    told = []
    for one in real.members[:2]:
        one.kill()
    waiting = asyncio.create_task(
        EtcdStore.open(settings, SystemClock(), "mon1", told.append), name="waiting"
    )
    async with asyncio.timeout(30):
        while not told:
            await asyncio.sleep(0.1)
    assert not waiting.done()
    for one in real.members[:2]:
        one.start()
    store = await asyncio.wait_for(waiting, 30)
    assert await store.append([Frozen("a", "ann")])
    assert told == [None]
    await store.release()


async def test_a_whole_etcd_that_is_restarted_has_everything(real, settings):
    store = await EtcdStore.open(settings, SystemClock(), "mon1")
    written = await store.append([Frozen("a", "ann"), Unfrozen("ann")])
    await store.mark_seen(5.0)
    await store.release()
    for one in real.members:
        one.kill()
    for one in real.members:
        one.start()
    real.ready()
    again = await EtcdStore.open(another(settings, "b"), SystemClock(), "mon2")
    assert await again.read() == written
    assert await again.last_seen() == 5.0
    await again.release()


async def test_of_many_that_want_the_lead_one_has_it_and_the_terms_rise(settings):
    leading, most, terms = 0, 0, []

    async def one(number):
        nonlocal leading, most
        mine = another(settings, f"h{number}")
        store = await EtcdStore.open(mine, SystemClock(), f"mon{number}")
        leading += 1
        most = max(most, leading)
        terms.append(store.token.term)
        await store.append([Frozen(f"{number}", "ann")])
        await asyncio.sleep(0.05)
        leading -= 1
        await store.release()

    async with asyncio.TaskGroup() as tasks:
        for number in range(6):
            tasks.create_task(one(number), name=f"healer {number}")
    assert most == 1
    assert terms == sorted(set(terms))
    last = await EtcdStore.open(settings, SystemClock(), "mon1")
    found = await last.read()
    assert sorted(record.event.reason for record in found) == [str(n) for n in range(6)]
    await last.release()


async def test_one_that_ends_while_it_waits_out_another_does_not_spare_the_next_its_wait(settings):
    first = await EtcdStore.open(settings, HandClock(), "mon1")  # it stands still and never renews
    clock = SystemClock()
    second = asyncio.create_task(
        EtcdStore.open(another(settings, "b"), clock, "mon2"), name="second"
    )
    http = EtcdHttp(settings)
    async with asyncio.timeout(LEASE + 20):
        while True:
            scene = await look(http, settings, 10)
            if scene.leader is not None and scene.leader.node == "mon2":
                break
            await asyncio.sleep(0.05)
    await http.close()
    began = clock.boottime()
    second.cancel()
    third = await EtcdStore.open(another(settings, "c"), clock, "mon3")
    assert clock.boottime() - began >= MARGIN
    await third.release()
    await first.release()
    began = clock.boottime()
    fourth = await EtcdStore.open(another(settings, "d"), clock, "mon4")
    assert clock.boottime() - began < MARGIN
    await fourth.release()
