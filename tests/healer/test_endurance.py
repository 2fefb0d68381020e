"""What a stranger posts, or a person says in the wrong moment, ends one step at the most, and never the healer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from healer.adapters import codec
from healer.adapters.chain import Row
from healer.adapters.etcd_keys import written
from healer.adapters.etcd_tail import MOST_BYTES
from healer.adapters.intake import MOST_BYTES as MOST_LABELS
from healer.adapters.intake import refusal
from healer.adapters.labels import fingerprint
from healer.allowance import MOST_BYTES as MOST_UNCONFIRMED_BYTES
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.states import State
from healer.errors import Malformed
from healer.intake import STOCK_BYTES
from healer.journal import MOST_TOGETHER
from tests.healer.core.world import alert
from tests.healer.fakes import FakeStore
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


def weight(event: ev.Event) -> int:
    """Return how many bytes an event takes in etcd."""
    kind, version, body = codec.encode(event)
    return len(
        written(Row(1, 0.0, "b", 0.0, codec.incident_of(event), kind, version, body, "0" * 64))
    )


@dataclass
class Bounded(FakeStore):
    """Takes no more at once than etcd's store does.

    Attributes:
        unfit: Incidents of which it takes nothing at all, whatever its size.
    """

    unfit: set[str] = field(default_factory=set)

    async def append(self, events: Sequence[ev.Event], *, closing: bool = False) -> list[ev.Record]:
        size = sum(weight(one) for one in events)
        if size > MOST_BYTES or any(codec.incident_of(one) in self.unfit for one in events):
            raise Malformed(f"{len(events)} events of {size} bytes")
        return await super().append(events, closing=closing)


def bounded(**given: int) -> tuple[Village, Bounded]:
    village, store = Village(simple(**given)), Bounded()
    store.clock, village.store, village.diary = village.clock, store, store.diary
    village.gates.diary = village.alertmanagers.diary = village.second_path.diary = store.diary
    village._put_together()
    return village, store


def payload(village: Village, number: int, at: str = "web1/nginx", size: int = 10**6) -> Alert:
    """Return an alert about a known target whose labels are as large as they may be, and double twice as JSON."""
    node = village.topology.nodes[at.partition("/")[0]]
    known = alert(at=at, began=village.clock.wall(), failure_domain=node.failure_domain)
    labels = dict(known.labels) | {"number": f"{number:06d}"}
    left = min(size, MOST_LABELS - sum(len(key) + len(text) for key, text in labels.items()))
    while left > 8:
        name = f"x{len(labels):02d}"
        labels[name] = '"' * min(1024, left - len(name))
        left -= len(name) + len(labels[name])
    made = replace(known, fingerprint=fingerprint(labels), labels=tuple(sorted(labels.items())))
    assert refusal(made, village.topology) is None
    return made


async def test_the_largest_alerts_that_may_share_a_write_are_one_that_etcd_takes():
    largest = payload(Village(), 1)
    assert sum(len(key) + len(text) for key, text in largest.labels) > MOST_LABELS - 10
    opened = ie.IncidentOpened("1000000", largest, "restart-service", "d" * 64)
    assert MOST_TOGETHER * weight(opened) < MOST_BYTES
    assert 4 * STOCK_BYTES + 2 * STOCK_BYTES < MOST_BYTES


async def test_thousands_of_large_alerts_before_the_arming_do_not_keep_the_healer_from_it():
    """Each has little but labels that are kept: a forger may choose `failure` and `mountpoint` freely."""
    village, _ = bounded()
    node = village.topology.nodes["web1"].failure_domain
    began = village.clock.wall() - 60
    village.alertmanagers.stuck = [
        replace(one, fingerprint=f"f{number}")
        for number in range(3000)
        for one in [
            alert(
                at="web1",
                began=began,
                failure_domain=node,
                failure='"' * 1000,
                mountpoint="/" + '"' * 1000,
            )
        ]
    ]
    assert refusal(village.alertmanagers.stuck[0], village.topology) is None
    fired = village.fail("web2/nginx")
    village.alertmanagers.alerts, last = [], village.alertmanagers.stuck
    last.append(fired)
    await asyncio.sleep(5)
    async with village.armed():
        await asyncio.sleep(10)
        assert village.journal.board.armed_at is not None
        # What had no room in the arming began before it, and is held for that.
        assert fired.fingerprint not in village.journal.board.pre_existing
        held = village.journal.board.incidents[village.journal.board.known[fired.fingerprint]]
        assert held.hold is not None
        assert held.hold.reason == "pre_existing"
    assert village.gates.orders == []
    assert village.metrics.events_refused._value.get() == 0


async def test_what_fires_before_the_arming_is_remembered_without_a_strangers_labels():
    village, _ = bounded()
    made = payload(village, 1)
    village.alertmanagers.stuck = [made]
    async with village.armed():
        (kept,) = village.journal.board.pre_existing.values()
    assert kept.episode == made.episode
    assert {name for name, _ in kept.labels} == {name for name, _ in alert().labels}


async def test_large_alerts_after_the_arming_end_nothing_and_the_true_one_is_healed():
    village, _ = bounded()
    async with village.armed():
        village.alertmanagers.stuck = [payload(village, number) for number in range(300)]
        village.fail("web2/nginx")
        await asyncio.sleep(30)
        assert village.journal.board.ended
    assert "gate web2 service.restart nginx.service" in village.diary


async def test_what_nothing_confirms_has_an_allowance_and_the_true_one_needs_none():
    village, _ = bounded()
    async with village.armed():
        village.engine._intake._allowance.left = 100_000
        village.alertmanagers.stuck = [payload(village, number) for number in range(300)]
        await asyncio.sleep(5)
        placed = len(village.written(ie.IncidentOpened)) + len(village.written(ie.AlertJoined))
        assert 1 <= placed <= 12  # some of it comes back meanwhile
        assert village.metrics.waiting._value.get() == 300 - placed
        village.fail("web2/nginx")
        await asyncio.sleep(60)
    assert "gate web2 service.restart nginx.service" in village.diary
    taken = sum(map(weight, (one.event for one in village.store.records)))
    assert taken < 100_000 + 3 * STOCK_BYTES


async def test_alerts_that_are_posted_again_and_again_take_no_more_than_the_allowance():
    village, _ = bounded()
    async with village.armed():
        village.engine._intake._allowance.left = 200_000
        made = [payload(village, number) for number in range(5)]
        for _ in range(100):
            village.alertmanagers.stuck = [
                replace(one, began_at=village.clock.wall()) for one in made
            ]
            await asyncio.sleep(2)
        renewed = len(village.written(ie.AlertRenewed))
    # What comes back in that time is a little more than half a MiB.
    assert renewed <= 1 + (200_000 + 200 * MOST_UNCONFIRMED_BYTES / 3600) / (4 * MOST_LABELS)


async def test_a_silence_is_taken_in_though_the_allowance_is_used_up():
    village = Village()
    async with village.armed():
        village.gates.holds = ("hold",)
        village.fail()
        await asyncio.sleep(3)
        village.engine._intake._allowance.left = -1e9
        village.alertmanagers.silence()
        await asyncio.sleep(3)
        assert village.incident().cause.silenced


async def test_what_the_store_will_never_take_ends_one_incidents_step_and_is_counted():
    village, store = bounded()
    async with village.armed():
        store.unfit = {"1"}
        village.fail("web1/nginx")
        await asyncio.sleep(10)
        village.fail("web2/nginx")
        await asyncio.sleep(2)
        counted = village.metrics.events_refused._value.get()
        assert counted >= 2  # each look tried to open it, and did all else
        store.unfit = set()
        await asyncio.sleep(30)
    assert [one.outcome for one in village.journal.board.ended.values()]
    assert len(village.gates.orders) == 2


async def test_a_step_whose_event_is_refused_keeps_no_other_incident_waiting():
    village, store = bounded()
    async with village.armed():
        village.gates.holds = ("hold",)
        village.fail("web1/nginx")
        await asyncio.sleep(3)
        assert village.hold() == "gate_hold"
        store.unfit = {"1"}
        village.gates.holds = ()
        village.fail("web2/nginx")
        await asyncio.sleep(30)
        assert village.incident(2).state is State.CLOSED
        assert village.incident(1).state is State.HELD
    assert village.metrics.events_refused._value.get() >= 1
    assert village.gates.orders[0].node == "web2"


async def test_what_was_begun_is_proved_and_closed_while_the_store_is_full():
    village = Village(simple(soak=5.0))
    async with village.armed():
        village.fail()
        await asyncio.sleep(4)
        assert village.incident().state is State.VERIFYING
        village.store.full = True
        village.fail("web2/nginx")
        await asyncio.sleep(60)
        assert village.incident().state is State.CLOSED
        assert village.incident().outcome == "healed"
        assert len(village.journal.board.incidents) == 1  # nothing new
    assert len(village.gates.orders) == 1


async def test_what_does_not_help_is_seen_while_the_store_is_full_and_nothing_follows():
    village = Village()
    async with village.armed():
        village.gates.cures = False
        village.fail()
        await asyncio.sleep(4)
        assert village.incident().state is State.VERIFYING
        village.store.full = True
        await asyncio.sleep(120)
        assert village.incident().state is State.OPEN
        assert [one.verified for one in village.written(ie.VerificationEnded)] == [False]
    assert len(village.gates.orders) == 1


async def test_a_close_while_a_step_reads_evidence_for_another_cause_stands_alone():
    village = Village()
    async with village.armed():
        village.gates.holds = ("hold",)
        first = village.fail("web1/nginx")
        await asyncio.sleep(3)
        symptom = replace(
            first, fingerprint="deeper", labels=alert(at="web1/nginx", failure="disk").labels
        )
        await village.journal.write(ie.AlertJoined("1", symptom))
        village.alertmanagers.alerts.append(symptom)
        evidence = village.prometheus.evidence

        async def slow(one, metric):
            await asyncio.sleep(1)
            return await evidence(one, metric)

        village.prometheus.evidence = slow
        village.engine.wake()
        await asyncio.sleep(0.5)
        await village.operators.close("1", "by hand", "ann")
        await asyncio.sleep(10)
        assert village.incident().state is State.CLOSED
    assert village.written(ie.CauseReplaced) == []


async def test_a_close_by_a_person_while_what_nobody_claims_is_let_go_of_stands_alone():
    village = Village(simple(web=4))
    async with village.armed():
        village.alertmanagers.stuck = [
            alert(
                at=f"web{number}/nginx",
                began=village.clock.wall(),
                failure_domain=village.topology.nodes[f"web{number}"].failure_domain,
            )
            for number in range(1, 4)
        ]
        await asyncio.sleep(5)
        assert len(village.journal.board.open) == 3
        append = village.store.append

        async def slow(events, *, closing=False):
            await asyncio.sleep(0.3)
            return await append(events, closing=closing)

        village.store.append = slow
        village.alertmanagers.stuck = []
        while not village.journal._writing.locked():
            await asyncio.sleep(0.01)
        await village.operators.close("3", "mine", "ann")
        await asyncio.sleep(5)
        assert village.journal.board.open == []
    closed = [one.outcome for one in village.written(ie.IncidentClosed)]
    assert sorted(closed) == ["by_hand", "not_true", "not_true"]
