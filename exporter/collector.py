"""What a collector is: one source of metrics that can fail without taking the others along.

There are two kinds, told apart by their type: what a scrape may read itself, and what it may not wait for.
"""

from abc import ABC, abstractmethod
from enum import Enum
from typing import NamedTuple

from exporter.guests import Guest


class State(Enum):
    """What a collector reports about its newest run."""

    OK = "ok"
    ABSENT = "absent"
    FAILED = "failed"
    TIMED_OUT = "timed_out"  # unknown, never "down"


class Absent(Exception):
    """The thing measured is not on this node; the collector serves nothing and is not at fault."""


class Malformed(Exception):
    """A source answered with something that cannot be right; nothing of that run is served."""


class Latest(NamedTuple):
    """What a collector has to show at this moment; a tuple, since a scrape makes one for each.

    Attributes:
        body: Its series in the text format; empty when there is nothing young enough to show.
        state: How its newest run ended; `TIMED_OUT` before the first one ended.
        duration_seconds: Of its newest run; None before the first one ended.
        last_success: Unix time in seconds of its newest good run; None when there was none.
        guests: Families that other programs wrote; those that contradict ours are left out.
    """

    body: bytes
    state: State
    duration_seconds: float | None
    last_success: float | None
    guests: tuple[Guest, ...] = ()


class OnScrape(ABC):
    """A collector that a scrape runs itself: it reads /proc and /sys and nothing else."""

    name: str

    @abstractmethod
    def collect(self) -> bytes:
        """Read the source once and return its series in the text format.

        Raises:
            Absent: The source does not exist on this node.
            Malformed: The source could not be understood.
            OSError: The source could not be read.
        """


class Background(ABC):
    """A collector whose source can be slow or hang: it has its own schedule and deadline."""

    name: str

    @abstractmethod
    async def run(self) -> None:
        """Keep `latest` fresh until cancelled."""

    @abstractmethod
    def latest(self) -> Latest:
        """Return what there is to show now; never waits."""

    @abstractmethod
    async def settled(self) -> None:
        """Return once there is a first result, good or bad."""
