"""Drills: what is given, what goes wrong, what has to come true, and the report about it."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.errors import ConfigErrors
from lab.drills.judgement import Report
from lab.drills.moments import Moment
from lab.drills.parse import load_drill
from lab.drills.report import line, table, write
from lab.drills.runner import run
from lab.drills.underway import NotGiven, Say, WallClock
from lab.ports import Lab, LabError

__all__ = ["NotGiven", "find", "load_drill", "main", "run"]

REPORTS = Path("build/drills")
"""Where reports go unless another directory is named."""


def find(scenario: Path) -> tuple[Path, ...]:
    """Return the drills of a scenario, sorted by name."""
    return tuple(sorted((scenario / "drills").glob("*.yml")))


def main(lab: Lab, drill: Path, report: Path | None = None) -> int:
    """Run a drill from its file on a lab that is up, and print and write its report.

    Args:
        lab: A lab that is up.
        drill: The drill's file.
        report: Directory for NAME.md, NAME.json and NAME.svg, and for NAME.seen, which holds every
            answer that was judged; None means REPORTS.

    Returns:
        0 when all of it held, 1 when something did not.

    Raises:
        LabError: The file is wrong or the lab could not do what was asked.
    """
    try:
        read = load_drill(drill)
        print(f"{read.name}: {read.purpose}", flush=True)
        reports = (report or REPORTS).resolve()
        done = run(read, lab, WallClock(), _say(), reports / f"{read.name}.seen")
    except (OSError, ConfigErrors) as error:
        raise LabError(str(error)) from error
    conclude([done], reports)
    return 0 if done.held else 1


def conclude(reports: Sequence[Report], directory: Path) -> None:
    """Print the final table and what did not hold, and write the reports."""
    print(f"\n{table(reports)}\n")
    for report in reports:
        for text in report.broken:
            print(f"{report.drill.name}: did not hold: {text}")
        made = write(report, directory)
        verdict = "held" if report.held else "DID NOT HOLD"
        print(f"{report.drill.name}: {verdict}. Report: {made[0]}", flush=True)


def _say() -> Say:
    """Return what prints a moment: in colour on a terminal, else as a plain line."""
    if not sys.stdout.isatty():
        return lambda moment, began: print(line(moment, began), flush=True)
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)

    def say(moment: Moment, began: float) -> None:
        text = Text(line(moment, began))
        text.stylize(_COLOURS.get(moment.word, ""), 11, 23)
        console.print(text)

    return say


_COLOURS = {
    "fault": "bold red",
    "lost": "red",
    "reduced": "red",
    "failed": "red",
    "refused": "yellow",
    "held": "yellow",
    "paged": "bold yellow",
    "detected": "cyan",
    "acted": "bold cyan",
    "done": "green",
    "serving": "bold green",
    "redundancy": "bold green",
    "verified": "green",
}
