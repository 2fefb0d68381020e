"""A real `hale-gate serve` on a socket pair, with a small systemctl that keeps its units in files."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
GATE_JSON = {
    "v": 1,
    "cluster": "first",
    "node": "web1",
    "units": {
        "nginx.service": {"service": "nginx", "restart": True, "config_check": ["/bin/true"]}
    },
    "addresses": {},
    "spacing_seconds": {"service.restart": 0.001},
}


class Client:
    """A healer's end of one session."""

    def __init__(self, ours: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.socket = ours
        self.lines = ours.makefile("rb")

    def send(self, message: object) -> None:
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> Any:
        """Return the next answer, or None at the end."""
        line = self.lines.readline()
        return json.loads(line) if line else None

    def hello(self, *names: str) -> Any:
        self.send({"v": 1, "hello": True, "look": list(names)})
        return self.receive()

    def request(self, action: str, verb: str, args: object, seconds: float = 30) -> None:
        """Say hello, then ask on what it showed."""
        seen = self.hello("nginx.service")
        era, term, _ = (int(part) for part in action.split("."))
        nginx = seen["seen"]["nginx.service"]
        facts = {key: nginx[key] for key in ("active_state", "invocation_id")}
        self.send(
            {
                "v": 1,
                "nonce": seen["nonce"],
                "id": action,
                "token": [era, term],
                "store": "journal-x",
                "cluster": "first",
                "node": "web1",
                "verb": verb,
                "args": args,
                "expect": {"boot_id": seen["boot_id"], "units": {"nginx.service": facts}},
                "deadline_seconds": seconds,
            }
        )

    def restart(self, action: str) -> None:
        self.request(action, "service.restart", {"unit": "nginx.service"})

    def settle(self, action: str, subject: str) -> Any:
        self.request(action, "action.settle", {"id": subject})
        return self.receive()["settled"]


class RealNode:
    """A folder with gate.json, state and a systemctl of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "bin"
        (self.home / "units").mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "bin" / "systemctl", self.home / "systemctl")
        (folder / "gate.json").write_text(json.dumps(GATE_JSON))
        self.nginx(ActiveState="failed", SubState="failed", InvocationID="a" * 32)

    @classmethod
    def at(cls, folder: Path) -> "RealNode":
        """Return the node that another process made in this folder."""
        node = cls.__new__(cls)
        node.folder, node.home = folder, folder / "bin"
        return node

    def nginx(self, **properties: str) -> None:
        (self.home / "units" / "nginx.service").write_text(json.dumps(properties))

    @property
    def paths(self) -> list[str]:
        folder = self.folder
        return [
            *("--config", str(folder / "gate.json")),
            *("--state", str(folder / "state"), "--run", str(folder / "run")),
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.home}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def read(self, name: str) -> list[str]:
        path = self.home / name
        return path.read_text().splitlines() if path.exists() else []

    @contextmanager
    def serve(self, *command: str) -> Iterator[Client]:
        """Run one session; by default from the source tree."""
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        argv = [*(command or (sys.executable, "-m", "gate.cli")), "serve", *self.paths]
        with theirs:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                env=self.environment,
            )
        client = Client(ours, process)
        try:
            yield client
        finally:
            client.lines.close()
            ours.close()
            process.wait(PATIENCE)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a subcommand to its end."""
        return subprocess.run(
            [sys.executable, "-m", "gate.cli", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
