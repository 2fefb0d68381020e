"""Run one program to its end. There is no shell: argv comes from backup.json or from constants."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from backup.words import Failed, Reason


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a program: its exit status, negative for a signal, and what it said."""

    code: int
    out: bytes
    err: bytes

    @property
    def last_line(self) -> str:
        """The last line that says something, for people."""
        both = (self.err or self.out).decode("utf-8", "replace")
        lines = [line.strip() for line in both.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "no output"


def run(
    argv: Sequence[str],
    environment: Mapping[str, str] | None = None,
    source: Path | None = None,
    target: Path | None = None,
) -> Ran:
    """Run a program; its time is bounded by the unit that we run in.

    Args:
        argv: What to run.
        environment: Variables beside PATH and the language.
        source: A file for its standard input; None for nothing.
        target: A file that gets its standard output in place of `Ran.out`.

    Raises:
        Failed: no_tool; there is no such program, or it may not be run.
    """
    plain = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    home = {"HOME": os.environ.get("HOME", "/root")}
    with ExitStack() as files:
        stdin = files.enter_context(Path(source or os.devnull).open("rb"))
        kept = None if target is None else files.enter_context(target.open("wb"))
        try:
            done = subprocess.run(
                list(argv),
                stdin=stdin,
                stdout=kept or subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**plain, **home, **(environment or {})},
                check=False,
            )
        except OSError as error:
            raise Failed(Reason.NO_TOOL, f"{argv[0]}: {error}") from error
    return Ran(done.returncode, done.stdout or b"", done.stderr)
