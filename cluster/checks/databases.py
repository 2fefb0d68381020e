"""Databases: what one loss takes away, what a failover loses, and who else could have it fail over."""

from collections import Counter
from collections.abc import Iterator

from cluster.databases import LOOP_SECONDS, Database, Watchdog
from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.quantity import duration_text, size_text
from cluster.subject import Check, Subject


def members(subject: Subject) -> Iterator[Finding]:
    """Find databases that one lost node leaves without a second copy."""
    for database, path in _all(subject):
        count = len(subject.cluster.groups[database.group].nodes)
        if count < 3:
            left = "nobody takes over" if count == 1 else "nothing stands in for the other"
            reason = f"{database.name} has {count} member(s): when one is lost, {left}."
            remedy = f"Have three nodes in {database.group}."
            yield subject.finding(Code.FEW_DATABASE_MEMBERS, (*path, "group"), reason, remedy)


def voters(subject: Subject) -> Iterator[Finding]:
    """Find an etcd of a database that one lost member, or failure domain, stops: then nobody leads."""
    nodes = {node.address.lower(): node for node in subject.cluster.nodes.values()}
    for database, path in _all(subject):
        if database.etcd is None:
            continue
        at: Path = (*path, "etcd", "endpoints")
        count = len(database.etcd.endpoints)
        if count < 3 or count % 2 == 0:
            spare = (count - 1) // 2
            reason = f"of {count} etcd member(s) {spare} may be lost before {database.name} takes no more writes."
            remedy = "Have three or five, and name them all."
            yield subject.finding(Code.FEW_DATABASE_VOTERS, at, reason, remedy)
            continue
        hosts = (url.partition("://")[2].rpartition(":")[0] for url in database.etcd.endpoints)
        found = [nodes[host] for host in hosts if host in nodes]
        domain, held = (
            Counter(node.failure_domain for node in found).most_common(1)[0] if found else ("", 0)
        )
        if count - held < count // 2 + 1:
            reason = f"{held} of {count} etcd members are in {domain}: without it {database.name} takes no writes."
            remedy = "Spread them over three failure domains."
            yield subject.finding(Code.DATABASE_VOTERS_TOGETHER, at, reason, remedy)


def losses(subject: Subject) -> Iterator[Finding]:
    """Say what a failover loses, and how long two may lead."""
    for database, path in _all(subject):
        if not database.synchronous:
            reason = (
                f"a failover of {database.name} may lose what was acknowledged last: up to "
                f"{size_text(database.max_lag)} (maximum_lag_on_failover), and what was written in the "
                f"{duration_text(float(LOOP_SECONDS))} or so since the primary last told etcd how far it is."
            )
            remedy = "Set synchronous: true, if no acknowledged write may be lost."
            yield subject.finding(Code.LOSES_WRITES, path, reason, remedy)
        if database.manage and database.watchdog is not Watchdog.REQUIRED:
            reason = (
                f"a primary of {database.name} that stands still and goes on may take writes for seconds "
                "after another has taken over; only a watchdog device resets it in time."
            )
            remedy = "Give its nodes a watchdog device, and set watchdog: required."
            yield subject.finding(Code.NO_WATCHDOG, path, reason, remedy)


def closed(subject: Subject) -> Iterator[Finding]:
    """Find databases that whoever reaches a port could have fail over."""
    for database, path in _all(subject):
        if database.credentials is None:
            reason = f"whoever reaches port {database.port} can restart {database.name}, or have it fail over."
            remedy = "Give Patroni's REST API a password, and write credentials."
            yield subject.finding(Code.OPEN_PATRONI, path, reason, remedy)
        etcd = database.etcd
        if etcd is not None and (etcd.endpoints[0].startswith("http://") or etcd.cert is None):
            lack = "TLS" if etcd.endpoints[0].startswith("http://") else "cert and key"
            reason = (
                f"without {lack} whoever reaches these endpoints can say who leads {database.name}."
            )
            remedy = "Write https://, ca, cert and key."
            at: Path = (*path, "etcd", "endpoints")
            yield subject.finding(Code.OPEN_DATABASE_ETCD, at, reason, remedy)


def foreign(subject: Subject) -> Iterator[Finding]:
    """Say what somebody else's configuration has to have, since nobody here can see it."""
    for database, path in _all(subject):
        if not database.manage:
            reason = (
                f"Patroni's configuration is somebody else's: where {database.name} does not read "
                f"{database.bar_file} as the last of its files, no member can be kept from leading."
            )
            remedy = "Have Patroni read a folder, whose last file leads there, or set manage: true."
            yield subject.finding(Code.FOREIGN_PATRONI, path, reason, remedy)


def _all(subject: Subject) -> Iterator[tuple[Database, Path]]:
    for database in subject.cluster.databases.values():
        yield database, ("databases", database.name)


DATABASES: tuple[Check, ...] = (members, voters, losses, closed, foreign)
