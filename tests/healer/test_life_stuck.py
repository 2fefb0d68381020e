"""systemd's watchdog hears of a healer only while its engine turns; a process of its own, a notify socket of ours."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.healer.hanging_healer import STUCK_AFTER
from tests.healer.process import PATIENCE, Home, Process, started

WANTED = 0.4
"""Seconds in which systemd wants to hear of it; the unit has 30."""

STOP = 15.0
"""Seconds that the unit gives a stop."""


@asynccontextmanager
async def turning(folder: Path) -> AsyncIterator[Process]:
    """Run a healer that leads, and tells systemd that it is alive."""
    home = Home(folder)
    home.init()
    environment = {"WATCHDOG_USEC": str(int(WANTED * 1e6))}
    async with started(home, environment, "tests.healer.hanging_healer") as healer:
        await healer.until_ready(role="leader")
        await heard(healer, 5)
        yield healer


def beats(healer: Process) -> int:
    return healer.told.count("WATCHDOG=1")


async def heard(healer: Process, more: int) -> None:
    wanted = beats(healer) + more
    async with asyncio.timeout(PATIENCE):
        while beats(healer) < wanted:
            await asyncio.sleep(0.02)


async def hang(healer: Process) -> None:
    """Let its engine hang, and return when it has found out."""
    healer.signal(signal.SIGUSR1)
    await healer.until_told("STATUS=stuck: the engine's turn has not ended for")


async def test_the_watchdog_hears_nothing_while_the_engines_turn_hangs_though_all_else_goes_on(
    tmp_path: Path,
) -> None:
    async with turning(tmp_path) as healer:
        await heard(
            healer, round(2 * STUCK_AFTER / (WANTED / 4))
        )  # and for longer than a hang may last
        assert not any("stuck" in one for one in healer.told)
        began = time.monotonic()
        await hang(healer)
        # What hung was found after its time, not at its first moment: a turn may be slow.
        assert (
            time.monotonic() - began > STUCK_AFTER - 2.5
        )  # a turn may have begun up to a pause before
        before = beats(healer)
        await asyncio.sleep(5 * WANTED)  # systemd would have killed it by now
        assert beats(healer) == before
        # The loop turns: a process that only looks alive is what the watchdog is there for.
        assert (await healer.get("/api/v1/status"))[0] == 200
        assert await healer.metric("healer_leader") == 1.0
        healer.running.kill()
        _, said = await healer.end()
    assert "engine.stuck" in said
    assert re.search(
        r"engine: Leadership\._turn:\d+ > .*Engine\._look:\d+ > HangingStore\.room:", said
    )


async def test_a_turn_that_ends_after_all_is_heard_of_again(tmp_path: Path) -> None:
    async with turning(tmp_path) as healer:
        await hang(healer)
        healer.signal(signal.SIGUSR1)
        await heard(healer, 5)


@pytest.mark.parametrize("reloads", [False, True], ids=["", "in the middle of a reload"])
async def test_one_that_hangs_stops_in_time_when_it_is_told_to(
    tmp_path: Path, reloads: bool
) -> None:
    async with turning(tmp_path) as healer:
        await hang(healer)
        if reloads:
            healer.signal(signal.SIGHUP)  # it waits for the turn that hangs
            await asyncio.sleep(1)
        healer.signal(signal.SIGTERM)
        async with asyncio.timeout(STOP):
            code, said = await healer.end()
    assert (code, "Traceback" in said) == (0, False), said
