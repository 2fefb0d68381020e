"""The packaged alerts beside this cluster's ladders, and the runbooks beside the alerts."""

from collections.abc import Iterator

from cluster.errors import did_you_mean
from cluster.finding import Code, Finding
from cluster.subject import Check, Subject


def ladders(subject: Subject) -> Iterator[Finding]:
    """Find alerts whose ladder is not here."""
    known = list(subject.cluster.ladders)
    for alert in subject.alerts:
        if alert.heal != "none" and alert.heal not in known:
            reason = f"{alert.name} ({alert.file}) asks for the ladder {alert.heal!r}, which is not here."
            remedy = did_you_mean(alert.heal, known)
            yield subject.finding(Code.UNKNOWN_LADDER, ("ladders",), reason, remedy)


def runbooks(subject: Subject) -> Iterator[Finding]:
    """Find alerts that would wake a person and tell them nothing."""
    for alert in subject.alerts:
        if alert.name not in subject.runbooks:
            reason = f"{alert.name} ({alert.file}) has no runbook."
            remedy = f"Write runbooks/{alert.name}.md."
            yield subject.finding(Code.NO_RUNBOOK, ("monitoring",), reason, remedy)


def overrides(subject: Subject) -> Iterator[Finding]:
    """Find overrides of alerts that do not exist. Without packaged rules nothing can be said."""
    known = [alert.name for alert in subject.alerts]
    for name in subject.cluster.monitoring.for_ if known else ():
        if name not in known:
            reason = f"no rule is named {name}, so this changes nothing."
            path = ("monitoring", "for", name)
            yield subject.finding(Code.UNKNOWN_ALERT, path, reason, did_you_mean(name, known))


ALERTS: tuple[Check, ...] = (ladders, runbooks, overrides)
