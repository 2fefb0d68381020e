"""What cannot be read holds; it wakes nobody in its first seconds, and it keeps nobody else waiting for ever."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from healer.core.alert import Alert
from healer.core.facts import Evidence, Reading
from healer.core.look import UnitLook
from healer.core.picture import Picture
from healer.core.states import State
from healer.errors import Unreachable
from tests.healer.core.world import alert
from tests.healer.fake_cluster import FakePrometheus
from tests.healer.fake_gates import FakeGates
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


@dataclass
class HalfBlind(FakePrometheus):
    """Has no samples of some nodes, though their rules are there; `away` for a moment it does not answer."""

    blind: frozenset[str] = frozenset()
    away: bool = False

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        if self.away:
            raise Unreachable("prometheus: timed out")
        if alert.target.node in self.blind:
            return Evidence(False, Reading(None, None, self.cluster.clock.wall()))
        return await super().evidence(alert, metric)

    async def picture(self, *, services: bool = True) -> Picture:
        seen = await super().picture(services=services)
        ups = {one: up for one, up in seen.services.items() if one.node not in self.blind}
        return replace(seen, services=ups)


class Wedged(FakeGates):
    """Sees web2's unit as running, whatever it does."""

    def _unit(self, node: str, name: str) -> UnitLook | None:
        found = super()._unit(node, name)
        if found is None or node != "web2":
            return found
        return replace(found, active_state="active", sub_state="running")


@pytest.fixture
def village() -> Village:
    made = Village()
    made.prometheus = HalfBlind(made.cluster)
    made.probes.blind = True
    made.gates = Wedged(made.cluster, made.diary)
    return made


def told(village: Village) -> list[tuple[str, bool]]:
    return [(dict(one.labels)["alertname"], one.over) for one in village.alertmanagers.posted]


def claimed(village: Village, at: str) -> None:
    """Have an Alertmanager show what nobody finds true: forged, or sent by the short way."""
    domain = village.topology.nodes[at.partition("/")[0]].failure_domain
    began = village.clock.wall()
    village.alertmanagers.stuck.append(alert(at=at, began=began, failure_domain=domain))


# --- One that nobody can judge --------------------------------------------------------------


async def test_one_that_nobody_can_judge_any_more_keeps_no_other_waiting_and_is_told(village):
    async with village.armed():
        village.fail("web2/nginx")
        await asyncio.sleep(2)
        assert village.incident(1).confirmed
        village.prometheus.blind = frozenset({"web2"})
        village.alertmanagers.alerts.clear()  # its alert has ended with its series
        await asyncio.sleep(20)
        assert (village.hold(1), told(village)) == ("no_sample", [])
        await asyncio.sleep(20)
        assert told(village) == [("HealerHolds", False)]
        said = dict(village.alertmanagers.posted[-1].annotations)["description"]
        # Nothing else ends one whose figures are gone for good.
        assert "hale-healer close 1" in said
        village.fail("web1/nginx")
        await asyncio.sleep(20)
        assert [one.node for one in village.gates.orders] == ["web1"]
        assert village.incident(2).outcome == "healed"
        assert village.incident(1).state is State.HELD


@pytest.mark.parametrize("blind", [frozenset(), frozenset({"web2"})])
async def test_a_claim_about_a_member_that_nobody_finds_true_delays_no_true_repair(village, blind):
    village.prometheus.blind = blind
    async with village.armed():
        claimed(village, "web2/nginx")
        await asyncio.sleep(3)
        village.fail("web1/nginx")
        await asyncio.sleep(5)
        assert [one.node for one in village.gates.orders] == ["web1"]


# --- What could not be read for a moment -----------------------------------------------------


async def test_a_gate_that_is_silent_for_a_moment_wakes_nobody(village):
    async with village.armed():
        village.cluster.deaf.add("web1")
        village.fail()
        await asyncio.sleep(7)
        assert village.hold() == "gate_silent"
        village.cluster.deaf.clear()
        await asyncio.sleep(60)
        assert (village.incident().outcome, told(village)) == ("healed", [])


async def test_a_prometheus_that_is_silent_for_a_moment_wakes_nobody(village):
    async with village.armed():
        village.fail("web2/nginx")
        village.prometheus.away = True
        await asyncio.sleep(1)
        village.prometheus.away = False
        await asyncio.sleep(60)
        assert told(village) == []


async def test_what_stays_unread_is_told_after_ten_seconds_also_where_the_reason_changes(village):
    async with village.armed():
        village.cluster.deaf.add("web2")  # its unit runs, so its gate alone confirms nothing
        village.fail("web2/nginx")
        await asyncio.sleep(6)
        assert (village.hold(), told(village)) == ("gate_silent", [])
        village.cluster.deaf.clear()
        village.prometheus.away = True
        await asyncio.sleep(2.5)
        assert (village.hold(), told(village)) == ("no_evidence", [])
        await asyncio.sleep(4)
        assert told(village) == [("HealerHolds", False)]
