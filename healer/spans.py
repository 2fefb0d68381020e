"""How long something has lasted, counted by CLOCK_BOOTTIME: a wall clock that jumps shortens no soak and no wait.

Rule: only what was before this life is told by the journal.
"""

from collections.abc import Callable, Collection

from healer.ports import Clock

CLEAR, WELL, ENDED = "clear", "well", "ended"
"""What is counted: that a trouble was seen gone, that each look of a proof was good, and since an action ended."""

Key = tuple[str, ...]
"""An incident's id, what is counted, and of which of its actions."""


class Spans:
    """Seconds since each beginning. While the wall clock has just jumped none are counted: ages are doubtful then."""

    def __init__(self, clock: Clock, counts: Callable[[], bool]) -> None:
        self._clock = clock
        self._counts = counts
        # What was before this life, since when it is counted (moved on by what does not count), and the last look.
        self._known: dict[Key, tuple[float, float, float]] = {}

    def follow(self, before: "Spans") -> None:
        """Go on counting where another configuration's engine stopped."""
        self._known = before._known  # noqa: SLF001  # one of us

    def begin(self, *key: str) -> None:
        """Count from now."""
        now = self._clock.boottime()
        self._known[key] = (0.0, now, now)

    def seconds(self, *key: str, before: float = 0.0) -> float:
        """Return how long it has lasted; what is not known yet begins now.

        Args:
            key: What lasts.
            before: For how long it had lasted where it began in a former life; a negative time counts as none.
        """
        now = self._clock.boottime()
        before, began, last = self._known.get(key, (max(0.0, before), now, now))
        if not self._counts():
            began += now - last
        self._known[key] = (before, began, now)
        return before + now - began

    def forget(self, *key: str) -> None:
        """Begin anew when it is asked for again."""
        self._known.pop(key, None)

    def keep(self, incidents: Collection[str]) -> None:
        """Forget what is about other incidents than these."""
        for key in [one for one in self._known if one[0] not in incidents]:
            del self._known[key]
