"""Logs what strangers did wrong, but not more than a person reads.

journald drops what a service logs beyond some thousand lines in half a minute, whoever caused them: a stranger who
has enough written would have it drop what the healer did.
"""

from dataclasses import dataclass

import structlog

from healer.plain import printable
from healer.ports import Clock

MOST = 30.0
"""Lines at once."""

AGAIN = 2.0
"""Seconds after which there is room for one more."""

log = structlog.get_logger()


@dataclass
class Sparing:
    """A log with a bound.

    Attributes:
        left: Lines that may still be written.
        at: Seconds of CLOCK_BOOTTIME at which `left` was right.
        omitted: Lines that were not written since the last one that was.
    """

    clock: Clock
    left: float = MOST
    at: float = 0.0
    omitted: int = 0

    def warning(self, event: str, **values: object) -> None:
        """Write a line, with how many were left out before it; or leave it out."""
        now = self.clock.boottime()
        self.left, self.at = min(MOST, self.left + (now - self.at) / AGAIN), now
        if self.left < 1:
            self.omitted += 1
            return
        self.left -= 1
        if self.omitted:
            values["omitted"] = self.omitted
        self.omitted = 0
        shown = {
            key: printable(one) if isinstance(one, str) else one for key, one in values.items()
        }
        log.warning(event, **shown)
