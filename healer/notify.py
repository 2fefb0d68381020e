"""Tells systemd that the healer is ready and alive (sd_notify(3)); nothing where systemd did not ask."""

import asyncio
import os
import socket
from collections.abc import Callable

import structlog

log = structlog.get_logger()

ALIVE = "WATCHDOG=1"

_unsaid: dict[str, str] = {}
"""What systemd could not be told, by the name before its `=`; it goes with the next message."""


def notify(message: str) -> None:
    """Send one state, such as `READY=1`, to the socket that systemd named, if it named one.

    Nothing waits for systemd: what it does not take now is logged and sent with the next message, but for ALIVE, which
    says something of its own moment only.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    _unsaid[message.partition("=")[0]] = message
    try:
        _send("\n".join(_unsaid.values()), address)
    except OSError as error:
        log.warning("systemd.not_told", message=message, socket=address, error=str(error))
        _unsaid.pop(ALIVE.partition("=")[0], None)
    else:
        _unsaid.clear()


def _send(text: str, address: str) -> None:
    # A leading @ stands for the NUL of Linux' abstract socket namespace.
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        sender.sendto(text.encode(), name)


def watchdog_seconds() -> float | None:
    """Return how often systemd wants to hear of us; None where it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdigit() else None


async def keep_alive(stuck: Callable[[], bool] = lambda: False) -> None:
    """Tell systemd that we are alive, four times as often as it wants to hear it, until cancelled.

    Args:
        stuck: Whether something is wrong that only a restart mends: then nothing is said, and systemd ends us.
    """
    period = watchdog_seconds()
    while period is not None:
        if not stuck():
            notify(ALIVE)
        # One that comes late, or is left out by a judgement that the next look takes back, ends nobody.
        await asyncio.sleep(period / 4)
