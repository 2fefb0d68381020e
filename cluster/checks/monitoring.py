"""Intervals: those that contradict each other, and those that are only good for a demonstration."""

from collections.abc import Iterator

from cluster.finding import Code, Finding
from cluster.quantity import duration_text
from cluster.subject import Check, Subject

# Half of what Prometheus' own default is quick enough for any cluster, and cheap enough for most.
SHORT_SECONDS = 5.0


def contradictions(subject: Subject) -> Iterator[Finding]:
    """Find intervals that make a later stage look at old news."""
    monitoring = subject.cluster.monitoring
    if monitoring.evaluation_interval < monitoring.scrape_interval:
        reason = (
            f"rules are evaluated every {duration_text(monitoring.evaluation_interval)} on samples that "
            f"come every {duration_text(monitoring.scrape_interval)}, so most evaluations see nothing new."
        )
        remedy = "Let evaluation_interval be scrape_interval."
        path = ("monitoring", "evaluation_interval")
        yield subject.finding(Code.SLOW_SCRAPE, path, reason, remedy)
    if monitoring.group_interval < monitoring.evaluation_interval:
        reason = (
            f"groups are sent every {duration_text(monitoring.group_interval)}, more often than rules are "
            f"evaluated ({duration_text(monitoring.evaluation_interval)})."
        )
        remedy = "Let group_interval be at least evaluation_interval."
        yield subject.finding(Code.SLOW_GROUP, ("monitoring", "group_interval"), reason, remedy)


def demonstration(subject: Subject) -> Iterator[Finding]:
    """Find intervals that cost a real cluster more than they gain it."""
    monitoring = subject.cluster.monitoring
    intervals = {
        "scrape_interval": monitoring.scrape_interval,
        "evaluation_interval": monitoring.evaluation_interval,
        "group_interval": monitoring.group_interval,
    }
    for key, seconds in intervals.items():
        if seconds < SHORT_SECONDS:
            reason = f"{duration_text(seconds)} is good for a demonstration and costs a real cluster much."
            remedy = "Leave it out for the production value."
            yield subject.finding(Code.SHORT_INTERVAL, ("monitoring", key), reason, remedy)


MONITORING: tuple[Check, ...] = (contradictions, demonstration)
