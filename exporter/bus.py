"""The node's system bus (D-Bus specification): one program on it, asked and listened to.

Anyone on the bus may send anyone a signal in any form. So only what comes from the program's own connection is heard.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError
from dbus_fast.unpack import unpack_variants

PROPERTIES = "org.freedesktop.DBus.Properties"
BUS = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
ERROR = f"{BUS}.Error"

# Where the system bus is (D-Bus specification, "Well-known Message Bus Instances").
SYSTEM_BUS = "unix:path=/var/run/dbus/system_bus_socket"
VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"

# What the bus answers in the name of someone who is not there.
GONE = {f"{ERROR}.{word}" for word in ("NoReply", "ServiceUnknown", "Disconnected", "Timeout")}

# The properties of an interface as they came: the one place where they are untyped.
Raw = dict[str, object]


class BusLost(Exception):
    """The bus or the program is gone; what was known is worth nothing. Connect again."""


class Refused(Exception):
    """The program answered that it will not say this; other questions may still be answered.

    Attributes:
        error: The error's name on the bus.
    """

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error


class Partner:
    """One program under its well-known name, over one connection.

    Attributes:
        owner: The connection that has the name now; "" when nobody has.
    """

    def __init__(
        self,
        bus: MessageBus,
        name: str,
        heard: Callable[[Message], None],
        moved: Callable[[], None],
    ) -> None:
        """Ask nothing yet.

        Args:
            bus: A connection, which need not be made yet.
            name: The program's name on the bus.
            heard: Called with each signal that the program itself has sent.
            moved: Called when the program has left the bus, or has come to it.
        """
        self.owner = ""
        self._bus = bus
        self._name = name
        self._heard = heard
        self._moved = moved
        self._moves = 0
        bus.add_message_handler(self._take)

    async def meet(self) -> None:
        """Connect, and find out who has the name now; from then on every move is noticed.

        Raises:
            BusLost: The bus went away, or refused.
        """
        await self._bus.connect()
        try:
            await self._match(f"sender='{BUS}',member='NameOwnerChanged',arg0='{self._name}'")
            moves = -1
            while moves != self._moves:  # an answer that crossed a move may be older than that
                moves = self._moves
                owner = await self._find_owner()
        except Refused as error:
            raise BusLost(str(error)) from error
        self.owner = owner

    async def _find_owner(self) -> str:
        try:
            reply = await self._ask(BUS, BUS_PATH, BUS, "GetNameOwner", "s", self._name)
        except Refused as error:
            if error.error == f"{ERROR}.NameHasNoOwner":
                return ""
            raise
        return str(reply[0])

    async def until_lost(self) -> None:
        """Wait until the bus closes the connection."""
        await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def listen(self, rule: str) -> None:
        """Have the bus deliver the program's signals that match, besides those of earlier rules.

        Raises:
            BusLost: The bus went away.
            Refused: The bus will not.
        """
        await self._match(f"sender='{self._name}',{rule}")

    async def _match(self, rule: str) -> None:
        await self._ask(BUS, BUS_PATH, BUS, "AddMatch", "s", f"type='signal',{rule}")

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", *body: str
    ) -> list[object]:
        """Call a method; return what it returned.

        Raises:
            BusLost: The bus or the program went away.
            Refused: It answered with an error.
        """
        return await self._ask(self._name, path, interface, member, signature, *body)

    async def properties(self, path: str, interface: str) -> Raw:
        """Return all properties of one interface of one object.

        Raises:
            BusLost: The bus or the program went away.
            Refused: It answered with an error.
        """
        reply = await self.call(path, PROPERTIES, "GetAll", "s", interface)
        found: Raw = unpack_variants(reply[0])
        return found

    def _take(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.sender == BUS:
            if message.member == "NameOwnerChanged" and message.body[:1] == [self._name]:
                self.owner = str(message.body[2])
                self._moves += 1
                self._moved()
        elif message.sender == self.owner:
            self._heard(message)

    async def _ask(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *body: str,
    ) -> list[object]:
        reply = await self._bus.call(
            Message(
                destination=destination,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=list(body),
            )
        )
        if reply is None:
            raise BusLost(f"{member}: no reply")
        if reply.message_type is MessageType.ERROR:
            text = f"{member} {' '.join(body)}: {reply.error_name}: {reply.body}"
            error = reply.error_name or ""
            raise BusLost(text) if error in GONE else Refused(error, text)
        return list(reply.body)


@asynccontextmanager
async def connection(address: str | None) -> AsyncIterator[MessageBus]:
    """Bring a connection that is not made yet, and end it.

    Args:
        address: The bus; None for the node's system bus.

    Raises:
        BusLost: Instead of whatever else said inside that the connection could not be made, or broke.
    """
    bus = MessageBus(bus_address=address, bus_type=BusType.SYSTEM)
    try:
        yield bus
    except TimeoutError:  # an OSError too, but the caller's own
        raise
    except (OSError, EOFError, DBusFastError) as error:
        where = address or os.environ.get(VARIABLE) or SYSTEM_BUS
        raise BusLost(f"D-Bus at {where}: {str(error) or type(error).__name__}") from error
    finally:
        bus.disconnect()
