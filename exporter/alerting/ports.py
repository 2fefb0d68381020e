"""What the short way needs of the world around it."""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from exporter.alerting.alert import Alert


class NotTaken(Exception):
    """An Alertmanager took nothing, or nobody knows what it took: to be tried again later.

    Attributes:
        refused: Whether it answered that it does not want it.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class Alertmanager(Protocol):
    """One Alertmanager."""

    async def post(self, body: bytes) -> float | None:
        """Post alerts, as `alert.body` writes them; return the Date of the answer, epoch seconds, if it has one.

        Raises:
            NotTaken: It did not say that it took all of it.
        """
        ...


class Claim(Enum):
    """Whether this exporter is the one that posts for this node."""

    OURS = "ours"
    ANOTHERS = "anothers"  # a second exporter has the same state: it posts


class Memory(Protocol):
    """What outlives the process."""

    def claim(self) -> Claim:
        """Say whether no other exporter has it, and keep it from others until this process ends.

        Raises:
            OSError: Nobody can tell.
        """
        ...

    def read(self) -> tuple[Alert, ...]:
        """Return what was written last; nothing where that cannot be understood.

        Raises:
            OSError: It cannot be read.
        """
        ...

    def write(self, alerts: Sequence[Alert]) -> None:
        """Replace what was written.

        Raises:
            OSError: What was written before stays.
        """
        ...
