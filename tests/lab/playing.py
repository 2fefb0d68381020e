"""Playing the drills of a scenario one after the other."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from lab import drills
from lab.drills.model import Drill
from lab.drills.session import Session

SELDOM = {
    "first": frozenset(
        {
            *("alertmanager-unreachable", "exporter-killed", "gate-held", "healer-disk-full"),
            *("forged-alerts", "monitor-powered-off", "service-killed-once"),
        }
    ),
    "redis-sentinel": frozenset({"2-replica-gives-up", "4-two-of-three"}),
    "three-healers": frozenset({"etcd-minority-lost", "handover", "leader-cut-off"}),
    "web-tier": frozenset(
        {
            *("4b-disk-full-of-something", "bad-release", "both-declined", "cause-before-symptom"),
            *("nobody-watches", "overload", "person-drains", "rack-fails", "switch-fails"),
            *("symptom-before-cause", "two-of-six-vanish"),
        }
    ),
}
"""Drills that `make test` leaves to `make drills`, by scenario, so that it takes 40 minutes and not an hour.

Every one of failover, restore, fencing and maintenance is played by both, and of all other kinds a few.
"""


def each(scenario: str, played: Iterable[Drill]) -> list[ParameterSet]:
    """Return drills as a test's parameters; what is played seldom is marked so."""
    seldom = SELDOM.get(scenario, frozenset())
    marks = {True: [pytest.mark.seldom], False: []}
    return [pytest.param(one, id=one.name, marks=marks[one.name in seldom]) for one in played]


class DidNotHoldError(AssertionError):
    """A drill did not hold.

    Attributes:
        harm: What of it happened and must never happen, so that a second time could not excuse it.
    """

    def __init__(self, text: str, harm: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.harm = harm


def hold(session: Session, drill: Drill, directory: Path) -> None:
    """Play a drill and write its report.

    Args:
        session: What watches the lab meanwhile.
        drill: The drill.
        directory: Where its report goes.

    Raises:
        DidNotHoldError: It did not hold, or could not be run; the report's text says in what.
    """
    report = drills.play(session, drill)
    if report is None:
        raise DidNotHoldError("it could not be run; what is printed above says why")
    drills.conclude([report], directory)
    if not report.held:
        raise DidNotHoldError((directory / f"{drill.name}.md").read_text(), report.harm)
