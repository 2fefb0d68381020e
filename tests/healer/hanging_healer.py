"""A healer whose engine hangs from one SIGUSR1 to the next, as on a disk that answers nobody; the rest of it goes on.

    python -m tests.healer.hanging_healer run --config CLUSTER_YML --listen HOST:PORT --control PATH

Its turn counts as stuck after STUCK_AFTER seconds instead of two minutes.
"""

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

from healer import logs, settings
from healer.adapters import stores
from healer.adapters.journal import SqliteStore
from healer.clock import SystemClock
from healer.life import Life
from healer.ports import Clock, Store

STUCK_AFTER = 3.0


class HangingStore:
    """A store that tells the engine of its room when the hang is over; every other word goes to a real one."""

    def __init__(self, inner: SqliteStore) -> None:
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._turn)
        self.token, self.lease_seconds = inner.token, inner.lease_seconds
        self.append, self.read, self.read_incident = inner.append, inner.read, inner.read_incident
        self.hint_bytes, self.prune, self.size = inner.hint_bytes, inner.prune, inner.size
        self.renew, self.release = inner.renew, inner.release
        self.mark_seen, self.last_seen = inner.mark_seen, inner.last_seen
        self._room, self.lasting = inner.room, inner.lasting

    async def room(self) -> bool:
        await self._goes_on.wait()
        return await self._room()

    def _turn(self) -> None:
        if self._goes_on.is_set():
            self._goes_on.clear()
        else:
            self._goes_on.set()


async def open_store(
    wanted: stores.AnyStore, clock: Clock, me: str, on_wait: stores.OnWait
) -> Store:
    """Lead on a store that hangs when it is told to."""
    store = await stores.open_store(wanted, clock, me, on_wait)
    assert isinstance(store, SqliteStore)
    return HangingStore(store)


async def run(config: str, listen: str, control: str) -> None:
    """Live as app.run does, on that store."""
    logs.configure()
    read = partial(settings.read_as, Path(config), None, "mon1")
    life = Life(read, listen, SystemClock(), "test", open_store, STUCK_AFTER)
    await life.live(Path(control))


if __name__ == "__main__":
    _, _, _, _config, _, _listen, _, _control = sys.argv
    asyncio.run(run(_config, _listen, _control))
