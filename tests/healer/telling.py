"""A healer that has something to tell, and what it was heard to say."""

import asyncio

from healer.core import incident_events as ie
from healer.core.order import Sight
from healer.core.verdict import hold
from tests.healer.core.world import alert
from tests.healer.fakes import NOW
from tests.healer.village import Village


def names(village: Village, *, over: bool = False) -> list[str]:
    """Return the alerts that were posted, or those that were posted as over."""
    return [
        dict(one.labels)["alertname"] for one in village.alertmanagers.posted if one.over == over
    ]


async def telling(village: Village, seconds: float) -> None:
    """Tell every two seconds, as the engine does."""
    async with asyncio.TaskGroup() as tasks:
        calling = tasks.create_task(village.herald.keep_calling())
        for _ in range(int(seconds / 2)):
            await village.herald.tell("first")
            await asyncio.sleep(2)
        calling.cancel()


async def held(
    village: Village,
    *,
    passing: bool = False,
    at: str = "web1/nginx",
    reason: str = "capacity",
    **labels: str,
) -> None:
    number = str(village.journal.board.opened + 1)
    said = hold("capacity", reason, have=0, need=1, sentence="web is short.", passing=passing)
    await village.journal.write(
        ie.IncidentOpened(number, alert(at=at, **labels), "restart-service", "d1"),
        ie.IncidentHeld(number, said, ()),
    )


def sees_all() -> Village:
    """Return a healer that sees everything and has nothing to tell."""
    made = Village()
    made.watch.sight = Sight((), (), silent=(), watchdog_at=NOW)
    return made
