"""Runs as a process of its own, so that tests can kill, freeze and fill it up for real.

python -m tests.healer.adapters.journal_writer endless JOURNAL
python -m tests.healer.adapters.journal_writer pruning JOURNAL
python -m tests.healer.adapters.journal_writer holder JOURNAL
python -m tests.healer.adapters.journal_writer full DIRECTORY
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from healer.core import incident_events as ie
from healer.core.events import Frozen, Unfrozen
from healer.core.history import DAY, Keep
from healer.errors import LeaseLost, StoreFull
from healer.journal import Journal
from tests.healer.adapters.clocks import RebootedClock
from tests.healer.core.world import alert


def say(*words: object) -> None:
    """Print one line at once."""
    print(*words, flush=True)


async def endless(path: Path) -> None:
    """Append pairs until killed, and tell each seq once it is durable."""
    store = await SqliteStore.open(StoreSettings(path, 64 * 1024), RebootedClock())
    while True:
        records = await store.append([Frozen("x" * 300, "ann"), Unfrozen("ann")])
        say(records[-1].seq)


async def pruning(path: Path) -> None:
    """Open and close incidents and let go of all but the newest until killed, and tell each time that any went."""
    clock = RebootedClock()
    journal = Journal(await SqliteStore.open(StoreSettings(path, 64 * 1024), clock))
    await journal.replay()
    while True:
        for _ in range(60):
            number = str(journal.board.opened + 1)
            fired = alert(began=float(number))
            opened = ie.IncidentOpened(number, fired, "restart-service", "d1")
            await journal.write(opened, ie.IncidentClosed(number, "cleared", ""))
        while await journal.prune(clock.wall() + 2 * DAY, Keep(DAY, DAY, 1 << 40)):
            pass
        say(journal.board.opened)


async def holder(path: Path) -> None:
    """Hold the lease, and on each line of standard input write once and say how it went."""
    store = await SqliteStore.open(StoreSettings(path, 64 * 1024, 0.5), SystemClock())
    say("holding", store.token.term)
    while await asyncio.to_thread(sys.stdin.readline):
        try:
            await store.append([Unfrozen("ann")], closing=True)
            say("written")
        except LeaseLost:
            say("lost")


def fill(path: Path) -> None:
    """Take every byte that is left on the file system."""
    with path.open("ab", buffering=0) as handle, contextlib.suppress(OSError):
        while handle.write(b"x" * 4096):
            pass


async def full(directory: Path) -> None:
    """Fill the disk under an open journal, close what was begun, make room, go on."""
    path, filler, reserve = directory / "journal.db", directory / "filler", 1024 * 1024
    SqliteStore.init(path, 1)
    store = await SqliteStore.open(StoreSettings(path, reserve, 600), SystemClock())
    await store.append([Frozen("begun", "ann")])
    fill(filler)
    say("room", await store.room())
    try:
        await store.append([Frozen("new", "ann")])
        say("new written")
    except StoreFull as error:
        say("new refused", "make room" in str(error))
    closed = 0
    with contextlib.suppress(StoreFull):
        for _ in range(40):
            await store.append([Unfrozen("y" * 2000)], closing=True)
            await store.renew()
            closed += 1
    say("closed", closed)
    fill(filler)
    with contextlib.suppress(StoreFull):
        while True:
            await store.append([Unfrozen("y" * 2000)], closing=True)
    count = len(await store.read())
    filler.unlink()
    say("room", await store.room())
    await store.append([Frozen("new", "ann")])
    await store.release()
    again = await SqliteStore.open(StoreSettings(path, reserve, 600), SystemClock())
    say("kept", len(await again.read()) == count + 1)
    await again.release()


if __name__ == "__main__":
    mode, where = sys.argv[1:]
    asyncio.run(
        {"endless": endless, "pruning": pruning, "holder": holder, "full": full}[mode](Path(where))
    )
