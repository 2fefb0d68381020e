"""What a node had written to its journal before it was missed, as the copies have it.

Rule: it is for people. Nothing is decided by it, since a copy is as true as who sent it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """One line of a node's journal.

    Attributes:
        at: When, by the node's own clock, epoch seconds; None where the copy does not say.
        by: Who wrote it: `kernel`, or a program as it calls itself.
        text: Its beginning, as it came.
        failure: The type of failure that it tells of (design, section 5), `benign` for none; empty where nobody said.
        cause: The failure in words; empty for none.
    """

    at: float | None
    by: str
    text: str
    failure: str
    cause: str

    @property
    def fails(self) -> bool:
        """Whether it tells of a failure."""
        return self.failure not in ("", "benign")


@dataclass(frozen=True, slots=True)
class LastLines:
    """What the copies had of a node when they were looked at.

    Attributes:
        node: Whose lines they are said to be.
        episode: Fingerprint and start of the alert for which they were looked at.
        read_at: When, by the healer's clock, epoch seconds.
        lines: Oldest first; few, and each of them short.
        trouble: Why there are none, or why nobody said what they tell of; empty where all is well.
    """

    node: str
    episode: tuple[str, float]
    read_at: float
    lines: tuple[LoggedLine, ...]
    trouble: str
