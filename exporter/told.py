"""What the log knows already, for whoever looks at the same things round after round."""

from collections.abc import Set

MOST = 10
"""Things that one round tells of; the next goes on, so that a folder of thousands fills no log at once."""


class Told:
    """Remembers of what the log was told, by name."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self._told: set[str] = set()

    def news(self, wrong: Set[str]) -> list[str]:
        """Return what the log has yet to hear of, sorted and at most `MOST`, and take it as told.

        Args:
            wrong: All that is wrong in this round. What is not is forgotten: should it come again, that is news.
        """
        new = sorted(wrong - self._told)[:MOST]
        self._told = (self._told & wrong) | {*new}
        return new
