"""What nothing tells of any more is not well: its member stays out, and a person has it."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Alert, Target
from healer.core.ladder import Ladder, Mode
from healer.core.states import State
from tests.healer.core.world import CALL, alert
from tests.healer.tier import BOTH, DRAIN, tier
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


def away(**changes: float):
    """The tier with a ladder that only takes a member out, as a failing disk asks for."""
    plain = tier(**changes)
    ladder = Ladder("move-away", Mode.ACT, (DRAIN, CALL))
    return replace(plain, ladders={**plain.ladders, ladder.name: ladder})


def disk(village: Village, **labels: str) -> Alert:
    """A disk of web1 that fails, by a rule of its own whose proof is that the exporter answers."""
    domain = village.topology.nodes["web1"].failure_domain
    given = {"failure_domain": domain, "heal": "move-away", "failure": "disk", **labels}
    found = alert("DiskFailing", "web1", began=village.clock.wall(), **given)
    village.cluster.down.add(found.target)
    village.alertmanagers.alerts.append(found)
    return found


async def test_a_disk_whose_figures_are_gone_is_not_well_and_its_member_stays_out():
    village = Village(away())
    async with village.armed():
        disk(village)
        await asyncio.sleep(60)
        assert (village.incident().state, village.cluster.drained) == (State.MITIGATED, BOTH)
        village.prometheus.vanished.add(Target("web1"))
        await asyncio.sleep(3600)
        assert (village.incident().state, village.cluster.drained) == (State.MITIGATED, BOTH)
        assert village.hold() == "no_sample"
        told = village.alertmanagers.posted[-1]
        assert dict(told.labels)["alertname"] == "HealerMitigated"
        assert "no fresh samples" in dict(told.annotations)["description"]
        assert len(village.written(ie.IncidentHeld)) <= 3  # what does not change is written once
        # The new disk tells that it is well: then all comes back by itself.
        village.mend("web1")
        village.prometheus.vanished.clear()
        await asyncio.sleep(60)
    assert (village.incident().outcome, village.cluster.drained) == ("cleared", set())


async def test_a_person_who_replaced_the_disk_gives_the_member_back_by_closing():
    village = Village(away())
    async with village.armed():
        disk(village)
        await asyncio.sleep(60)
        village.prometheus.vanished.add(Target("web1"))
        await asyncio.sleep(60)
        assert not await village.operators.close(
            "1", "replaced the disk, it has another name", "ann"
        )
        await asyncio.sleep(60)
    assert (village.incident().outcome, village.cluster.drained) == ("by_hand", set())


async def test_hardware_that_nothing_tells_of_any_more_is_a_persons_though_nothing_was_done():
    village = Village(away(floor=3))  # none can be spared
    async with village.armed():
        disk(village)
        await asyncio.sleep(60)
        assert village.hold() == "capacity"
        village.prometheus.vanished.add(Target("web1"))
        await asyncio.sleep(300)
        assert (village.incident().state, village.hold()) == (State.HELD, "no_sample")
        village.mend("web1")
        village.prometheus.vanished.clear()
        await asyncio.sleep(60)
    assert village.incident().outcome == "cleared"
