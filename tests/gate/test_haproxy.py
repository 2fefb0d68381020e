"""The gate beside a real HAProxy 2.6 in master-worker mode: drained, reloaded, wedged, gone."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gate import pools, state_file
from gate.clock import SystemClock
from gate.haproxy import Haproxy, NotRunning, Sight, Unanswered
from gate.listed import PoolRule
from gate.reapply import reapply
from tests.cluster.native import TOOLS, environment
from tests.frozen import freeze
from tests.gate.fakes import World

PATIENCE = 10.0
CONFIG = """
global
    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
    server-state-file {folder}/state
defaults
    mode http
    timeout connect 500ms
    timeout client 2s
    timeout server 2s
    load-server-state-from-file global
frontend fe
    bind 127.0.0.1:{port}
    default_backend web
backend web
    option httpchk GET /
    default-server inter 200ms fall 1 rise 1
    server web1 127.0.0.1:{one} check
    server web2 127.0.0.1:{two} check
"""


class Page(BaseHTTPRequestHandler):
    """Answer every request with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
        pass


def a_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def members() -> Iterator[list[HTTPServer]]:
    servers = [HTTPServer(("127.0.0.1", 0), Page) for _ in range(2)]
    threads = [threading.Thread(target=one.serve_forever, args=(0.05,)) for one in servers]
    for thread in threads:
        thread.start()
    yield servers
    for one, thread in zip(servers, threads, strict=True):
        one.shutdown()
        thread.join()
        one.server_close()


class Running:
    """A HAProxy of this test, with the gate's world around it."""

    def __init__(self, folder: Path, members: list[HTTPServer]) -> None:
        program = TOOLS / "usr/sbin/haproxy"
        self.program = str(program) if program.exists() else shutil.which("haproxy")
        assert self.program, "haproxy is not here; run make tools"
        ports = {"one": members[0].server_port, "two": members[1].server_port}
        (folder / "haproxy.cfg").write_text(CONFIG.format(folder=folder, port=a_port(), **ports))
        (folder / "state").touch()
        self.folder = folder
        self.said = folder / "said"
        self.socket = str(folder / "admin.sock")
        self.world = World(folder / "gate")
        rule = PoolRule("web", self.socket, str(folder / "state"), ("web1", "web2"))
        self.world.config.pools["web"] = rule
        self.world.balancer = Haproxy(seconds=1.0)
        self.world.clock = SystemClock()
        self.start()
        self.until(lambda: self.operational("web1") == "up" and self.operational("web2") == "up")

    def start(self) -> None:
        """Start it and wait for its first answer; what it then has is from its state file alone.

        Its master loses what it is sent before it is ready (sd_notify(3)), after its worker answers.
        """
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with (
            self.said.open("ab") as said,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard,
        ):
            heard.bind(str(ready))
            heard.settimeout(PATIENCE)
            self.process = subprocess.Popen(
                [self.program, "-Ws", "-db", "-f", str(self.folder / "haproxy.cfg")],
                env=environment() | {"NOTIFY_SOCKET": str(ready)},
                stderr=said,
            )
            while b"READY=1" not in heard.recv(4096):  # it says first that it loads
                pass
        self.until(lambda: Haproxy().look(self.socket).pid)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.until(self.gone)  # the worker may outlive its master for an instant

    def gone(self) -> bool:
        try:
            Haproxy().look(self.socket)
        except NotRunning:
            return True
        return False

    def until(self, true) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if true():
                    return
            except Unanswered:
                pass
            time.sleep(0.05)
        raise AssertionError(
            f"it did not come true in time; HAProxy said:\n{self.said.read_text()}"
        )

    def admin(self, name: str) -> str:
        return Haproxy().look(self.socket).servers["web", name].admin

    def operational(self, name: str) -> str:
        return Haproxy().look(self.socket).servers["web", name].operational

    def drain(self, name: str = "web1") -> str:
        member = pools.member_of(self.world.node, "web", name)
        assert member is not None
        return str(pools.drain(self.world.node, member, "incident:1.1", 5).reason)

    @property
    def marked(self) -> list[str]:
        return [mark.subject for mark in self.world.marks.read().values()]

    def give_back(self, name: str = "web1") -> str:
        member = pools.member_of(self.world.node, "web", name)
        assert member is not None
        return str(pools.give_back(self.world.node, member, "incident:1.1", 5).reason)


@pytest.fixture
def haproxy(tmp_path: Path, members: list[HTTPServer]) -> Iterator[Running]:
    running = Running(tmp_path, members)
    yield running
    running.stop()


def test_a_member_is_drained_and_returned(haproxy: Running) -> None:
    assert haproxy.drain() == "drained"
    assert haproxy.admin("web1") == "drain"
    assert haproxy.give_back() == "returned"
    assert haproxy.admin("web1") == "ready"


def test_the_other_member_is_then_the_last_one(haproxy: Running) -> None:
    haproxy.drain()
    assert haproxy.drain("web2") == "last_member"
    assert haproxy.admin("web2") == "ready"


def test_a_drain_survives_a_reload(haproxy: Running) -> None:
    haproxy.drain()
    before = Haproxy().look(haproxy.socket).pid
    haproxy.process.send_signal(signal.SIGUSR2)
    haproxy.until(lambda: Haproxy().look(haproxy.socket).pid != before)
    assert reapply(haproxy.world.node, lambda: None, seconds=1.0)
    assert haproxy.admin("web1") == "drain"
    assert haproxy.give_back() == "returned"


def test_a_drain_survives_a_restart_from_its_first_instant(haproxy: Running) -> None:
    haproxy.drain()
    haproxy.stop()
    with pytest.raises(NotRunning):
        Haproxy().look(haproxy.socket)
    haproxy.start()
    assert haproxy.admin("web1") == "drain"  # the state file alone, before any reapply


def test_what_was_returned_is_in_again_at_the_next_start_whatever_the_state_file_said(
    haproxy: Running,
) -> None:
    haproxy.drain()
    stale = (haproxy.folder / "state").read_text()
    assert haproxy.give_back() == "returned"
    (haproxy.folder / "state").write_text(stale)
    assert reapply(haproxy.world.node, lambda: None, seconds=1.0)
    haproxy.stop()
    haproxy.start()
    assert haproxy.admin("web1") == "ready"


def test_a_return_survives_a_restart(haproxy: Running) -> None:
    haproxy.drain()
    assert haproxy.give_back() == "returned"
    haproxy.stop()
    haproxy.start()
    assert haproxy.admin("web1") == "ready"


def test_nothing_is_returned_that_the_next_start_would_have_drained(
    haproxy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str, text: str) -> None:
        raise OSError(28, "No space left on device")

    haproxy.drain()
    with monkeypatch.context() as patched:
        patched.setattr(state_file, "save", full)
        assert haproxy.give_back() == "not_returned"
        assert (haproxy.admin("web1"), haproxy.marked) == ("drain", ["web/web1"])
    haproxy.stop()
    haproxy.start()
    assert (haproxy.admin("web1"), haproxy.marked) == ("drain", ["web/web1"])
    assert haproxy.give_back() == "returned"
    haproxy.stop()
    haproxy.start()
    assert (haproxy.admin("web1"), haproxy.marked) == ("ready", [])


@dataclass
class StopsBefore:
    """The balancer, which is stopped just before it would hear of a change."""

    running: Running

    def look(self, path: str) -> Sight:
        return Haproxy().look(path)

    def set_state(self, path: str, backend: str, server: str, state: str) -> Sight:
        self.running.stop()
        return Haproxy().set_state(path, backend, server, state)


def test_stopped_in_the_middle_of_a_drain_it_starts_with_the_member_out(haproxy: Running) -> None:
    haproxy.world.balancer = StopsBefore(haproxy)
    assert haproxy.drain() == "not_drained"
    assert haproxy.marked == ["web/web1"]
    haproxy.start()
    assert haproxy.admin("web1") == "drain"


def test_stopped_in_the_middle_of_a_return_it_starts_with_the_member_out(haproxy: Running) -> None:
    haproxy.drain()
    haproxy.world.balancer = StopsBefore(haproxy)
    assert haproxy.give_back() == "not_returned"
    assert haproxy.marked == ["web/web1"]
    haproxy.start()
    assert haproxy.admin("web1") == "drain"


def test_a_state_file_with_more_than_the_marks_know_is_mended_while_haproxy_is_away(
    haproxy: Running,
) -> None:
    haproxy.drain()
    haproxy.stop()
    (haproxy.world.marks.state / "marks.json").unlink()
    assert reapply(haproxy.world.node, lambda: None, seconds=0.1)
    haproxy.start()
    assert haproxy.admin("web1") == "ready"


def test_a_drained_member_that_is_down_as_well_is_both(haproxy: Running, members) -> None:
    haproxy.drain()
    members[0].server_close()
    haproxy.until(lambda: haproxy.operational("web1") == "down")
    assert haproxy.admin("web1") == "drain"


def test_a_persons_maint_is_not_returned(haproxy: Running) -> None:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(haproxy.socket)
        wire.sendall(b"set server web/web1 state maint\n")
        wire.recv(100)
    assert haproxy.drain() == "drained"
    assert haproxy.give_back() == "still_marked"
    assert haproxy.admin("web1") == "maint"


def test_a_stopped_haproxy_costs_a_second_and_changes_nothing(haproxy: Running) -> None:
    worker = Haproxy().look(haproxy.socket).pid
    freeze(worker)
    try:
        begun = time.monotonic()
        assert haproxy.drain() == "not_drained"
        assert time.monotonic() - begun < PATIENCE
        assert haproxy.world.marks.read() == {}
    finally:
        os.kill(worker, signal.SIGCONT)
