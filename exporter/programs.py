"""Other people's programs, such as smartctl, which may never end and may ignore every signal.

Each run has a deadline, a bound for what it writes, and a process group of its own, which is killed whole. One that
not even SIGKILL ends hangs in the kernel: it stays counted, and what it was asked is not asked a second time.
"""

import asyncio
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from exporter.blocking import Blocking, Threads
from exporter.collector import Absent, Malformed

# vfork() stands still until the program runs, and with it the whole interpreter. One whose file lies on a file system
# that hangs would stop the exporter (https://docs.python.org/3/library/subprocess.html, "Disabling use of vfork").
subprocess._USE_VFORK = False  # type: ignore[misc]  # noqa: SLF001 - the documented way

# Seconds that a killed program is given to be gone before its caller is told that it hangs.
REAP = 1.0
# Programs that may hang unkillably at once; with more of them the node has one trouble, and it is known.
MOST_STUCK = 4
# Bytes of standard output; smartctl --json of a disk with all its logs writes some hundred KiB.
MOST_BYTES = 4 * 1024 * 1024
# Bytes of standard error that are kept, for a message.
MOST_ERRORS = 4 * 1024

CHUNK = 64 * 1024


class Ended(NamedTuple):
    """What a program left behind.

    Attributes:
        status: Its exit status; below 0 the number of the signal that ended it.
        output: All that it wrote to standard output.
        errors: The beginning of what it wrote to standard error.
    """

    status: int
    output: bytes
    errors: bytes


class Programs:
    """Runs one collector's programs, one after the other.

    A collector with many devices runs one program for each: `about` tells them apart, so that a disk which hangs
    smartctl for ever keeps no other disk from being asked.
    """

    def __init__(
        self,
        blocking: Blocking | None = None,
        most_bytes: int | None = MOST_BYTES,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run nothing yet.

        Args:
            blocking: Runs what may hang; None for threads of its own.
            most_bytes: What one program may write to standard output; None where all that it writes is thrown away.
            environment: What the programs see besides PATH and the C locale, whose texts can be parsed.
        """
        self._blocking = blocking or Threads(limit=MOST_STUCK)
        self._most_bytes = most_bytes
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
        } | dict(environment or {})
        self._turn = asyncio.Lock()

    async def run(self, argv: Sequence[str], deadline: float | None, about: str = "") -> Ended:
        """Run a program without a shell and without input, and return what it left; cancelling kills it.

        Args:
            argv: The program, a path or a name to be found in PATH, and its arguments.
            deadline: Seconds from its start until it is killed, with its children; None where the caller cancels.
            about: What it is asked about, such as a disk; the same while one about it still hangs is refused.

        Raises:
            Absent: There is no such program.
            StillRunning: One about the same has not ended although it was killed; nothing was started.
            TimeoutError: It did not end in time; it was killed, or hangs where nothing kills it.
            Malformed: It wrote more than it may; it was killed.
            OSError: It could not be run.
        """
        async with self._turn:
            run = _Run(argv, self._most_bytes, self._environment)
            work = asyncio.ensure_future(self._blocking.call(f"program: {about}", run.work))
            try:
                if not (await asyncio.wait({work}, timeout=deadline))[0]:
                    raise TimeoutError(f"{argv[0]}: has not ended after {deadline:g} s")
            finally:
                run.stop()
                await _given_up(work)
        try:
            return work.result()
        except FileNotFoundError as error:
            raise Absent(f"{argv[0]}: no such program") from error


async def _given_up(work: "asyncio.Future[Ended]") -> None:
    """Give a killed program a moment to be gone, so that the next question is not refused for its sake."""
    try:
        await asyncio.wait({work}, timeout=REAP)
    finally:
        if not work.cancel() and not work.cancelled():
            work.exception()  # perhaps nobody will ask


class _Run:
    """One program from its start to its end, in a thread of its own."""

    def __init__(
        self, argv: Sequence[str], most_bytes: int | None, environment: Mapping[str, str]
    ) -> None:
        self._argv = tuple(argv)
        self._most_bytes = most_bytes
        self._environment = environment
        self._lock = threading.Lock()  # a number may be signalled only until it is reaped
        self._leader: int | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Kill the program, or what will be started still; nothing once it has ended. From the event loop."""
        with self._lock:
            self._stopped.set()
            if self._leader is not None:
                _kill(self._leader)

    def work(self) -> Ended:
        """Start the program, follow it, kill what is left of it, and wait until all of it is gone.

        Raises:
            Malformed: It wrote more than it may.
            OSError: It could not be run.
        """
        process = self._started()
        with self._lock:
            self._leader = process.pid
            if self._stopped.is_set():
                _kill(process.pid)
        try:
            output, errors = self._follow(process)
        finally:
            self._end(process)
        return Ended(process.returncode, output, errors)

    def _started(self) -> "subprocess.Popen[bytes]":
        where = subprocess.DEVNULL if self._most_bytes is None else subprocess.PIPE
        try:
            return subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=where,
                stderr=where,
                cwd="/",
                env=self._environment,
                start_new_session=True,
                bufsize=0,
            )
        except PermissionError as error:
            # execvp(3) says so, too, where a folder of PATH is closed to us, as root's own, and none has the program.
            found = shutil.which(self._argv[0], os.F_OK, self._environment["PATH"])
            if found is None and "/" not in self._argv[0]:
                raise FileNotFoundError(self._argv[0]) from error
            raise

    def _follow(self, process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
        """Read until the program has ended; a child that holds its output open is not waited for."""
        pipes = [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe is not None]
        written = {fd: bytearray() for fd in pipes}
        ended = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            for fd in (ended, *pipes):
                poll.register(fd, select.POLLIN)
            while (ready := {fd for fd, _ in poll.poll()}) != {ended}:
                for fd in ready - {ended}:
                    chunk = os.read(fd, CHUNK)
                    if not chunk:
                        poll.unregister(fd)
                    written[fd] += chunk
                self._bound(*written.values())
        finally:
            os.close(ended)
        output, errors = written.values() or (b"", b"")
        return bytes(output), bytes(errors)

    def _bound(self, output: bytearray, errors: bytearray) -> None:
        del errors[MOST_ERRORS:]
        if self._most_bytes is not None and len(output) > self._most_bytes:
            raise Malformed(f"{self._argv[0]}: wrote more than {self._most_bytes} bytes")

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        _kill(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # may take for ever
        with self._lock:
            self._leader = None
            process.wait()
        _wait_for_group(process.pid)


def _kill(leader: int) -> None:
    try:
        # The group, not the process: a shell script's children would live on.
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all gone already, or it became another user's (setuid)


def _wait_for_group(leader: int) -> None:
    """Wait until the last child is gone, too; one in the kernel may never be.

    PID 1 reaps them. Where it does not, as in many containers, what is dead counts as gone.
    """
    pause = 0.001
    while _exists(leader):
        time.sleep(pause)
        pause = min(1.0, 2 * pause)
        if pause > REAP / 4 and not _lives(leader):
            return


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _lives(group: int) -> bool:
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            # proc(5): the name in brackets may contain anything; after it state, parent and group.
            state, _, its = process.read_bytes().rpartition(b")")[2].split()[:3]
        except (OSError, ValueError):
            continue  # it ended meanwhile
        if int(its) == group and state not in (b"Z", b"X"):
            return True
    return False
