"""systemd's units as they change, from signals on the system bus.

Interface: org.freedesktop.systemd1(5). Nothing is polled but for a slow re-sync, which is there
for what has no signal (memory) and to notice a bus or a systemd that no longer answers.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from dbus_fast import Message
from dbus_fast.aio import MessageBus
from dbus_fast.unpack import unpack_variants

from exporter.bus import PROPERTIES, BusLost, Partner, Raw, Refused, connection
from exporter.racing import first
from exporter.unit import Unit

SYSTEMD = "org.freedesktop.systemd1"
MANAGER_PATH = "/org/freedesktop/systemd1"
MANAGER = SYSTEMD + ".Manager"
UNIT = SYSTEMD + ".Unit"
SERVICE = SYSTEMD + ".Service"

NOT_SET = 2**64 - 1  # systemd's way to say that there is no number
MICROSECONDS = 1_000_000

# systemctl(1), is-enabled: there is a link by which a target starts it.
ENABLED = frozenset({"enabled", "enabled-runtime", "alias"})
# Properties with the units that start it when they start, whatever its own file says.
PULLED_IN = ("RequiredBy", "WantedBy", "BoundBy", "UpheldBy", "TriggeredBy")

RESYNC = 30.0  # seconds
DEADLINE = 5.0  # seconds for the connection and for each whole sync


class Listener(Protocol):
    """Who wants to know."""

    def unit_seen(self, name: str, unit: Unit) -> None:
        """Take in a unit's present state."""
        ...

    def unit_refused(self, name: str, reason: str) -> None:
        """Take in that systemd will not speak of this unit, for example for its name."""
        ...

    def synced(self, duration_seconds: float) -> None:
        """Take in that every unit has just been asked and has answered, and how long that took."""
        ...


class Systemd(Protocol):
    """Where units' states come from."""

    async def watch(self, names: Sequence[str], listener: Listener) -> None:
        """Tell every unit's state now and whenever it changes, until that is no longer possible.

        Raises:
            BusLost: The bus or systemd went away, or refused.
            TimeoutError: It does not answer.
        """
        ...


def parse(raw: Raw) -> Unit:
    """Make a unit of the properties of its two interfaces; a unit that is no service lacks the second."""
    changed = _whole(raw.get("StateChangeTimestamp"))
    invocation = raw.get("InvocationID")
    return Unit(
        load_state=_text(raw.get("LoadState")),
        active_state=_text(raw.get("ActiveState")),
        sub_state=_text(raw.get("SubState")),
        result=_text(raw.get("Result")),
        restarts=_whole(raw.get("NRestarts")),
        memory_bytes=_whole(raw.get("MemoryCurrent")),
        state_changed_at=changed / MICROSECONDS if changed else None,
        invocation_id=invocation.hex() if isinstance(invocation, bytes) else "",
        job=_is_job(raw.get("Job")),
        cgroup=_text(raw.get("ControlGroup")),
        starts_at_boot=_starts_at_boot(raw),
    )


def _starts_at_boot(raw: Raw) -> bool | None:
    if _text(raw.get("LoadState")) == "masked":
        return False
    file_state = _text(raw.get("UnitFileState"))
    if file_state in ENABLED or any(raw.get(name) for name in PULLED_IN):
        return True
    return None if file_state in ("", "bad") else False


def _is_job(value: object) -> bool:
    # (uo), id and path; id 0 means that there is none.
    match value:
        case [int(number), *_]:
            return number != 0
        case _:
            return False


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and value != NOT_SET else None


class SystemBus:
    """systemd on the system bus."""

    def __init__(
        self, address: str | None = None, deadline: float = DEADLINE, resync: float = RESYNC
    ) -> None:
        """Connect to nothing yet.

        Args:
            address: The bus; None for the node's system bus.
            deadline: Seconds for connecting, and for each whole sync.
            resync: Seconds between two syncs.
        """
        self._address = address
        self._deadline = deadline
        self._resync = resync

    async def watch(self, names: Sequence[str], listener: Listener) -> None:
        """Connect, subscribe and tell, until the connection breaks.

        Raises:
            BusLost: The bus or systemd went away, or refused.
            TimeoutError: It does not answer.
        """
        async with connection(self._address) as bus:
            async with asyncio.timeout(self._deadline):
                session = _Session(bus, names, listener)
                await session.subscribe()
            await first(session.until_lost(), session.keep_in_sync(self._resync, self._deadline))
        raise BusLost("the bus closed the connection")


class _Session:
    """One connection and what was heard over it."""

    def __init__(self, bus: MessageBus, names: Sequence[str], listener: Listener) -> None:
        self._systemd = Partner(bus, SYSTEMD, self._heard, self._moved)
        self._names = names
        self._listener = listener
        self._paths: dict[str, str] = {}  # of object path to unit
        self._raw: dict[str, Raw] = {}  # by object path
        self._signals: dict[str, int] = {}  # by object path, how many were heard
        self._out_of_date = asyncio.Event()
        self._gone = False

    async def subscribe(self) -> None:
        await self._systemd.meet()
        try:
            await self._systemd.listen(f"interface='{MANAGER}',member='Reloading'")
            await self._systemd.call(MANAGER_PATH, MANAGER, "Subscribe")
        except Refused as error:
            raise BusLost(str(error)) from error

    async def until_lost(self) -> None:
        await self._systemd.until_lost()

    async def keep_in_sync(self, interval: float, deadline: float) -> None:
        while True:
            self._out_of_date.clear()
            began = asyncio.get_running_loop().time()
            async with asyncio.timeout(deadline):
                for name in self._names:
                    try:
                        await self._sync(name)
                    except Refused as error:
                        self._listener.unit_refused(name, str(error))
            self._listener.synced(asyncio.get_running_loop().time() - began)
            try:
                async with asyncio.timeout(interval):
                    await self._out_of_date.wait()
            except TimeoutError:
                pass  # nothing happened: time for the slow look
            if self._gone:
                raise BusLost(f"{SYSTEMD} left the bus")

    async def _sync(self, name: str) -> None:
        reply = await self._systemd.call(MANAGER_PATH, MANAGER, "LoadUnit", "s", name)
        path = str(reply[0])
        if path not in self._paths:  # only these units' signals: a node has hundreds of others
            self._paths[path] = name
            await self._systemd.listen(
                f"interface='{PROPERTIES}',member='PropertiesChanged',path='{path}'"
            )
        heard = -1
        raw: Raw = {}
        # An answer that crossed a signal on its way may be older than it: ask again.
        while heard != self._signals.get(path, 0):
            heard = self._signals.get(path, 0)
            raw = await self._systemd.properties(path, UNIT)
            if name.endswith(".service"):
                raw |= await self._systemd.properties(path, SERVICE)
        self._raw[path] = raw
        self._listener.unit_seen(name, parse(raw))

    def _moved(self) -> None:
        self._gone = True
        self._out_of_date.set()

    def _heard(self, message: Message) -> None:
        match message.member:
            case "PropertiesChanged":
                self._changed(message)
            case "Reloading" if message.body == [False]:
                self._out_of_date.set()

    def _changed(self, message: Message) -> None:
        path = message.path or ""
        name = self._paths.get(path)
        if name is None or message.body[0] not in (UNIT, SERVICE):
            return
        self._signals[path] = self._signals.get(path, 0) + 1
        if (raw := self._raw.get(path)) is not None:  # else the first answer is still on its way
            raw.update(unpack_variants(message.body[1]))
            self._listener.unit_seen(name, parse(raw))
