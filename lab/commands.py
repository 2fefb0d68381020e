"""Running other programs: one function, a deadline always, and errors that say what was run."""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.ports import Completed, LabError, TimedOut

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where the lab looks for programs; a user's own PATH often lacks the sbin directories."""

_TAIL = 1500


class CommandFailed(LabError):
    """A program ended with another status than 0."""


def completed(
    argv: Sequence[str], *, timeout: float, stdin: bytes | None = None, cwd: Path | None = None
) -> Completed:
    """Run a program and return how it ended, whatever its status.

    Args:
        argv: The program, found on PATH, and its arguments.
        timeout: Seconds after which it is killed.
        stdin: What it reads; nothing when None.
        cwd: Where it runs.

    Raises:
        TimedOut: It was killed; what it did until then is unknown.
        LabError: There is no such program; nothing was run.
    """
    try:
        # A group of its own: a time-out ends its children too, and Ctrl-C is ours to handle.
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment(),
            process_group=0,
        )
    except FileNotFoundError as missing:
        raise LabError(f"{argv[0]}: no such program; run `hale-lab check`") from missing
    try:
        out, err = child.communicate(stdin or b"", timeout=timeout)
    except subprocess.TimeoutExpired as late:
        raise TimedOut(f"{shlex.join(argv)}: did not end within {timeout:g} s") from late
    finally:
        _end_group(child)
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return Completed(code, out.decode(errors="replace"), err.decode(errors="replace"))


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of a command that did not end by itself."""
    if child.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    child.wait()


def run(
    *argv: str | Path, timeout: float = 30.0, stdin: bytes | None = None, cwd: Path | None = None
) -> str:
    """Run a program that must succeed and return what it wrote to its standard output.

    Raises:
        CommandFailed: It ended with another status than 0; the message has the end of its output.
        TimedOut: As `completed`.
        LabError: As `completed`.
    """
    words = [str(word) for word in argv]
    done = completed(words, timeout=timeout, stdin=stdin, cwd=cwd)
    if done.code != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-_TAIL:]
        raise CommandFailed(f"{shlex.join(words)}: ended with status {done.code}: {said}")
    return done.stdout


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment that the lab's programs get: nothing of the user's leaks in."""
    return {
        "PATH": PATH,
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
        "DEBIAN_FRONTEND": "noninteractive",
        **(extra or {}),
    }
