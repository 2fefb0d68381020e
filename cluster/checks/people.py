"""Ways to a person: one for alerts, one beside it, and one that works when all here is dead."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from cluster.finding import Code, Finding
from cluster.subject import Check, Subject


def receivers(subject: Subject) -> Iterator[Finding]:
    """Find clusters whose alerts reach nobody."""
    if subject.cluster.monitoring.receivers.people is None:
        reason = "no receiver named people, so no alert reaches anyone."
        remedy = "Add people: {url: ...} under monitoring.receivers."
        yield subject.finding(Code.NO_PEOPLE, ("monitoring", "receivers"), reason, remedy)


def tickets(subject: Subject) -> Iterator[Finding]:
    """Find people who are woken for what could wait."""
    receivers = subject.cluster.monitoring.receivers
    if receivers.people is not None and receivers.tickets is None:
        reason = "no receiver named tickets, so warnings reach people as pages do, by night too."
        remedy = "Add tickets: {url: ...} under monitoring.receivers."
        yield subject.finding(Code.NO_TICKETS, ("monitoring", "receivers"), reason, remedy)


def deadman(subject: Subject) -> Iterator[Finding]:
    """Find clusters whose whole death nobody would notice."""
    if subject.cluster.monitoring.deadman is None:
        reason = "no dead man's switch, so nobody is told when monitoring itself is dead."
        remedy = (
            "Add deadman: {url: ...}, a service outside the cluster that calls when Watchdog stops."
        )
        yield subject.finding(Code.NO_DEADMAN, ("monitoring", "deadman"), reason, remedy)


def second_path(subject: Subject) -> Iterator[Finding]:
    """Find healers without a second path, or with one that is the first again."""
    cluster = subject.cluster
    escalate, people = cluster.healer.escalate, cluster.monitoring.receivers.people
    if escalate is None:
        reason = "no second path to a person for when Alertmanager cannot be reached."
        remedy = "Add escalate: {url: ...} or {command: [...]}."
        yield subject.finding(Code.NO_SECOND_PATH, ("healer", "escalate"), reason, remedy)
    elif escalate.url is not None and people is not None and escalate.url == people.url:
        reason = f"the second path is the first again ({urlsplit(people.url).netloc}), and fails with it."
        remedy = "Use another service, or a command."
        yield subject.finding(Code.SAME_PATH, ("healer", "escalate", "url"), reason, remedy)


PEOPLE: tuple[Check, ...] = (receivers, tickets, deadman, second_path)
