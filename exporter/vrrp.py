"""keepalived's VRRP instances as they change, from its interface on the system bus (`enable_dbus`).

Tried with Debian 12's keepalived 2.2.7, whose packaged policy lets every user read these properties and do nothing
else. Once dbus-daemon was restarted, keepalived goes on without the bus until it is restarted itself.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple, Protocol

from dbus_fast import Message
from dbus_fast.aio import MessageBus

from exporter.bus import ERROR, BusLost, Partner, Raw, Refused, connection
from exporter.config import VirtualAddress
from exporter.racing import first

KEEPALIVED = "org.keepalived.Vrrp1"
ROOT = "/org/keepalived/Vrrp1"
VRRP = f"{KEEPALIVED}.Vrrp"
INSTANCE = f"{KEEPALIVED}.Instance"

# INIT, BACKUP, MASTER, FAULT (keepalived/include/vrrp.h); others are on their way out.
STATES = range(4)
FAMILIES = {4: "IPv4", 6: "IPv6"}
# How GDBus says that there is no such object, and keepalived that it has just lost the instance.
UNKNOWN = {f"{ERROR}.{word}" for word in ("UnknownMethod", "UnknownObject", "InvalidArgs")}

RESYNC = 5.0  # seconds
DEADLINE = 2.0  # seconds for the connection and for each whole sync


class Instance(NamedTuple):
    """One VRRP instance: its name in keepalived.conf, and its state as the number keepalived gives it."""

    name: str
    state: int


Seen = Mapping[str, Instance]
"""The instances by their paths; those that keepalived does not have are left out."""


class Listener(Protocol):
    """Who wants to know."""

    def vrrp_seen(self, instances: Seen | None) -> None:
        """Take in the present state of all; None when keepalived is not on the bus."""
        ...

    def synced(self, duration_seconds: float) -> None:
        """Take in that everything has just been asked and was answered, and how long that took."""
        ...


class Vrrp(Protocol):
    """Where the states of VRRP instances come from."""

    async def watch(self, paths: Sequence[str], listener: Listener) -> None:
        """Tell the state of every instance now and whenever it changes, until that is no longer possible.

        Raises:
            BusLost: The bus went away, or refused.
            TimeoutError: It, or keepalived, does not answer.
        """
        ...


def path_of(address: VirtualAddress) -> str:
    """Return the object path of the instance that moves an address."""
    interface = re.sub(rb"[^A-Za-z0-9]", b"_", address.interface.encode()).decode()
    family = FAMILIES[ip_address(address.address).version]
    return f"{ROOT}/Instance/{interface}/{address.router_id}/{family}"


def parse(raw: Raw) -> Instance | None:
    """Make an instance of its properties; None when they are not those of one, or it is being deleted."""
    name, state = raw.get("Name"), raw.get("State")
    if isinstance(name, list | tuple) and len(name) == 1:
        name = name[0]  # 2.2.7 answers (s) where its interface says s
    match name, state:
        case str(), [int(number), *_] if number in STATES:
            return Instance(name, number)
        case _:
            return None


class KeepalivedOnBus:
    """keepalived on the system bus."""

    def __init__(
        self, address: str | None = None, deadline: float = DEADLINE, resync: float = RESYNC
    ) -> None:
        """Connect to nothing yet.

        Args:
            address: The bus; None for the node's system bus.
            deadline: Seconds for connecting, and for each whole sync.
            resync: Seconds between two syncs, which find out whether keepalived still answers.
        """
        self._address = address
        self._deadline = deadline
        self._resync = resync

    async def watch(self, paths: Sequence[str], listener: Listener) -> None:
        """Connect, listen and tell, until the connection breaks.

        Raises:
            BusLost: The bus went away, or refused.
            TimeoutError: It, or keepalived, does not answer.
        """
        async with connection(self._address) as bus:
            session = _Session(bus, paths, listener)
            async with asyncio.timeout(self._deadline):
                await session.subscribe()
            await first(session.until_lost(), session.keep_in_sync(self._resync, self._deadline))
        raise BusLost("the bus closed the connection")


class _Session:
    """One connection and what was heard over it."""

    def __init__(self, bus: MessageBus, paths: Sequence[str], listener: Listener) -> None:
        self._keepalived = Partner(bus, KEEPALIVED, self._heard, self._moved)
        self._paths = tuple(paths)
        self._listener = listener
        self._seen: dict[str, Instance] = {}
        self._signals = 0
        self._out_of_date = asyncio.Event()

    async def subscribe(self) -> None:
        await self._keepalived.meet()
        try:
            await self._keepalived.listen(f"interface='{INSTANCE}',member='VrrpStatusChange'")
            await self._keepalived.listen(f"interface='{VRRP}'")
        except Refused as error:
            raise BusLost(str(error)) from error

    async def until_lost(self) -> None:
        await self._keepalived.until_lost()

    async def keep_in_sync(self, interval: float, deadline: float) -> None:
        while True:
            self._out_of_date.clear()
            began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(deadline):
                    await self._sync()
            except BusLost:
                if self._out_of_date.is_set():
                    continue  # keepalived left or came back in the middle of it
                raise
            self._listener.synced(asyncio.get_running_loop().time() - began)
            try:
                async with asyncio.timeout(interval):
                    await self._out_of_date.wait()
            except TimeoutError:
                pass  # nothing happened: time for the slow look

    async def _sync(self) -> None:
        if not self._keepalived.owner:
            self._listener.vrrp_seen(None)
            return
        signals = -1
        # An answer that crossed a signal on its way may be older than it: ask again.
        while signals != self._signals:
            signals = self._signals
            found = {path: await self._instance(path) for path in self._paths}
        self._seen = {path: one for path, one in found.items() if one is not None}
        if self._keepalived.owner:
            self._listener.vrrp_seen(dict(self._seen))

    async def _instance(self, path: str) -> Instance | None:
        try:
            return parse(await self._keepalived.properties(path, INSTANCE))
        except Refused as error:
            if error.error in UNKNOWN:
                return None
            raise BusLost(str(error)) from error

    def _moved(self) -> None:
        self._seen = {}
        if not self._keepalived.owner:
            self._listener.vrrp_seen(None)
        self._out_of_date.set()

    def _heard(self, message: Message) -> None:
        self._signals += 1
        before = self._seen.get(message.path or "")
        match message.member, message.body:
            case "VrrpStatusChange", [int(state)] if before is not None and state in STATES:
                self._seen[message.path or ""] = Instance(before.name, state)
                self._listener.vrrp_seen(dict(self._seen))
            case _:  # of an instance not seen yet, or keepalived has read its file anew
                self._out_of_date.set()
