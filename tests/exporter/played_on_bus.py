"""A program on a bus that answers what the test says: methods by name, properties by path and interface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

UNKNOWN = "org.freedesktop.DBus.Error.UnknownProperty"


@dataclass
class Played:
    """What it answers.

    Attributes:
        methods: Signature and value of each method's answer.
        properties: By path, interface and name.
        calls: What it was asked, in order.
        mute: The bus delivers, and nothing is answered.
    """

    methods: dict[str, tuple[str, object]] = field(default_factory=dict)
    properties: dict[tuple[str, str], dict[str, Variant]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    mute: bool = False

    def answer(self, message: Message) -> Message | bool:
        """Take one call."""
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        member = message.member or ""
        self.calls.append(" ".join([member, *message.body]))
        if self.mute:
            return True
        if member in self.methods:
            signature, value = self.methods[member]
            return Message.new_method_return(message, signature, [value])
        interface = message.body[0] if message.body else ""
        found = self.properties.get((message.path or "", interface))
        if member == "GetAll" and found is not None:
            return Message.new_method_return(message, "a{sv}", [found])
        if member == "Get" and found is not None and message.body[1] in found:
            return Message.new_method_return(message, "v", [found[message.body[1]]])
        return Message.new_error(message, UNKNOWN, "there is none")


@asynccontextmanager
async def played(address: str, name: str) -> AsyncIterator[Played]:
    """Play a program under its name."""
    bus = await MessageBus(bus_address=address).connect()
    try:
        program = Played()
        bus.add_message_handler(program.answer)
        await bus.request_name(name)
        yield program
    finally:
        bus.disconnect()
        await asyncio.sleep(0)
