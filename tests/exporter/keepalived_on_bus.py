"""As much of keepalived on a bus as the exporter asks for, answering as Debian 12's 2.2.7 was seen to.

Its replies to GetAll were captured with dbus-send: the name comes as (s), a path without instance is an UnknownMethod.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from exporter.vrrp import INSTANCE, KEEPALIVED, ROOT, VRRP

STATES = {0: "Init", 1: "Backup", 2: "Master", 3: "Fault", 97: "Deleted"}


class FakeKeepalived:
    """Answers GetAll, and sends what a changed instance would send."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self.instances: dict[str, tuple[str, int]] = {}  # by path: name and state
        self.calls: list[str] = []
        self.stopped = False  # as after SIGSTOP: the bus delivers, nobody answers
        self.refusal = ""  # the error that every question gets instead
        bus.add_message_handler(self._answer)

    async def change(self, path: str, state: int) -> None:
        """Let an instance enter a state, and tell it."""
        self.instances[path] = self.instances[path][0], state
        await self._bus.send(status_change(path, state))

    async def reloaded(self) -> None:
        """Tell that keepalived.conf was read anew."""
        await self._bus.send(Message.new_signal(f"{ROOT}/Vrrp", VRRP, "VrrpReloaded"))

    def _answer(self, message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL or message.member != "GetAll":
            return False
        path = message.path or ""
        self.calls.append(path)
        if self.stopped:
            return True
        if self.refusal:
            return Message.new_error(message, self.refusal, "no")
        if path not in self.instances:
            text = f"Object does not exist at path “{path}”"
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", text)
        name, state = self.instances[path]
        answer = {
            "Name": Variant("(s)", [name]),
            "State": Variant("(us)", [state, STATES[state]]),
        }
        return Message.new_method_return(message, "a{sv}", [answer])


def status_change(path: str, state: int) -> Message:
    """The signal that tells of a new state."""
    return Message.new_signal(path, INSTANCE, "VrrpStatusChange", "u", [state])


@asynccontextmanager
async def keepalived_on(address: str) -> AsyncIterator[FakeKeepalived]:
    """Play keepalived on a bus."""
    bus = await MessageBus(bus_address=address).connect()
    try:
        keepalived = FakeKeepalived(bus)
        await bus.request_name(KEEPALIVED)
        yield keepalived
    finally:
        bus.disconnect()
        try:
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        except (EOFError, OSError):
            pass  # the daemon went first
