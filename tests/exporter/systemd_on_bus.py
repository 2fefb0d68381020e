"""A private dbus-daemon, and on it as much of org.freedesktop.systemd1 as the exporter asks for.

The daemon is Debian's own (package dbus); only systemd is played, since a test machine may have none.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from dbus_fast import Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

BUS = "org.freedesktop.DBus"
SYSTEMD = "org.freedesktop.systemd1"
MANAGER_PATH = "/org/freedesktop/systemd1"
MANAGER = f"{SYSTEMD}.Manager"
UNIT = f"{SYSTEMD}.Unit"
SERVICE = f"{SYSTEMD}.Service"

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


@contextmanager
def dbus_daemon(folder: Path) -> Iterator[str]:
    """Run a bus with its socket in `folder`; yields its address."""
    program = shutil.which("dbus-daemon")
    assert program, "no dbus-daemon on the PATH; install Debian's package dbus"
    config = folder / "bus.conf"
    config.write_text(CONFIG.format(socket=folder / "bus"))
    daemon = subprocess.Popen(
        [program, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert daemon.stdout is not None
        yield daemon.stdout.readline().strip()
    finally:
        daemon.terminate()
        daemon.communicate()


def path_of(unit: str) -> str:
    """Escape a unit's name as sd_bus_path_encode(3) does."""
    escaped = "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in unit)
    return f"{MANAGER_PATH}/unit/{escaped}"


class SystemdOnBus:
    """Answers LoadUnit, Subscribe and GetAll, and sends what a changed unit would send."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._units: dict[str, dict[str, dict[str, Variant]]] = {}
        self.calls: list[str] = []
        self.subscribed = False
        self.mute = False  # the bus delivers, systemd does not answer
        bus.add_message_handler(self._answer)

    def load(self, name: str, active: str = "active", sub: str = "running", run: int = 1) -> None:
        """Have a unit; one that was never loaded is answered as not found."""
        self._units[path_of(name)] = {
            UNIT: {
                "Id": Variant("s", name),
                "LoadState": Variant("s", "loaded"),
                "ActiveState": Variant("s", active),
                "SubState": Variant("s", sub),
                "StateChangeTimestamp": Variant("t", 1_700_000_000_500_000),
                "InvocationID": Variant("ay", bytes([run] * 16)),
                "Job": Variant("(uo)", [0, "/"]),
            },
            SERVICE: {
                "Result": Variant("s", "success"),
                "NRestarts": Variant("u", 0),
                "MemoryCurrent": Variant("t", 2**64 - 1),
            },
        }

    async def change(self, name: str, interface: str, **properties: Variant) -> None:
        """Change properties and tell it as systemd does, with PropertiesChanged."""
        path = path_of(name)
        self._units[path][interface] |= properties
        await self._bus.send(
            Message.new_signal(
                path,
                "org.freedesktop.DBus.Properties",
                "PropertiesChanged",
                "sa{sv}as",
                [interface, properties, []],
            )
        )

    async def reloaded(self) -> None:
        """Tell that a daemon-reload has ended."""
        await self._bus.send(Message.new_signal(MANAGER_PATH, MANAGER, "Reloading", "b", [False]))

    def _answer(self, message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        self.calls.append(message.member or "")
        if self.mute or message.flags & MessageFlag.NO_REPLY_EXPECTED:
            return True  # taken, and never answered
        match message.member:
            case "Subscribe":
                self.subscribed = True
                return Message.new_method_return(message)
            case "LoadUnit" if "@." in message.body[0] or "." not in message.body[0]:
                text = f"Unit name {message.body[0]} is not valid."
                return Message.new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", text)
            case "LoadUnit":
                return Message.new_method_return(message, "o", [path_of(message.body[0])])
            case "GetAll":
                return Message.new_method_return(message, "a{sv}", [self._get_all(message)])
        return False

    def _get_all(self, message: Message) -> dict[str, Variant]:
        unit = self._units.get(message.path or "")
        if unit is None:
            missing = {UNIT: {"LoadState": "not-found", "ActiveState": "inactive"}, SERVICE: {}}
            return {k: Variant("s", v) for k, v in missing[message.body[0]].items()}
        return unit[message.body[0]]


@asynccontextmanager
async def systemd_on(address: str) -> AsyncIterator[SystemdOnBus]:
    """Play systemd on a bus."""
    bus = await MessageBus(bus_address=address).connect()
    try:
        systemd = SystemdOnBus(bus)
        await bus.request_name(SYSTEMD)
        yield systemd
    finally:
        bus.disconnect()
        await asyncio.wait([asyncio.ensure_future(_gone(bus))])


async def forge(address: str, signal: Message) -> None:
    """Send a signal straight to everyone on the bus, as anybody may; delivered when this returns."""
    bus = await MessageBus(bus_address=address).connect()
    daemon = {"destination": BUS, "path": "/org/freedesktop/DBus", "interface": BUS}
    listed = await bus.call(Message(member="ListNames", **daemon))
    assert listed is not None
    for name in listed.body[0]:
        if name.startswith(":") and name != bus.unique_name:
            signal.destination, signal.serial = name, 0
            await bus.send(signal)
    await bus.call(Message(member="GetId", **daemon))  # answered behind all of them
    bus.disconnect()
    await _gone(bus)


async def _gone(bus: MessageBus) -> None:
    try:
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    except (EOFError, OSError):
        pass  # the daemon went first
