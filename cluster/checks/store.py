"""The healer's store in etcd: what would take it away, and who could write it."""

from collections import Counter
from collections.abc import Iterator

from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.model import Stores
from cluster.subject import Check, Subject

OF_DATABASES = frozenset({"etcd.service", "patroni.service"})
"""Units beside which an etcd is a database's. Debian's etcd-server brings the first, patroni asks it."""

AT: Path = ("healer", "store", "etcd")


def _nodes(subject: Subject) -> Iterator[tuple[int, str]]:
    """Name the node behind each endpoint; none for one that cluster.yml does not know."""
    for number, name in enumerate(subject.cluster.store_nodes):
        if name is not None:
            yield number, name


def members(subject: Subject) -> Iterator[Finding]:
    """Find an etcd that one lost member stops."""
    etcd = subject.cluster.healer.store.etcd
    if etcd is None:
        return
    count = len(etcd.endpoints)
    if count < 3 or count % 2 == 0:
        spare = (count - 1) // 2
        reason = f"of {count} etcd member(s) {spare} may be lost before nobody can lead any more."
        remedy = "Have three or five, and name them all."
        yield subject.finding(Code.FEW_STORE_MEMBERS, (*AT, "endpoints"), reason, remedy)


def placed(subject: Subject) -> Iterator[Finding]:
    """Find an etcd that a ladder could take away, or that is a database's."""
    etcd = subject.cluster.healer.store.etcd
    if etcd is None:
        return
    for number, node in _nodes(subject):
        path: Path = (*AT, "endpoints", number)
        if not subject.cluster.control(node):
            reason = (
                f"{node} is in no group with role control, so a ladder could take the store away."
            )
            remedy = f"Add {node} to the control group."
            yield subject.finding(Code.STORE_NOT_CONTROL, path, reason, remedy)
        for service in subject.cluster.services_on(node):
            if service.stores is Stores.DATABASE or service.unit in OF_DATABASES:
                reason = f"{node} has the service {service.name} too, and a database's etcd is no store for the healer."
                remedy = "Give the healer an etcd of its own, on nodes of the control group."
                yield subject.finding(Code.STORE_OF_DATABASE, path, reason, remedy)


def spread(subject: Subject) -> Iterator[Finding]:
    """Find an etcd of which one failure domain holds so many members that no majority is left without it."""
    etcd = subject.cluster.healer.store.etcd
    if etcd is None:
        return
    nodes = subject.cluster.nodes
    domains = Counter(nodes[node].failure_domain for _, node in _nodes(subject))
    count = len(etcd.endpoints)
    for domain, held in domains.items():
        # Fewer than three members are found for their number already.
        if count > 2 and count - held < count // 2 + 1:
            reason = (
                f"{held} of {count} etcd members are in the failure domain {domain}, "
                "and nobody leads when it fails."
            )
            remedy = "Spread them over three failure domains."
            yield subject.finding(Code.STORE_IN_ONE_DOMAIN, (*AT, "endpoints"), reason, remedy)


def closed(subject: Subject) -> Iterator[Finding]:
    """Find an etcd that others can listen to or write."""
    etcd = subject.cluster.healer.store.etcd
    if etcd is None:
        return
    if etcd.endpoints[0].startswith("http://"):
        secret = "the journal and the password" if etcd.user else "the journal"
        reason = f"the endpoints are without TLS, so {secret} can be read and changed on the way."
        remedy = "Give etcd certificates, and write https:// and ca."
        yield subject.finding(Code.STORE_WITHOUT_TLS, (*AT, "endpoints"), reason, remedy)
    if etcd.user is None and etcd.cert is None:
        reason = "neither user nor cert, so whoever reaches these endpoints can take the lead and write the journal."
        remedy = "Add user and password_file, or cert and key."
        yield subject.finding(Code.STORE_OPEN, AT, reason, remedy)


STORE: tuple[Check, ...] = (members, placed, spread, closed)
