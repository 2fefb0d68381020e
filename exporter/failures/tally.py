"""How many lines were read, and of what they told.

Rule: a counter shows what a next life will know of. One that went back after a kill would, for Prometheus, have begun
at nought, and all that it ever counted would count as new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from exporter.failures.kinds import Failure

HELD_BACK = 10.0
"""Seconds for which a disk that hangs keeps what was counted from being shown."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Lines since the journal was first read: by what became of them, and by the type that they told of."""

    classified: int = 0
    skipped: int = 0
    told: tuple[int, ...] = (0,) * len(Failure)

    def lines(self) -> dict[str, int]:
        """Return how many there were, by what became of them."""
        return {"classified": self.classified, "skipped": self.skipped}

    def failures(self) -> dict[str, int]:
        """Return how many told of a failure, by its type."""
        return dict(zip((kind.value for kind in Failure), self.told, strict=True))

    @classmethod
    def restored(cls, counts: Mapping[str, Any], told: Mapping[str, Any]) -> Self:
        """Return what was kept; a type that is new since has no line.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: It cannot be understood.
        """
        by_type = tuple(int(told.get(kind.value, 0)) for kind in Failure)
        return cls(int(counts["classified"]), int(counts["skipped"]), by_type)


class Tally:
    """Counts, and shows what of it was kept."""

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self._lines = {"classified": 0, "skipped": 0}
        self._told = dict.fromkeys(Failure, 0)
        self._shown = Counted()
        self._waits_since: float | None = None

    def restore(self, counted: Counted) -> None:
        """Go on from what a former life had kept."""
        self._lines = counted.lines()
        self._told = dict(zip(Failure, counted.told, strict=True))
        self._shown = counted

    def read(self, classified: int, skipped: int, now: float) -> None:
        """Count a batch of lines; `now` in seconds of a clock that nobody sets."""
        self._lines["classified"] += classified
        self._lines["skipped"] += skipped
        if self._waits_since is None:
            self._waits_since = now

    def tell(self, kind: Failure) -> None:
        """Count a line that told of a failure."""
        self._told[kind] += 1

    def counted(self) -> Counted:
        """Return all of it, for whoever keeps it."""
        return Counted(**self._lines, told=tuple(self._told.values()))

    def kept(self, counted: Counted) -> None:
        """Take note of what is kept from now on, or cannot be, as on a disk that fails."""
        if counted.classified + counted.skipped >= self._shown.classified + self._shown.skipped:
            self._shown = counted
        if counted == self.counted():
            self._waits_since = None

    def shown(self, now: float) -> Counted:
        """Return what may be shown."""
        if self._waits_since is not None and now - self._waits_since > HELD_BACK:
            self.kept(self.counted())
        return self._shown
