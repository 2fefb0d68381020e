"""Maintenance windows: when people are at work on nodes, as cluster.yml has announced it.

Rule: a window says nothing of how the cluster is. It opens and closes by the time alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from healer.core.ladder import Window


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One window.

    Attributes:
        reason: What is done then, in its owner's words.
        about: What it is about, as cluster.yml names it, for people.
        nodes: The nodes that these are.
        hours: When it is open, by the cluster's own clock on the wall.
        starts, ends: Epoch seconds before and from which it is not; None for no bound.
    """

    name: str
    reason: str
    about: str
    nodes: frozenset[str]
    hours: Window
    starts: float | None = None
    ends: float | None = None

    def holds(self, now: float, zone: tzinfo) -> bool:
        """Whether it is open at a time, in epoch seconds."""
        if self.starts is not None and now < self.starts:
            return False
        if self.ends is not None and now >= self.ends:
            return False
        return self.hours.holds(datetime.fromtimestamp(now, zone))

    def until(self, now: float, zone: tzinfo) -> float | None:
        """Return when a window that is open now closes, epoch seconds; None where it never does."""
        ends = (self.ends, self.hours.until(now, zone))
        return min((one for one in ends if one is not None), default=None)


def until_words(until: float | None) -> str:
    """Return when a window closes, for people."""
    if until is None:
        return "for good"
    return f"until {datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
