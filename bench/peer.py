"""Debian's `webhook` (github.com/adnanh/webhook) on loopback: what we measure ourselves beside."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loopback import TOOLS, post, running, until

PORT = 29900
HOOKS = f"http://127.0.0.1:{PORT}/hooks/restart"


@dataclass(frozen=True, slots=True)
class Peer:
    """A running `webhook` whose command writes one byte into a pipe as it begins."""

    pipe: int

    def round(self, body: object) -> float:
        """Return the seconds from a POST to the begin of the command."""
        began = time.perf_counter()
        post(HOOKS, body)
        os.read(self.pipe, 1)
        return time.perf_counter() - began


@contextmanager
def peer(directory: Path) -> Iterator[Peer]:
    """Run it for as long as the block lasts."""
    fifo, hooks = directory / "begun.fifo", directory / "hooks.json"
    command = [{"source": "string", "name": "-c"}, {"source": "string", "name": f"echo > {fifo}"}]
    hook = {"id": "restart", "execute-command": "/bin/sh", "pass-arguments-to-command": command}
    hooks.write_text(json.dumps([hook]))
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDWR)
    argv = [f"{TOOLS}/bin/webhook", "-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(PORT)]
    try:
        with running(directory, "webhook", *argv):
            until(lambda: post(HOOKS, {}) == 200, "webhook")
            os.read(pipe, 1)
            yield Peer(pipe)
    finally:
        os.close(pipe)
