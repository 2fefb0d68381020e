"""What is tried, in order, against one kind of trouble.

A ladder comes from cluster.yml; the alert names it in its `heal` label. Each rung is one action with its own limits.
"""

import hashlib
from dataclasses import dataclass
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
        return list(Mode).index(self)


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


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing to try.

    Attributes:
        action: The gate's verb, or PERSON.
        service: Acts on this service instead of the alert's own; None for the alert's.
        fast: May start before Prometheus has confirmed, on the word of the node's own gate.
        deadline_seconds: How long the action itself may take.
        attempts: How often it may be tried in one incident.
        wait_seconds: Least time between the end of one attempt and the start of the next.
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
