"""What is tried, in order, against one kind of trouble.

A ladder comes from cluster.yml; the alert names it in its `heal` label. Each rung is one action with its own limits.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import Enum

PERSON = "person.call"
"""The last rung's action: nothing is touched, a person takes over."""


NO_LADDER = frozenset({"", "none"})
"""Values of an alert's `heal` label that leave it to a person."""


class Mode(Enum):
    """How far the owner lets Hale go. Ordered from the most cautious."""

    EXPLAIN = "explain"
    APPROVE = "approve"
    ACT = "act"

    @property
    def rank(self) -> int:
        """0 for the most cautious mode."""
        return _RANKS[self]


_RANKS = {mode: rank for rank, mode in enumerate(Mode)}


@dataclass(frozen=True, slots=True)
class Verification:
    """What has to be seen before a rung counts as having helped.

    Attributes:
        metric: Series that says how the target is, asked for with the target's labels.
        want: The value it must have.
        within_seconds: How long after the action's end it may take until all is well.
        soak_seconds: How long it must then stay well.
        lookback_seconds: For how long after the action the series, or an alert, may be of before it, where its rule
            does not say so itself.
    """

    metric: str
    want: float
    within_seconds: float
    soak_seconds: float
    lookback_seconds: float = 0.0


DAY = 24 * 60
"""Minutes."""

WHOLE_WEEK = 8 * 86400.0
"""Seconds in which each hour of the week comes, whatever is done to the clocks."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the week, by the cluster's own clock on the wall.

    Attributes:
        days: On which it begins, 0 for Monday.
        begins, ends: Minutes since midnight; one that ends before it begins ends on the next day.
    """

    name: str
    days: frozenset[int]
    begins: int
    ends: int

    def holds(self, local: datetime) -> bool:
        """Whether a local time lies within it."""
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.begins < self.ends:
            return today in self.days and self.begins <= minute < self.ends
        late = today in self.days and minute >= self.begins
        return late or ((today - 1) % 7 in self.days and minute < self.ends)

    def until(self, now: float, zone: tzinfo) -> float | None:
        """Return from when on a window that holds does not any more; None where it always does.

        Args:
            now: Epoch seconds at which it holds.
            zone: Of the clock on the wall.
        """
        at = now - now % 60
        while at < now + WHOLE_WEEK:
            local = datetime.fromtimestamp(at, zone)
            if not self.holds(local):
                return at
            minute = local.hour * 60 + local.minute
            # Nothing changes before the next of these, unless the clock is set in between.
            edge = min(one for one in (self.begins, self.ends, DAY) if one > minute)
            ahead = 60 * (edge - minute)
            later = datetime.fromtimestamp(at + ahead, zone)
            at += ahead if later.utcoffset() == local.utcoffset() else 60
        return None


@dataclass(frozen=True, slots=True)
class When:
    """What must be so for a rung to be tried. What is empty sets no condition, of several one is enough."""

    failures: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()


ALWAYS = When()
"""No condition at all."""


MOST_GROWTHS = 100
"""So many times a wait grows: one that long was bounded before it could grow beyond what a float holds."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing to try.

    Attributes:
        action: The gate's verb, or PERSON.
        service: Acts on this service instead of the alert's own; None for the alert's.
        fast: May start before Prometheus has confirmed, on the word of the node's own gate.
        deadline_seconds: How long the action itself may take.
        attempts: How often it may be tried in one incident.
        wait_seconds: Least time between the end of the first attempt and the start of the second.
        backoff: By how much each later wait is longer than the one before.
        max_wait_seconds: No wait is longer.
        approve: Whether a person has to agree even where the mode is act.
        by_owner: Whether that person has to be an owner.
    """

    action: str
    service: str | None
    fast: bool
    deadline_seconds: float
    verify: Verification | None
    attempts: int
    wait_seconds: float
    approve: bool = False
    by_owner: bool = False
    backoff: float = 1.0
    max_wait_seconds: float = math.inf
    when: When = ALWAYS

    def wait_after(self, tried: int) -> float:
        """Return how many seconds to wait after so many attempts."""
        grown = self.wait_seconds * self.backoff ** min(max(tried - 1, 0), MOST_GROWTHS)
        return min(grown, self.max_wait_seconds)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs in the order they are tried."""

    name: str
    mode: Mode
    rungs: tuple[Rung, ...]

    @property
    def digest(self) -> str:
        """What the rungs are, in one word: a rung's number means the same rung only as long as it stays."""
        return hashlib.sha256(repr(self.rungs).encode()).hexdigest()[:16]
