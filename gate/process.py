"""Run one program with a limit on its time and on what we keep of its output.

There is no shell: argv comes from gate.json or from constants, never from a request.
"""

import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass

from gate import strays

READ = 65536
DRAIN = 64
"""Reads after the end: a full pipe and more, but not for ever if a stray child still writes."""

KILLED_SECONDS = 1.0
"""How long SIGKILL may take. A process in an uninterruptible wait of the kernel is then left alone."""


class NotStarted(Exception):  # reads as what happened
    """The program could not be started; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a program.

    Attributes:
        code: Exit status; negative for a signal; None when its time was up. It was killed then, but one
            that waits for a dead disk may outlive that.
        output: Standard output and error together, the last `keep` bytes of them.
        cut: Whether more than that came.
    """

    code: int | None
    output: bytes
    cut: bool = False

    @property
    def last_line(self) -> str:
        """The last line that says something, for people."""
        lines = [
            line for line in self.output.decode("utf-8", "replace").splitlines() if line.strip()
        ]
        return lines[-1].strip()[:200] if lines else "no output"


def run(argv: tuple[str, ...], seconds: float, keep: int = READ, told: bytes = b"") -> Ran:
    """Run a program to its end, or kill it when `seconds` are over; what it started ends with it in either case.

    It returns within two seconds of that even if the kernel does not let the program or its children die.

    Args:
        argv: The program by its path, and its arguments.
        seconds: How long it may run.
        keep: So many of the last bytes of its output are kept.
        told: What it finds on its standard input: no more than a pipe holds, 64 KiB.

    Raises:
        NotStarted: there is no such program, or it may not be run.
    """
    given = _told(told)
    with strays.ended() as known:
        child = _started(argv, given)
        assert child.stdout is not None  # noqa: S101  # asked for there; for the type checker
        # `with child` would wait for a child that cannot be killed, for as long as that lasts.
        with child.stdout as out:
            exit_fd = os.pidfd_open(child.pid)
            known.add(child.pid)
            try:
                return _watch(child, exit_fd, out.fileno(), time.monotonic() + seconds, keep)
            finally:
                os.close(exit_fd)


def _started(argv: tuple[str, ...], given: int) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own; `given` is what it reads, and is closed here."""
    try:
        return subprocess.Popen(
            argv,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise NotStarted(f"{argv[0]}: {error}") from error
    finally:
        if given != subprocess.DEVNULL:
            os.close(given)


def _told(text: bytes) -> int:
    """Return what reads as a text: the end of a pipe that holds all of it."""
    if not text:
        return subprocess.DEVNULL
    ours, into = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(into, False)
    try:
        if os.write(into, text) != len(text):
            raise NotStarted(f"a pipe does not hold {len(text)} bytes")
    except OSError as error:
        os.close(ours)
        raise NotStarted(f"a pipe does not hold {len(text)} bytes: {error}") from error
    finally:
        os.close(into)
    return ours


def _watch(child: "subprocess.Popen[bytes]", exit_fd: int, out: int, end: float, keep: int) -> Ran:
    """Collect output until the program has exited; what it left behind in the background is killed."""
    tail = _Tail(keep)
    exited = False
    os.set_blocking(out, False)
    poll = select.poll()
    poll.register(exit_fd, select.POLLIN)
    poll.register(out, select.POLLIN)
    try:
        while not exited and (left := end - time.monotonic()) > 0:
            exited = exit_fd in dict(poll.poll(left * 1000))
            if tail.add(_read(out)):
                poll.unregister(out)  # an ended pipe is always ready and would make us spin
    finally:
        _kill_group(child.pid)  # before wait(): until then nobody else can have its number
    if not exited and not _is_gone(exit_fd):
        return Ran(None, bytes(tail.kept), tail.cut)  # init inherits it, or the next Popen reaps it
    code = child.wait()
    for _ in range(DRAIN):
        if tail.add(_read(out)):
            break
    return Ran(code if exited else None, bytes(tail.kept), tail.cut)


def _is_gone(exit_fd: int) -> bool:
    """Give a killed program a moment to end. One that waits for a dead disk ends when that does."""
    poll = select.poll()
    poll.register(exit_fd, select.POLLIN)
    return bool(poll.poll(KILLED_SECONDS * 1000))


@dataclass(slots=True)
class _Tail:
    """The last `keep` bytes of a stream."""

    keep: int
    kept: bytes = b""
    cut: bool = False
    ended: bool = False

    def add(self, chunk: bytes | None) -> bool:
        """Take the next bytes, None for none yet; say whether the stream ended just now."""
        if chunk is None or self.ended:
            return False
        self.cut |= len(self.kept) + len(chunk) > self.keep
        self.kept = (self.kept + chunk)[-self.keep :]
        self.ended = chunk == b""
        return self.ended


def _read(fd: int) -> bytes | None:
    """Read what is there: None when nothing is, empty at the end."""
    try:
        return os.read(fd, READ)
    except BlockingIOError:
        return None


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it left nothing behind


def _environment() -> dict[str, str]:
    """Keep PATH, which the unit sets, and make output plain and in English."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "SYSTEMD_COLORS": "0",
        "SYSTEMD_PAGER": "",
    }
