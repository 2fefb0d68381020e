"""What every benchmark of a whole cluster needs: programs that run for a while, HTTP, and waiting."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".tools/usr"
PATIENCE = 60.0


def post(url: str, body: object) -> int:
    """POST JSON; return the status."""
    request = urllib.request.Request(  # noqa: S310 -- our own URL
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 -- our own URL
        return int(answer.status)


def get(url: str) -> Any:
    """GET JSON."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 -- our own URL
        return json.loads(answer.read())


def until(true: Callable[[], bool], what: str, pause: float = 0.05) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(pause)


@contextmanager
def running(directory: Path, name: str, *argv: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program for as long as the block lasts; what it started itself ends with it."""
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE / 6)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
