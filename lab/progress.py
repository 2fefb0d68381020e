"""Telling a person what takes long: a live display on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed


class Steps(Protocol):
    """Shows steps of known number."""

    def step(self, text: str) -> contextlib.AbstractContextManager[None]:
        """Show that a step has begun and, on leaving, how long it took."""
        ...


class PlainSteps:
    """One line for each step when it ends, for logs."""

    def __init__(self, total: int, out: TextIO) -> None:
        self._total, self._out, self._done = total, out, 0

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print the step with its number and seconds once it is done."""
        began = time.monotonic()
        yield
        self._done += 1
        seconds = time.monotonic() - began
        print(f"[{self._done}/{self._total}] {text} ({seconds:.1f} s)", file=self._out, flush=True)


class LiveSteps:
    """A bar over all steps, with the present one beside it."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show the step beside the bar; leave a line above it when it is done."""
        self._progress.update(self._task, description=text)
        began = time.monotonic()
        yield
        self._progress.advance(self._task)
        self._progress.console.print(f"  {text} [dim]{time.monotonic() - began:.1f} s[/dim]")


@contextlib.contextmanager
def steps(total: int, out: TextIO = sys.stderr) -> Iterator[Steps]:
    """Show `total` steps on `out`, in the way that suits it."""
    if not out.isatty():
        yield PlainSteps(total, out)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(file=out)
    with Progress(*columns, Elapsed(), console=console, transient=True) as progress:
        yield LiveSteps(total, progress)
