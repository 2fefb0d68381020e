"""What is shown of the short way itself."""

from exporter.exposition import Family, Kind, block, line

ALERTS = Family(
    "hale_short_way_alerts",
    Kind.GAUGE,
    "Alerts that were posted by the short way and are not over everywhere.",
)
POSTS = Family(
    "hale_short_way_posts_total", Kind.COUNTER, "Posts to Alertmanagers by the short way."
)
OUTCOMES = ("taken", "refused", "failed")


class Posts:
    """Counts posts by what became of them."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(OUTCOMES, 0)

    def count(self, outcome: str) -> None:
        """Count one; `outcome` is one of OUTCOMES."""
        self._counts[outcome] += 1

    def series(self, alerts: int) -> bytes:
        """Return them in the text format, with how many alerts there are."""
        rows = [line(POSTS.series(outcome=one), count) for one, count in self._counts.items()]
        return block(ALERTS, [line(ALERTS.series(), alerts)]) + block(POSTS, rows)
