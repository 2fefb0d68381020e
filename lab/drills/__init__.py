"""Drills: what is given, what goes wrong, what has to come true, and the report about it."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.errors import ConfigErrors
from lab.drills.judgement import Report
from lab.drills.model import Drill
from lab.drills.moments import Moment
from lab.drills.parse import load_drill
from lab.drills.report import about_rows, line, table, write
from lab.drills.runner import run_in
from lab.drills.session import Session, opened
from lab.drills.soak import held, record, soak
from lab.drills.underway import NotGiven, Say
from lab.drills.waiting import WallClock
from lab.ports import Lab, LabError

__all__ = [
    "NotGiven",
    "Session",
    "conclude",
    "find",
    "load_drill",
    "main",
    "opened",
    "play",
    "soaked",
    "stories",
]

REPORTS = Path("build/drills")
"""Where reports go unless another directory is named."""


def find(scenario: Path) -> tuple[Path, ...]:
    """Return the drills of a scenario, sorted by name."""
    return tuple(sorted((scenario / "drills").glob("*.yml")))


def stories(scenario: Path) -> tuple[Path, ...]:
    """Return the drills that the demo plays: those whose names begin with a number, in its order."""
    return tuple(file for file in find(scenario) if file.name[0].isdecimal())


def main(lab: Lab, files: Sequence[Path], report: Path | None = None) -> int:
    """Run drills one after the other on a lab that is up, and print and write their reports.

    Args:
        lab: A lab that is up.
        files: The drills' files; a steady load runs through all of them.
        report: Directory for NAME.md, NAME.json and NAME.svg of each, and for a directory with
            every answer that was judged; None means REPORTS.

    Returns:
        0 when all of it held, 1 when something did not or a drill could not be run.

    Raises:
        LabError: A file is wrong, or there can be no eyes, pager or load; nothing was broken.
    """
    reports = (report or REPORTS).resolve()
    try:
        drills = [load_drill(file) for file in files]
    except (OSError, ConfigErrors) as error:
        raise LabError(str(error)) from error
    name = drills[0].name if len(drills) == 1 else lab.scenario.name
    with opened(lab, drills, WallClock(), reports / f"{name}.seen") as session:
        done = [found for drill in drills if (found := play(session, drill)) is not None]
    conclude(done, reports)
    return 0 if len(done) == len(drills) and all(one.held for one in done) else 1


def play(session: Session, drill: Drill) -> Report | None:
    """Run a drill and print what happens as it becomes known; None where it could not be run."""
    print(f"\n{drill.name}: {drill.purpose}", flush=True)
    try:
        return run_in(session, drill, _say())
    except (LabError, ConfigErrors) as error:
        print(f"{drill.name}: could not be run: {error}", file=sys.stderr, flush=True)
        return None


def conclude(reports: Sequence[Report], directory: Path) -> None:
    """Print the final table and what did not hold, and write the reports."""
    if not reports:
        return
    print(f"\n{table(reports)}\n")
    for report in reports:
        for text in report.broken:
            print(f"{report.drill.name}: did not hold: {text}")
        for text in about_rows(report.figures):
            print(f"{report.drill.name}: {text}")
        made = write(report, directory)
        verdict = "held" if report.held else "DID NOT HOLD"
        print(f"{report.drill.name}: {verdict}. Report: {made[0]}", flush=True)


def soaked(lab: Lab, urls: Sequence[str], seconds: float, report: Path | None = None) -> int:
    """Watch a cluster to which nothing is done, and print and write what became of it.

    Args:
        lab: A lab that is up.
        urls: What stands for the users' requests.
        seconds: For how long.
        report: Directory for soak.txt and for every answer that was judged; None means REPORTS.

    Returns:
        0 when nothing happened, 1 when something did.

    Raises:
        LabError: The cluster was not sound to begin with, or there can be no eyes, pager or load.
    """
    reports = (report or REPORTS).resolve()
    found = soak(lab, urls, seconds, WallClock(), _say(), reports / "soak.seen")
    text = record(found, lab.scenario.name)
    (reports / "soak.txt").write_text(text, encoding="utf-8")
    print(f"\n{text}", end="", flush=True)
    return 0 if held(found) else 1


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
    "moved": "bold cyan",
    "leads": "bold cyan",
    "two lead": "bold red",
    "pool": "cyan",
    "marked": "bold yellow",
    "unmarked": "green",
    "mitigated": "bold yellow",
    "ticket": "yellow",
    "frozen": "bold yellow",
    "thawed": "green",
}
