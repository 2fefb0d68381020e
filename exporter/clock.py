"""The two clocks of the exporter, so that tests can bring their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from.

    Attributes:
        monotonic: Seconds that only grow; for ages and durations.
        wall: Unix time in seconds; shown, and compared with times that others wrote; nothing is timed by it.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
