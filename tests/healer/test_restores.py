"""A restore of which nobody knows the end, on a service that serves, is proved by its report or not at all."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from healer.core.attempt import Outcome
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import BackupLook, Look
from healer.core.order import Ended, Order
from healer.core.topology import Backup
from tests.healer.core.world import CALL, VERIFY
from tests.healer.fake_gates import FakeGates
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)

PROVEN = BackupLook(
    "a" * 64, "2026-11-28T02:00:00Z", "2026-11-28T03:00:00Z", "2026-11-28T09:00:00Z"
)


class Losing(FakeGates):
    """Gates that lose the session of a restore, and have proven backups to restore."""

    async def look(self, node: str, names: Sequence[str]) -> Look:
        found = await super().look(node, names)
        backups = {one: PROVEN for one in names if one.startswith("backup:")}
        return replace(found, backups=backups)

    async def act(self, order: Order) -> Ended:
        self.diary.append(f"gate {order.node} {order.verb}")
        self.cluster.down.clear()  # only files are rotten: the service serves
        return Ended(Outcome.UNKNOWN, "deadline", "hale-backup-restore@site still runs")


def rotten() -> Village:
    """web1's files are rotten, and a backup of them may be put back without a person."""
    plain = simple(fast=False, soak=3.0)
    verify = replace(VERIFY, within_seconds=20.0, soak_seconds=3.0)
    rung = Rung("files.restore", None, False, 60.0, verify, 2, 5.0)
    ladder = Ladder("restart-service", Mode.ACT, (rung, CALL))
    backups = {"site": Backup("site", ("web1", "web2"), "nginx", True)}
    village = Village(
        replace(plain, backups=backups, ladders={**plain.ladders, ladder.name: ladder})
    )
    village.gates.__class__ = Losing
    return village


async def ended(village: Village, restored: Mapping[str, float]) -> tuple[str, list[str]]:
    """Return how the incident closed, and what was tried with what came of it."""
    async with village.armed():
        now = village.clock.wall()
        village.prometheus.restored = {name: now + at for name, at in restored.items()}
        village.fail()
        await asyncio.sleep(120)
        incident = village.incident()
        tried = [
            f"{one.action} {one.outcome.value if one.outcome else None}"
            for one in incident.attempts
        ]
        return str(incident.outcome), tried


async def test_a_restore_that_its_report_has_is_proved():
    assert await ended(rotten(), {"site": 60.0}) == ("healed", ["files.restore verified"])


@pytest.mark.parametrize("restored", [{}, {"site": -3600.0}, {"other": 60.0}])
async def test_a_restore_that_no_report_has_healed_nothing_though_the_service_serves(restored):
    """What was true of the service is over by itself here; of files it would go on to the next rung."""
    assert await ended(rotten(), restored) == ("cleared", ["files.restore not_verified"])
