"""How much of the journal alerts may take up that nothing confirms. Pure but for the clock that it is told.

Rule: anyone who can post alerts could else fill the store. What evidence found true is never counted.
"""

from dataclasses import dataclass

from healer.core.alert import Alert

MOST_BYTES = 32 * 1024 * 1024
"""At once, and again within an hour: some ten thousand alerts of usual size."""

FULL_AGAIN = 3600.0
"""Seconds in which all of it comes back."""

FRAME_BYTES = 1024
"""Of what is written about an alert besides its labels."""

ESCAPED = 4
"""Bytes in the journal, at the most, for one byte of a label."""


@dataclass
class Allowance:
    """What is left of it.

    Attributes:
        left: Bytes.
        at: When that was reckoned, CLOCK_BOOTTIME in seconds; None before the first time.
    """

    left: float = MOST_BYTES
    at: float | None = None

    def take(self, alert: Alert, now: float) -> bool:
        """Take what one alert needs; False where there is not so much left, and nothing was taken."""
        passed = 0.0 if self.at is None else now - self.at
        self.left, self.at = min(MOST_BYTES, self.left + passed * MOST_BYTES / FULL_AGAIN), now
        needed = FRAME_BYTES + ESCAPED * sum(
            len(name.encode()) + len(value.encode()) for name, value in alert.labels
        )
        if needed > self.left:
            return False
        self.left -= needed
        return True
