"""systemd-timesyncd on the system bus: which server it follows, and what its last packet said.

Interface: org.freedesktop.timesync1(5). It is never started by being asked: only what owns the name is asked.
"""

import asyncio
from typing import NamedTuple, Protocol

from exporter.bus import BusLost, Partner, Raw, Refused, connection
from exporter.collector import Malformed

NAME = "org.freedesktop.timesync1"
PATH = "/org/freedesktop/timesync1"
MANAGER = f"{NAME}.Manager"
MICROSECONDS = 1_000_000

# Where in NTPMessage, (uuuuittayttttbtt), each value stands.
STRATUM, ORIGIN, RECEIVED, SENT, ARRIVED, SPIKE, PACKETS = 3, 8, 9, 10, 11, 12, 13


class Synced(NamedTuple):
    """What timesyncd follows.

    Attributes:
        server: As it is configured, a name or an address; empty while it follows none.
        stratum: The server's, from its last packet; None before there was one.
        offset: Seconds by which the server's clock was ahead of ours at the last packet; None likewise.
    """

    server: str
    stratum: int | None
    offset: float | None


class Timesync(Protocol):
    """Where timesyncd's state comes from."""

    async def ask(self) -> Synced | None:
        """Return what it follows; None when it does not run.

        Raises:
            Malformed: It answered what cannot be understood.
            OSError: The bus could not be asked.
            TimeoutError: The bus, or timesyncd, does not answer.
        """
        ...


def parse(raw: Raw) -> Synced:
    """Make sense of the manager's properties.

    Raises:
        Malformed: They are not those of timesyncd.
    """
    server, message = raw.get("ServerName"), raw.get("NTPMessage")
    if not isinstance(server, str):
        raise Malformed(f"timesync1: wanted ServerName, saw {sorted(raw)[:20]}")
    if not isinstance(message, list | tuple) or len(message) <= PACKETS:
        return Synced(server, None, None)
    stamps = [message[at] for at in (ORIGIN, RECEIVED, SENT, ARRIVED)]
    if not message[PACKETS] or message[SPIKE] or not all(isinstance(one, int) for one in stamps):
        return Synced(server, None, None)
    origin, received, sent, arrived = stamps
    # RFC 5905, section 8: theta = ((T2 - T1) + (T3 - T4)) / 2.
    offset = ((received - origin) + (sent - arrived)) / 2 / MICROSECONDS
    return Synced(server, int(message[STRATUM]), offset)


class TimesyncOnBus:
    """timesyncd on the node's system bus, over a connection for each question."""

    def __init__(self, address: str | None = None, deadline: float = 5.0) -> None:
        """Connect to nothing yet.

        Args:
            address: The bus; None for the node's system bus.
            deadline: Seconds for one question.
        """
        self._address = address
        self._deadline = deadline

    async def ask(self) -> Synced | None:
        """Return what it follows; None when it does not run.

        Raises:
            Malformed: It answered what cannot be understood.
            OSError: The bus could not be asked.
            TimeoutError: The bus, or timesyncd, does not answer.
        """
        try:
            async with asyncio.timeout(self._deadline), connection(self._address) as bus:
                partner = Partner(bus, NAME, lambda _: None, lambda: None)
                await partner.meet()
                if not partner.owner:
                    return None
                return parse(await partner.properties(PATH, MANAGER))
        except (BusLost, Refused) as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None  # where there is no bus nobody is on it
            raise OSError(str(error)) from error
