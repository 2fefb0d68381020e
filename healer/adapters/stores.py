"""The kinds of store: which one cluster.yml asks for, how it is made and how one leads on it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from healer.adapters import etcd_init
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_store import EtcdStore
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.ports import Clock, Store

AnyStore = StoreSettings | EtcdSettings

OnWait = Callable[[str | None], None]
"""Called whenever it changes who leads while we wait: a node's name, or None where nobody is known to."""


async def open_store(settings: AnyStore, clock: Clock, me: str, on_wait: OnWait) -> Store:
    """Wait until this healer leads, and return the store that it leads on.

    Args:
        settings: Which store.
        clock: By which the lease is measured.
        me: This healer's node, as the others shall call it while it leads.
        on_wait: Told who leads while we wait.

    Raises:
        ConfigError: There is no such store, it is broken or of another format. Nothing was changed.
        StoreFull: The lease cannot be written.
    """
    match settings:
        case StoreSettings():
            return await _open_file(settings, clock, on_wait)
        case EtcdSettings():
            return await EtcdStore.open(settings, clock, me, on_wait)


async def init_store(settings: AnyStore, era: int, highest: int) -> None:
    """Make an empty store.

    Args:
        settings: Which store; there may be none yet.
        era: Of the tokens that healers on it will use.
        highest: The highest era that any gate reports.

    Raises:
        ConfigError: There is one already, it cannot be made, or gates would refuse this era.
            Nothing was changed.
    """
    match settings:
        case StoreSettings(path=path):
            await asyncio.to_thread(SqliteStore.init, path, era, highest)
        case EtcdSettings():
            await etcd_init.make(settings, era, highest)


def folder(settings: AnyStore) -> Path:
    """Return the directory in which this healer keeps files of its own."""
    return settings.path.parent if isinstance(settings, StoreSettings) else settings.history.parent


async def _open_file(settings: StoreSettings, clock: Clock, on_wait: OnWait) -> SqliteStore:
    told = False

    async def sleep(seconds: float) -> None:
        nonlocal told
        if not told:
            # The lease names a start of a healer, not a node: a file is for one node's healer only.
            on_wait(None)
            told = True
        await asyncio.sleep(seconds)

    return await SqliteStore.open(settings, clock, sleep)
