"""Power devices: nodes that nobody could fence when it counts, and services that need it."""

from collections.abc import Iterator

from cluster.finding import Code, Finding
from cluster.model import UNKNOWN_DOMAIN, Cluster
from cluster.subject import Check, Subject


def exclusive_on(cluster: Cluster, node: str) -> tuple[str, ...]:
    """Name the services that only one node of several may run at a time, and that this one may run."""
    return tuple(
        service.name
        for service in cluster.services_on(node)
        if service.exclusive and len(cluster.groups[service.group].nodes) > 1
    )


def unfenced(subject: Subject) -> Iterator[Finding]:
    """Find exclusive services that nothing can take from a node that hangs. Pacemaker fences for those that it runs."""
    cluster = subject.cluster
    for service in cluster.services.values():
        nodes = cluster.groups[service.group].nodes
        without = [node for node in nodes if not cluster.fencing_hosts(node)]
        alone = service.exclusive and service.name not in cluster.paced
        if alone and len(nodes) > 1 and without:
            reason = (
                f"{service.name} runs on one node at a time, and nobody can fence {', '.join(without)}: "
                "when such a node hangs, nothing takes over."
            )
            remedy = (
                "Give the node power:, with a fencing host besides itself, or plan for a person."
            )
            path = ("services", service.name, "exclusive")
            yield subject.finding(Code.EXCLUSIVE_UNFENCED, path, reason, remedy)


def together(subject: Subject) -> Iterator[Finding]:
    """Find nodes of which every fencing host may fail with them."""
    cluster = subject.cluster
    for node in cluster.nodes.values():
        hosts = cluster.fencing_hosts(node.name)
        if hosts and all(_fails_with(cluster, host, node.name) for host in hosts):
            reason = (
                f"{' and '.join(hosts)} may fail together with {node.name}: they share its failure domain "
                "or its power device."
            )
            remedy = f"Add a fencing host elsewhere to power.{node.power}.hosts."
            path = ("nodes", node.name, "power")
            yield subject.finding(Code.FENCERS_TOGETHER, path, reason, remedy)


def _fails_with(cluster: Cluster, host: str, node: str) -> bool:
    one, other = cluster.nodes[host], cluster.nodes[node]
    same = one.failure_domain == other.failure_domain or UNKNOWN_DOMAIN in (
        one.failure_domain,
        other.failure_domain,
    )
    wide = any({host, node} <= set(domain.nodes) for domain in cluster.failure_domains.values())
    return same or wide or one.power == other.power


def own_feed(subject: Subject) -> Iterator[Finding]:
    """Find controllers that die with the power of what they cut, where a service waits for their word."""
    cluster = subject.cluster
    for node in cluster.nodes.values():
        device = cluster.power[node.power] if node.power is not None else None
        services = exclusive_on(cluster, node.name)
        if (
            device is not None
            and device.on_own_feed
            and services
            and cluster.fencing_hosts(node.name)
        ):
            reason = (
                f"{device.name} lives on the power of {node.name}: when that fails nobody can tell that it is off, "
                f"and {', '.join(services)} waits for a person."
            )
            remedy = (
                "Take a device with a feed of its own, as a switched PDU, or plan for a person."
            )
            yield subject.finding(Code.OWN_FEED, ("nodes", node.name, "power"), reason, remedy)


def never(subject: Subject) -> Iterator[Finding]:
    """Find nodes with a power device that nobody will ever use."""
    cluster = subject.cluster
    for node in cluster.nodes.values():
        if node.power is None or cluster.fencing_hosts(node.name):
            continue
        if cluster.control(node.name) or cluster.keeps_watch(node.name):
            reason = f"{node.name} is of the control plane, which nothing fences."
            remedy = "Leave power: out, or keep it for people."
        else:
            reason = (
                f"{node.name} is the only fencing host of {node.power}, and no node fences itself."
            )
            remedy = f"Add another node to power.{node.power}.hosts."
        yield subject.finding(Code.NEVER_FENCED, ("nodes", node.name, "power"), reason, remedy)


FENCING: tuple[Check, ...] = (unfenced, together, own_feed, never)
