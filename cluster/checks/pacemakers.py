"""Nodes and services of Pacemaker that somebody else would touch beside it."""

from collections.abc import Iterator

from cluster.finding import Code, Finding
from cluster.subject import Check, Subject


def fenced_twice(subject: Subject) -> Iterator[Finding]:
    """Find nodes of Pacemaker that name a power device: Hale leaves their fencing to Pacemaker."""
    cluster = subject.cluster
    for one in cluster.pacemakers.values():
        for node in cluster.groups[one.group].nodes:
            if cluster.nodes[node].power is not None:
                reason = f"{node} is of {one.name}, which Pacemaker fences by itself, so Hale never cuts its power."
                remedy = "Leave `power` of the node out, and give Pacemaker a fencing device."
                yield subject.finding(Code.FENCED_TWICE, ("nodes", node, "power"), reason, remedy)


def started_twice(subject: Subject) -> Iterator[Finding]:
    """Find services of Pacemaker that systemd is told to start again by itself."""
    cluster = subject.cluster
    for one in cluster.pacemakers.values():
        for resource, service in one.resources.items():
            if cluster.services[service].native_restart is not None:
                reason = f"systemd would start {service} again beside Pacemaker, which runs it as {resource}."
                remedy = "Leave native_restart out: Pacemaker starts what has failed."
                path = ("services", service, "native_restart")
                yield subject.finding(Code.STARTED_TWICE, path, reason, remedy)


PACEMAKERS: tuple[Check, ...] = (fenced_twice, started_twice)
