"""What systemd is told: by a real socket, which may be nowhere, or full; neither ends nor delays the healer."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from healer import notify as told
from healer.notify import ALIVE, keep_alive, notify


@pytest.fixture(autouse=True)
def _nothing_left_to_say() -> Iterator[None]:
    yield
    told._unsaid.clear()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.setblocking(False)
        yield listener


def fill(path: str) -> None:
    """Send until the socket takes no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                sender.sendto(b"X=1", path)


def empty(listener: socket.socket) -> None:
    with suppress(BlockingIOError):
        while True:
            listener.recv(4096)


def test_each_message_arrives_by_itself(systemd: socket.socket) -> None:
    notify("READY=1")
    notify(ALIVE)
    assert [systemd.recv(4096), systemd.recv(4096)] == [b"READY=1", b"WATCHDOG=1"]


@pytest.mark.parametrize("address", ["/nowhere/notify", "@nobody-listens-here", "/" + "x" * 200])
def test_a_socket_that_is_not_there_is_logged(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with capture_logs() as logs:
        notify("READY=1")
    assert [(one["event"], one["message"]) for one in logs] == [("systemd.not_told", "READY=1")]


async def test_the_watchdog_goes_on_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "40000")
    with capture_logs() as logs, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await keep_alive()
    assert len(logs) > 1


async def test_a_full_socket_keeps_nobody_waiting_and_nothing_but_the_heartbeat_is_lost(
    systemd: socket.socket,
) -> None:
    path = systemd.getsockname()
    fill(path)
    with capture_logs() as logs:
        # In a thread, so that a send that blocks fails the test instead of hanging it.
        async with asyncio.timeout(5):
            for message in ("READY=1", "STATUS=old", "STATUS=new", ALIVE):
                await asyncio.to_thread(notify, message)
    assert len(logs) == 4
    empty(systemd)
    notify("RELOADING=1")
    assert systemd.recv(4096) == b"READY=1\nSTATUS=new\nRELOADING=1"
    notify(ALIVE)
    assert systemd.recv(4096) == b"WATCHDOG=1"


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with capture_logs() as logs:
        notify("READY=1")
    assert (logs, told._unsaid) == ([], {})
