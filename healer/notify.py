"""Tells systemd that the healer is ready and alive (sd_notify(3)); nothing where systemd did not ask."""

import asyncio
import os
import socket
from collections.abc import Callable


def notify(message: str) -> None:
    """Send one state, such as `READY=1`, to the socket that systemd named, if it named one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A leading @ stands for the NUL of Linux' abstract socket namespace.
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(message.encode(), name)


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
            notify("WATCHDOG=1")
        # One that comes late, or is left out by a judgement that the next look takes back, ends nobody.
        await asyncio.sleep(period / 4)
