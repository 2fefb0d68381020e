"""Redis under Sentinel: too few to agree, too close together, a master that forgets, and doors that are open."""

from collections import Counter
from collections.abc import Iterator

from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.model import UNKNOWN_DOMAIN
from cluster.sentinels import Sentinel
from cluster.subject import Check, Subject


def _at(one: Sentinel, *keys: str) -> Path:
    return ("sentinels", one.name, *keys)


def agreeing(subject: Subject) -> Iterator[Finding]:
    """Find Sentinels of which one lost stops every failover, and a quorum that a minority has."""
    for one in subject.cluster.sentinels.values():
        count = len(subject.cluster.groups[one.group].nodes)
        if count < 3 or count % 2 == 0:
            spare = (count - 1) // 2
            reason = f"of {count} Sentinel(s) {spare} may be lost before no failover is allowed any more."
            yield subject.finding(
                Code.FEW_SENTINELS, _at(one, "group"), reason, "Have three or five nodes."
            )
        elif one.agreed(count) * 2 <= count:
            reason = (
                f"{one.agreed(count)} of {count} Sentinels may call the master gone that others still "
                "reach; a failover begins needlessly."
            )
            remedy = f"Write quorum: {count // 2 + 1}, or leave it out."
            yield subject.finding(Code.LOW_QUORUM, _at(one, "quorum"), reason, remedy)


def spread(subject: Subject) -> Iterator[Finding]:
    """Find Sentinels of which one failure domain holds so many that no majority is left without it."""
    cluster = subject.cluster
    for one in cluster.sentinels.values():
        members = cluster.groups[one.group].nodes
        inside = Counter(cluster.nodes[node].failure_domain for node in members)
        for domain, count in inside.items():
            if (
                domain != UNKNOWN_DOMAIN
                and len(members) >= 3
                and (len(members) - count) * 2 <= len(members)
            ):
                reason = f"{count} of {len(members)} Sentinels are in {domain}: without it nobody may fail over."
                remedy = "Spread the nodes over three failure domains."
                yield subject.finding(Code.SENTINELS_TOGETHER, _at(one, "group"), reason, remedy)


def kept(subject: Subject) -> Iterator[Finding]:
    """Find a master that goes on taking writes although nobody follows it: they are lost when it is heard of again."""
    for one in subject.cluster.sentinels.values():
        if not one.min_replicas:
            reason = "a master that is cut off goes on taking writes, and loses them all once another one leads."
            remedy = "Write min_replicas: 1, or leave it out."
            yield subject.finding(Code.WRITES_ALONE, _at(one, "min_replicas"), reason, remedy)


def closed(subject: Subject) -> Iterator[Finding]:
    """Find a managed Redis that asks nobody for a password."""
    for one in subject.cluster.sentinels.values():
        if one.manage and one.passwords is None:
            reason = "whoever reaches Redis or its Sentinel may read, write and fail over."
            remedy = "Name a file with requirepass and masterauth as `passwords`, or let a firewall keep strangers out."
            yield subject.finding(Code.OPEN_REDIS, _at(one, "manage"), reason, remedy)


SENTINELS: tuple[Check, ...] = (agreeing, spread, kept, closed)
