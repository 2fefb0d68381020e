"""Real etcd members on loopback, which tests stop, freeze and start again."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from healer.adapters.etcd_settings import EtcdSettings
from tests.frozen import freeze
from tests.healer.adapters.monitoring import free_port, program

# A small quorum's worth of patience, so that tests see a new leader of etcd soon.
QUICK = ("--heartbeat-interval=50", "--election-timeout=500")


@dataclass
class Member:
    """One etcd. Its files stay when it is killed."""

    name: str
    folder: Path
    client: str
    peer: str
    args: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / f"{self.name}.log").open("ab")
        with log:
            self.process = subprocess.Popen(  # the program that make tools unpacked
                [
                    program("etcd"),
                    f"--name={self.name}",
                    f"--data-dir={self.folder / self.name}",
                    f"--listen-client-urls={self.client}",
                    f"--advertise-client-urls={self.client}",
                    f"--listen-peer-urls={self.peer}",
                    f"--initial-advertise-peer-urls={self.peer}",
                    "--logger=zap",
                    *QUICK,
                    *self.args,
                ],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def freeze(self) -> None:
        assert self.process is not None
        freeze(self.process.pid)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  # loopback
            self.client + path, json.dumps(body or {}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def alone(self) -> None:
        """Wait until it knows that it has no leader."""
        deadline = time.monotonic() + 30
        while "leader" in self.ask("/v3/maintenance/status"):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@dataclass
class Etcd:
    """All members."""

    folder: Path
    members: list[Member] = field(default_factory=list)

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(member.client for member in self.members)

    def settings(self, name: str = "a", **changes: Any) -> EtcdSettings:
        """Return the settings of a healer whose own history has this name."""
        given = {
            "endpoints": self.endpoints,
            "prefix": "/hale",
            "cluster": "test",
            "history": self.folder / f"{name}.db",
            "lease_seconds": 3.0,
        }
        return EtcdSettings(**(given | changes))

    def ready(self) -> None:
        """Wait until a majority has a leader."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                for member in self.members:
                    if member.process is not None:
                        member.ask("/v3/kv/range", {"key": b64encode(b"x").decode()})
                return
            time.sleep(0.05)
        raise AssertionError(f"etcd is not ready: see {self.folder}")

    def leader(self) -> Member:
        """Return the member that leads etcd."""
        for member in self.members:
            if member.process is not None:
                status = member.ask("/v3/maintenance/status")
                if status.get("leader") == status["header"]["member_id"]:
                    return member
        raise AssertionError("etcd has no leader")

    def wipe(self, prefix: str = "/hale") -> None:
        """Remove every key below a prefix."""
        begin, end = f"{prefix}/".encode(), f"{prefix}0".encode()
        body = {"key": b64encode(begin).decode(), "range_end": b64encode(end).decode()}
        self.members[0].ask("/v3/kv/deleterange", body)


@contextmanager
def etcd(folder: Path, count: int = 1, *args: str, scheme: str = "http") -> Iterator[Etcd]:
    """Run so many members."""
    found = Etcd(folder)
    for number in range(count):
        client, peer = (f"127.0.0.1:{free_port()}" for _ in range(2))
        one = Member(f"m{number}", folder, f"{scheme}://{client}", f"http://{peer}")
        found.members.append(one)
    together = ",".join(f"{one.name}={one.peer}" for one in found.members)
    try:
        for member in found.members:
            member.args = (f"--initial-cluster={together}", *args)
            member.start()
        if scheme == "http":
            found.ready()
        yield found
    finally:
        for member in found.members:
            with contextlib.suppress(ProcessLookupError):
                if member.process is not None:
                    member.signal(signal.SIGCONT)
            member.kill()
