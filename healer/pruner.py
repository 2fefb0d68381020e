"""Keeps the journal short: lets old history go, now and then, while nothing hurries."""

import asyncio

import structlog

from healer.core.history import BATCH, Keep
from healer.errors import StoreFull
from healer.journal import Journal
from healer.ports import Clock
from healer.standing import Watch

log = structlog.get_logger()

FIRST = 60.0
"""Seconds after the start: what an earlier life left undone comes first."""

EVERY = 3600.0
"""Seconds between two times."""

LOOK = 60.0
"""Seconds between two looks at whether there is no room, or more than there should be: that waits for no hour."""

PAUSE = 1.0
"""Seconds between two batches, in which others write."""

CLOCK_ERROR = 3600.0
"""Seconds by which our clock may differ from Prometheus'. What a wrong one calls old may be of today."""


async def keep_short(journal: Journal, watch: Watch, clock: Clock, keep: Keep) -> None:
    """Prune until cancelled.

    Raises:
        LeaseLost: Another healer leads; nothing went.
    """
    await asyncio.sleep(FIRST)
    now = asyncio.get_running_loop().time
    due = now()
    while True:
        more: bool | None = False
        if sure_of_time(watch, clock) and (now() >= due or await _hurries(journal, keep)):
            more = await _batch(journal, clock.wall(), keep)
            due = now() + EVERY if more is False else now()
        await asyncio.sleep(PAUSE if more else LOOK)


async def _hurries(journal: Journal, keep: Keep) -> bool:
    return not await journal.store.room() or await journal.store.size() > keep.size


async def _batch(journal: Journal, now: float, keep: Keep) -> bool | None:
    """Prune once; return whether there may be more, None where there was no room to note it."""
    try:
        return await journal.prune(now, keep) >= BATCH
    except StoreFull as error:
        log.warning("journal.not_pruned", error=str(error))
        return None


def sure_of_time(watch: Watch, clock: Clock) -> bool:
    """Whether our clock and Prometheus' agree roughly on what time it is."""
    picture = watch.latest
    return picture is not None and abs(picture.now - clock.wall()) < CLOCK_ERROR
