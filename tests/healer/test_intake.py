"""What strangers may do to the healer by posting alerts, and what they may not."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import DOMAIN_LOSS, Alert, Target
from healer.core.correlate import MOST_SYMPTOMS
from healer.core.look import UnitLook
from healer.core.states import State
from healer.engine import CYCLE
from healer.intake import AT_ONCE, REFUSALS
from tests.healer.core.world import NOW, alert
from tests.healer.fake_gates import FakeGates
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


@pytest.fixture
def village() -> Village:
    made = Village()
    made.prometheus.strange = frozenset({"Foo"})
    return made


def forge(village: Village, name: str = "Foo", at: str = "web1/nginx", **labels: str) -> None:
    domain = village.topology.nodes[at.partition("/")[0]].failure_domain
    given = {"failure_domain": domain, **labels}
    village.alertmanagers.stuck.append(alert(name, at, began=village.clock.wall(), **given))


async def test_a_forged_alert_does_not_keep_its_target_from_being_healed(village):
    """The forgery comes first, and the real alert would only be its symptom."""
    async with village.armed():
        forge(village)
        await asyncio.sleep(5)
        assert village.hold() == "no_rule"
        village.fail()
        await asyncio.sleep(30)
        assert village.incident().cause.name == "ServiceDown"
        assert village.incident().state is State.CLOSED
    assert len(village.gates.orders) == 1


async def test_a_flood_of_forged_alerts_does_not_keep_the_true_one_out_of_their_incident():
    village = Village(simple(fast=False))
    village.prometheus.strange = frozenset({f"Foo{number}" for number in range(500)})
    async with village.armed():
        for name in sorted(village.prometheus.strange):
            forge(village, name)
        await asyncio.sleep(5)
        assert len(village.incident().symptoms) == MOST_SYMPTOMS
        village.fail()
        await asyncio.sleep(180)
        assert village.incident().cause.name == "ServiceDown"
        assert village.incident().state is State.CLOSED
    assert len(village.gates.orders) == 1
    joined = [one for one in village.written(ie.AlertJoined) if one.incident == "1"]
    assert len(joined) == MOST_SYMPTOMS + 1


async def test_however_many_forged_alerts_wait_a_true_one_behind_them_has_its_turn():
    """An incident has no room for more than a hundred; the others wait, and the true one comes last of them."""
    village = Village(simple(fast=False))
    village.prometheus.strange = frozenset({f"Foo{number}" for number in range(1500)})
    async with village.armed():
        for name in sorted(village.prometheus.strange):
            forge(village, name)
        await asyncio.sleep(5)
        forge(village, "ServiceDown")
        village.cluster.down.add(Target("web1", "nginx"))
        looks = 1500 / AT_ONCE
        await asyncio.sleep(CYCLE * looks + 30)
        assert village.incident().cause.name == "ServiceDown"


async def test_what_nobody_confirms_is_over_when_nobody_claims_it_any_more(village):
    async with village.armed():
        forge(village)
        await asyncio.sleep(5)
        village.alertmanagers.stuck.clear()
        await asyncio.sleep(5)
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "not_true")


async def test_a_forged_deeper_cause_takes_no_repair_away(village):
    """Nobody proves it, so the service's own ladder goes on."""
    village.prometheus.strange = frozenset({"DiskFailing"})
    async with village.armed():
        forge(village, "DiskFailing", "web1/nginx", failure="disk", heal="none")
        village.fail()
        await asyncio.sleep(30)
    assert len(village.gates.orders) == 1


async def test_a_stranger_cannot_fill_the_journal_with_refused_alerts(village):
    village.alertmanagers.stuck = [
        alert("ServiceDown", f"x{number}/nginx", cluster="other", began=NOW)
        for number in range(3 * REFUSALS)
    ]
    async with village.armed():
        await asyncio.sleep(60)
    assert len(village.written(ev.AlertRefused)) == REFUSALS


async def test_under_another_configuration_a_stranger_has_no_more_refusals_left(village):
    village.alertmanagers.stuck = [
        alert("ServiceDown", f"x{number}/nginx", cluster="other", began=NOW)
        for number in range(3 * REFUSALS)
    ]
    async with village.armed():
        await asyncio.sleep(60)
    before = village.engine
    async with village.alive():
        village.engine.follow(before)
        await asyncio.sleep(60)
    assert len(village.written(ev.AlertRefused)) == REFUSALS


async def test_a_watchdog_that_is_away_for_hours_arms_anew_once_when_it_is_back(village):
    async with village.armed():
        village.alertmanagers.watchdog = False
        await asyncio.sleep(2 * 3600)
        assert len(village.written(ev.Armed)) == 1
        village.alertmanagers.watchdog = True
        await asyncio.sleep(60)
    assert [one.why for one in village.written(ev.Armed)] == ["first_look", "blind"]


async def test_nothing_is_proved_while_an_alertmanager_does_not_answer(village):
    """A critical alert that the action set off could not be heard."""
    async with village.armed():
        village.fail()
        await asyncio.sleep(2.5)
        village.alertmanagers.away = "http://elsewhere"
        await asyncio.sleep(10)
        assert village.incident().state is State.VERIFYING
        village.alertmanagers.away = ""
        await asyncio.sleep(10)
    assert village.incident().state is State.CLOSED


async def test_unknown_ladders_are_refused_within_the_same_bound(village):
    village.alertmanagers.stuck = [
        alert(
            "ServiceDown", "web1/nginx", began=NOW + number, heal=f"bogus-{number}", x=str(number)
        )
        for number in range(3 * REFUSALS)
    ]
    for number, one in enumerate(village.alertmanagers.stuck):
        village.alertmanagers.stuck[number] = replace(one, fingerprint=f"f{number}")
    async with village.armed():
        await asyncio.sleep(60)
    assert len(village.written(ev.AlertRefused)) == REFUSALS
    assert village.written(ie.IncidentOpened) == []


async def test_nothing_is_armed_before_the_heartbeat_is_heard(village):
    """Prometheus and Alertmanager start with us: empty, complete, and not to be believed."""
    village.alertmanagers.watchdog = False
    async with village.alive():
        await asyncio.sleep(4)
        village.fail()
        await asyncio.sleep(4)
        village.alertmanagers.watchdog = True
        await asyncio.sleep(30)
        assert village.hold() == "pre_existing"
    assert village.gates.orders == []


async def test_a_true_trouble_that_another_guard_holds_is_kept_while_the_monitoring_restarts(
    village,
):
    village.gates.holds = ("disk swap",)
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        assert village.incident().confirmed
        firing, village.alertmanagers.alerts = village.alertmanagers.alerts, []
        await asyncio.sleep(10)
        village.alertmanagers.alerts = firing
        await asyncio.sleep(10)
        assert village.hold() == "gate_hold"


async def test_an_incident_whose_rule_is_gone_ends_when_nobody_claims_it_any_more(village):
    village.gates.holds = ("disk swap",)
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        village.mend()
        village.prometheus.strange = frozenset({"ServiceDown"})
        await asyncio.sleep(60)
    assert village.incident().state is State.CLOSED


def lost(domain: str, name: str = "true", began: float = NOW) -> Alert:
    labels = {"alertname": DOMAIN_LOSS, "cluster": "first", "failure_domain": domain, "x": name}
    return Alert(f"{domain}:{name}", DOMAIN_LOSS, tuple(sorted(labels.items())), began)


@pytest.mark.parametrize("forged", [0, 20, 500])
async def test_forged_losses_keep_a_true_one_waiting_for_no_more_than_a_few_looks(forged):
    """They claim to be as deep, began before, and are never true."""
    racks = {f"row-{number}": frozenset({"web1", "web2"}) for number in range(30)}
    village = Village(replace(simple(), wider=racks))
    async with village.armed():
        strange = [f"row-{number % 29}" for number in range(forged)]
        village.alertmanagers.stuck = [lost(one, f"f{n}") for n, one in enumerate(strange)]
        await asyncio.sleep(10)
        domain = Target("", domain="row-29")
        village.cluster.down.add(domain)
        village.alertmanagers.stuck.append(lost("row-29", began=village.clock.wall()))
        await asyncio.sleep(20)
        assert village.incident().target == domain
    assert len(village.written(ie.IncidentOpened)) == 1


class CrashLoop(FakeGates):
    """Gates of a node on which systemd starts a unit again and again."""

    turn = False

    def _unit(self, node: str, name: str) -> UnitLook:
        self.turn = not self.turn
        state = "activating" if self.turn else "failed"
        return replace(super()._unit(node, name), active_state=state, age_seconds=0.5)


async def test_a_unit_in_a_crash_loop_does_not_fill_the_journal():
    """Each look finds the other word for the same thing: systemd is at it."""
    village = Village(simple(owner_settled=10.0))
    village.gates = CrashLoop(village.cluster, village.diary)
    async with village.armed():
        village.fail()
        await asyncio.sleep(600)
        assert village.hold() in ("owner_busy", "owner_settling")
    assert len(village.written(ie.IncidentHeld)) == 1
