"""What systemd hears, on a real datagram socket and virtual time."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.notify import Notifier, from_environment, keep_telling


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


def heard(systemd: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(systemd.recv(100))
        except BlockingIOError:
            return found


@pytest.mark.looptime(start=0)
async def test_ready_is_said_once_the_server_answers_and_the_watchdog_is_fed_while_it_does(
    systemd: socket.socket,
) -> None:
    answers = True
    said: list[list[bytes]] = []

    async def ask() -> None:
        said.append(heard(systemd))
        if not answers:
            raise OSError("connection refused")

    notifier = Notifier(systemd.getsockname(), watchdog=30.0)
    task = asyncio.create_task(keep_telling(notifier, ask))
    await asyncio.sleep(25)
    assert said == [[], [b"READY=1"], [b"WATCHDOG=1"]]
    answers = False
    await asyncio.sleep(30)
    assert heard(systemd) == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_without_a_watchdog_ready_is_all_that_is_said(systemd: socket.socket) -> None:
    async def ask() -> None:
        pass

    await keep_telling(Notifier(systemd.getsockname(), None), ask)
    assert heard(systemd) == [b"READY=1"]


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0hale-test-{os.getpid()}")
        Notifier(f"@hale-test-{os.getpid()}", None).send("READY=1")
        assert sock.recv(100) == b"READY=1"


def test_a_systemd_that_does_not_listen_is_no_error(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nowhere"), None).send("READY=1")
    Notifier(None, None).send("READY=1")


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, Notifier(None, None)),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000"}, Notifier("/run/x", 30.0)),
        (
            {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"},
            Notifier("/run/x", None),
        ),
        ({"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "soon"}, Notifier(None, None)),
    ],
)
def test_what_systemd_set_is_read(environ: dict[str, str], found: Notifier) -> None:
    assert from_environment(environ) == found
