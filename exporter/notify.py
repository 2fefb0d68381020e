"""Tells systemd that the exporter answers, and goes on telling it for as long as it does.

Protocol: sd_notify(3) and sd_watchdog_enabled(3), which need no more than a datagram.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

MICROSECONDS = 1_000_000
ASK_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where systemd listens; `address` is None when nobody does.

    Attributes:
        address: Path of the datagram socket; a leading "@" names an abstract one.
        watchdog: Seconds after which systemd kills a silent exporter; None for never.
    """

    address: str | None
    watchdog: float | None

    def send(self, text: str) -> None:
        """Send one message; a systemd that does not listen is no reason to stop."""
        if self.address is None:
            return
        path = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            try:
                sock.sendto(text.encode(), path)
            except OSError as error:
                log.warning("notify.failed", reason=str(error))


def from_environment(environ: Mapping[str, str] = os.environ) -> Notifier:
    """Read what systemd set for this process; what is meant for another one is ignored."""
    usec = environ.get("WATCHDOG_USEC", "")
    ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    watchdog = int(usec) / MICROSECONDS if ours and usec.isdecimal() and int(usec) > 0 else None
    return Notifier(environ.get("NOTIFY_SOCKET") or None, watchdog)


def reloading() -> str:
    """Return what says that the configuration is read anew; the next READY=1 says that it was.

    systemd pairs it with its own SIGHUP by the time (sd_notify(3), MONOTONIC_USEC=, where the unit is notify-reload).
    """
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


async def keep_telling(notifier: Notifier, ask: Callable[[], Awaitable[None]]) -> None:
    """Say READY=1 once the server answers, then WATCHDOG=1 for as long as it answers.

    Args:
        notifier: Where to say it.
        ask: Asks our own server; raises OSError or TimeoutError when it does not answer.
    """
    await ask()
    notifier.send("READY=1")
    if notifier.watchdog is None:
        return
    while True:
        await asyncio.sleep(notifier.watchdog / 3)
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                await ask()
        except (OSError, TimeoutError) as error:
            log.error("server.silent", reason=str(error) or "no answer")
        else:
            notifier.send("WATCHDOG=1")
