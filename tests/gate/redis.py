"""Three real Redis with a Sentinel each, on addresses of the loopback."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from gate import resp
from gate.sentinel import RedisSentinel, Sight
from gate.sentinel_rule import SentinelRule
from tests.cluster.native import TOOLS, environment
from tests.frozen import freeze

NODES = {"r1": "127.0.0.11", "r2": "127.0.0.12", "r3": "127.0.0.13"}
PATIENCE = 20.0
_PERIODS = ("info-period", "publish-period", "ping-period", "ask-period")

_REDIS = """\
bind {address}
port {port}
dir {folder}
save ""
replica-announce-ip {address}
repl-diskless-sync-delay 0
"""
_SENTINEL = """\
bind {address}
port {watch}
dir {folder}
sentinel announce-ip {address}
sentinel monitor cache {first} {port} 2
sentinel down-after-milliseconds cache 800
sentinel failover-timeout cache 4000
"""


def _program(name: str) -> str:
    unpacked = TOOLS / "usr/bin" / name
    found = str(unpacked) if unpacked.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here; run make tools")
    return found


def a_port() -> int:
    """Return a port that is free on all addresses of the loopback."""
    with socket.socket() as found:
        found.bind(("0.0.0.0", 0))
        return found.getsockname()[1]


class Redises:
    """The six programs, as the test has them."""

    def __init__(self, folder: Path) -> None:
        self.port, self.watch = a_port(), a_port()
        self.running: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        first, *_ = NODES.values()
        for node, address in NODES.items():
            home = folder / node
            home.mkdir(parents=True)
            names = {"address": address, "first": first, "folder": home}
            names |= {"port": self.port, "watch": self.watch}
            follows = "" if address == first else f"replicaof {first} {self.port}\n"
            (home / "redis.conf").write_text(_REDIS.format(**names) + follows)
            (home / "sentinel.conf").write_text(_SENTINEL.format(**names))
            for name, more in (("redis", ()), ("sentinel", ("--sentinel",))):
                argv = (_program("redis-server"), str(home / f"{name}.conf"), *more)
                with (home / f"{name}.log").open("ab") as log:
                    self.running[node, name] = subprocess.Popen(
                        argv, env=environment(), stdout=log, stderr=log
                    )

    def rule(self, node: str, **changes: object) -> SentinelRule:
        """Return how a node's gate.json has them."""
        found = {"host": NODES[node], "port": self.watch, "master": "cache", "member": node}
        return SentinelRule(**{**found, "members": NODES, "credentials": None, **changes})

    def look(self, node: str = "r1") -> Sight:
        """Look by one node's Sentinel."""
        return RedisSentinel().look(self.rule(node))

    def until(self, true, *nodes: str) -> Sight:
        """Wait until something is true of what the Sentinels of these nodes see, of all where none is named."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                seen = [self.look(node) for node in nodes or NODES]
                if all(map(true, seen)):
                    return seen[0]
            except resp.Unanswered:
                pass
            assert time.monotonic() < end, "it did not come true"
            time.sleep(0.05)

    def whole(self) -> Sight:
        """Wait until all three are there and follow; Sentinel, in a hurry, looks each 200 ms and not each 10 s."""
        hurry = [word for name in _PERIODS for word in (name, "200")]
        for node in NODES:
            self.until(lambda sight: sight.leader is not None, node)
            assert resp.ask(self.rule(node).address, [("SENTINEL", "DEBUG", *hurry)], 5.0) == ["OK"]
        return self.until(lambda sight: len(sight.able()) == 2 and sight.quorum and not sight.busy)

    def freeze(self, node: str, name: str) -> None:
        """Let one of them stand still."""
        freeze(self.running[node, name].pid)

    def end(self) -> None:
        """End all of them, stopped ones too."""
        for process in self.running.values():
            process.kill()
        for process in self.running.values():
            process.wait(PATIENCE)
