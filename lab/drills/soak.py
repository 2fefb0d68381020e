"""A soak: a healthy cluster under a load that rises and falls, and nothing may happen.

Rule: it is a drill without a fault, watched and judged by the same code as the others.
"""

from collections.abc import Sequence
from pathlib import Path

from cluster.quantity import duration_text
from lab.drills.judgement import Report
from lab.drills.model import Drill, Given, Limits, Load
from lab.drills.reading import Seconds
from lab.drills.report import line
from lab.drills.runner import run
from lab.drills.underway import Say
from lab.drills.waiting import Clock
from lab.ports import Lab

RATE = 40
"""Requests a second to each URL at the height of the load; at its lowest a tenth of that."""

PERIOD = Seconds(60.0)
"""From one low to the next: two tides even in the two minutes of a test."""

LOST = 0.01
"""The share of requests that may go unanswered for a second: the lab shares its processors with whatever else runs."""

_OF_THE_LOAD = frozenset({"lost", "serving"})


def soak(
    lab: Lab, urls: Sequence[str], seconds: float, clock: Clock, say: Say, directory: Path
) -> Report:
    """Watch a cluster to which nothing is done.

    Args:
        lab: A lab that is up.
        urls: What stands for the users' requests.
        seconds: For how long.
        clock: The time.
        say: Told each thing that happens all the same.
        directory: Gets what eyes, pager and load write.

    Raises:
        NotGiven: The cluster was not sound to begin with.
        LabError: There can be no eyes, pager or load.
    """
    drill = Drill(
        name="soak",
        purpose="A healthy cluster is left alone, whatever its load.",
        given=Given(),
        load=Load(tuple(urls), RATE, PERIOD),
        steps=(),
        expected=(),
        never=(),
        limits=Limits(pages=0),
        watch=Seconds(seconds),
    )
    return run(drill, lab, clock, say, directory)


def held(report: Report) -> bool:
    """Tell whether there was a load, nothing happened, and no more was lost than may be."""
    figures = report.figures
    loaded = figures.requests >= _planned(report) / 2  # a busy machine may not manage all of it
    served = figures.lost_requests <= figures.requests * LOST
    return report.held and loaded and served and not disturbances(report)


def disturbances(report: Report) -> tuple[str, ...]:
    """Return everything that happened but for single requests that were lost, a line each."""
    return tuple(
        line(moment, report.began) for moment in report.moments if moment.word not in _OF_THE_LOAD
    )


def record(report: Report, scenario: str) -> str:
    """Return what is printed and committed: the figures, and all that happened."""
    figures = report.figures
    words = [moment.word for moment in report.moments]
    lasted = duration_text(round(report.ended - report.began))
    rows = [
        ("scenario", scenario),
        ("lasted", lasted),
        ("load", f"{RATE // 10} to {RATE} requests a second, a tide each {duration_text(PERIOD)}"),
        (
            "requests",
            f"{figures.requests} of {_planned(report):.0f} planned, {figures.lost_requests} lost",
        ),
        ("alerts that fired", f"{words.count('detected')}, not counting Watchdog"),
        ("incidents opened", str(words.count("open"))),
        ("actions at gates", str(words.count("acted"))),
        ("people called", str(figures.pages)),
        ("verdict", "held" if held(report) else "DID NOT HOLD"),
    ]
    lines = [f"{name:<20}{value}" for name, value in rows]
    return "\n".join([*lines, *report.broken, *disturbances(report)]) + "\n"


def _planned(report: Report) -> float:
    """Return how many requests the tides of the load amount to, by the mean of `lab.load.tide`."""
    seconds = report.ended - report.began
    return seconds * 0.55 * RATE * len(report.drill.load.urls)
