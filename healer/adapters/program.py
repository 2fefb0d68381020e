"""Other people's programs on the healer's own node: each has a deadline, and a process group that is killed whole."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from healer.errors import Unreachable

REAP_SECONDS = 1.0
"""How long one that was killed is waited for: what not even SIGKILL ends hangs in the kernel."""


@asynccontextmanager
async def running(
    argv: Sequence[str], seconds: float, called: str, **how: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program while the context lasts; what has not ended by then is killed with its children.

    One whose `returncode` is still None afterwards hangs where nothing kills it. What one that ended in time by itself
    has left in its group may go on.

    Args:
        argv: The program, which is found without a shell, and its arguments.
        seconds: From its start until it is killed.
        called: What to call it in an error.
        how: As of asyncio.create_subprocess_exec: its pipes and its environment.

    Raises:
        Unreachable: It could not be started, or did not end in time.
    """
    try:
        process = await asyncio.create_subprocess_exec(*argv, start_new_session=True, **how)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unreachable(f"{called}: it cannot be started: {reason}") from error
    done = False
    try:
        async with asyncio.timeout(seconds):
            yield process
        done = process.returncode is not None
    except TimeoutError as error:
        raise Unreachable(f"{called}: it did not end within {seconds:g} s") from error
    finally:
        if not done:
            kill(process)
            with suppress(TimeoutError):
                async with asyncio.timeout(REAP_SECONDS):
                    await _drained(process)
                    await process.wait()


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Read what nobody wants any more: a pipe whose end was not read stays open."""
    for pipe in (process.stdout, process.stderr):
        while pipe is not None and await pipe.read(65536):
            pass


def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a program and its children, which live on in its group when it has ended; nothing once all are gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
