"""Two candidates of an address: real keepalived, each in a network namespace of its own, and a cable between them."""

import os
import signal
import subprocess
import time
from pathlib import Path

from cluster.balancing import DECLINED
from cluster.tree import Tree
from tests.cluster.native import environment, tool

SECONDS = 20.0


class Candidate:
    """One node: its namespace, its keepalived, and a server that stands for its balancer."""

    def __init__(self, name: str, address: str, files: Tree, folder: Path) -> None:
        self.name = name
        self._folder = folder / name
        self._declined = self._folder / "declined"
        self._declined.mkdir(parents=True)
        self._processes = [subprocess.Popen(["unshare", "--net", "sleep", "infinity"])]
        self._address = address
        self._script, self._config = self._folder / "check.sh", self._folder / "keepalived.conf"
        texts = {file.path: file.text for file in files.of(name).files}
        self._script.write_text(texts["etc/hale/check-http.sh"])
        self._config.write_text(
            texts["etc/keepalived/keepalived.conf"]
            .replace(DECLINED, str(self._declined))
            .replace("/etc/hale/check-http.sh", str(self._script))
        )
        self.balancer = self.keepalived = self._processes[0]

    @property
    def pid(self) -> int:
        """A process of its namespace."""
        return self._processes[0].pid

    def plug(self) -> None:
        """Bring its interfaces up."""
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", f"{self._address}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")

    def start(self) -> None:
        """Start the balancer, then keepalived."""
        (self._folder / "ready").write_text("ok")
        server = ["-m", "http.server", "8404", "--bind", "127.0.0.1", "-d", str(self._folder)]
        self.balancer = self._start("balancer.log", "/usr/bin/python3", *server)
        pids = [f"--{kind}={self._folder / kind}" for kind in ("pid", "vrrp_pid")]
        options = ["--dont-fork", "--vrrp", "--log-console", "-f", str(self._config), *pids]
        self.keepalived = self._start("keepalived.log", tool("keepalived"), *options)

    def run(self, *argv: str) -> str:
        """Run a command in its namespace."""
        command = ["nsenter", "-t", str(self.pid), "--net", *argv]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _start(self, log_name: str, *argv: str) -> "subprocess.Popen[bytes]":
        with (self._folder / log_name).open("ab") as log:
            process = subprocess.Popen(
                ["nsenter", "-t", str(self.pid), "--net", *argv],
                env=environment(),
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def owns(self) -> bool:
        """Tell whether the address is on its interface."""
        return "10.0.0.100/" in self.run("ip", "-o", "address", "show", "eth0")

    def decline(self, value: str) -> None:
        """Write what keepalived watches, as the gate does."""
        fresh = self._declined / ".vip.new"
        fresh.write_text(value)
        fresh.replace(self._declined / "vip")

    def log(self) -> str:
        """Return what keepalived said."""
        return (self._folder / "keepalived.log").read_text()

    def end(self) -> None:
        """End everything that was started, keepalived first so that it ends its own."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(10)


def connect(one: Candidate, other: Candidate) -> None:
    """Lay a cable between two namespaces; its ends are called eth0 there."""
    ends = {one: f"hale{os.getpid()}a"[-15:], other: f"hale{os.getpid()}b"[-15:]}
    first, second = ends.values()
    subprocess.run(["ip", "link", "add", first, "type", "veth", "peer", "name", second], check=True)
    for candidate, end in ends.items():
        subprocess.run(["ip", "link", "set", end, "netns", str(candidate.pid)], check=True)
        candidate.run("ip", "link", "set", end, "name", "eth0")


def settles(owner: Candidate, others: list[Candidate], still: float = 1.0) -> bool:
    """Wait until one candidate owns the address and no other does, and stays so for a while."""
    end = time.monotonic() + SECONDS
    since: float | None = None
    while time.monotonic() < end:
        if owner.owns() and not any(other.owns() for other in others):
            since = since or time.monotonic()
            if time.monotonic() - since >= still:
                return True
        else:
            since = None
        time.sleep(0.05)
    return False
