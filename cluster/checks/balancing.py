"""Virtual addresses and pools: what stands in for a candidate, a balancer or a member that is lost."""

import ipaddress
from collections.abc import Iterator

from cluster.balancing import VirtualAddress
from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.probe import PLACEHOLDER
from cluster.quantity import duration_text
from cluster.subject import Check, Subject

# VRRP's own: three advertisements without a word, and up to one more (RFC 5798, Master_Down_Interval).
ADVERTS = 4


def candidates(subject: Subject) -> Iterator[Finding]:
    """Find addresses that nobody could take over, or whose candidates would keep what they cannot serve."""
    cluster = subject.cluster
    for address in cluster.virtual_addresses.values():
        path: Path = ("virtual_addresses", address.name)
        nodes = cluster.groups[address.group].nodes
        if len(nodes) == 1:
            reason = (
                f"{nodes[0]} is the only candidate for {address.name}, so nobody takes it over."
            )
            remedy = f"Add a second node to {address.group}."
            yield subject.finding(Code.ONE_CANDIDATE, (*path, "group"), reason, remedy)
        if cluster.check_of(address) is None:
            reason = f"nothing asks whether a candidate can serve, so a dead balancer keeps {address.name}."
            remedy = "Add check: {http: ...}, or manage: true to the pool on the same nodes."
            yield subject.finding(Code.UNCHECKED_ADDRESS, path, reason, remedy)
        for node in nodes:
            if _elsewhere(address, cluster.nodes[node].address):
                reason = (
                    f"{address.interface_address} is not in the network of {node} "
                    f"({cluster.nodes[node].address}), so it may not be able to answer for it."
                )
                remedy = "Correct the address or its prefix, if that was not meant."
                yield subject.finding(Code.OTHER_NETWORK, (*path, "address"), reason, remedy)
                break


def _elsewhere(address: VirtualAddress, node: str) -> bool:
    """Say whether an address is of another network than a node's own; only a prefix tells."""
    try:
        own = ipaddress.ip_address(node)
    except ValueError:
        return False
    network = ipaddress.ip_interface(address.interface_address).network
    return address.prefix is not None and own.version == address.version and own not in network


def hurried_owner(subject: Subject) -> Iterator[Finding]:
    """Find a healer that would act before VRRP has had the time that it takes."""
    settled = subject.cluster.healer.guards.owner_settled.address
    for address in subject.cluster.virtual_addresses.values():
        if settled < (needed := ADVERTS * address.advert_interval):
            reason = (
                f"VRRP takes up to {duration_text(needed)} to move {address.name}, longer than "
                f"owner_settled.address ({duration_text(settled)}), so the healer may come in between."
            )
            remedy = "Lengthen healer.guards.owner_settled.address."
            path: Path = ("virtual_addresses", address.name, "advert_interval")
            yield subject.finding(Code.ADDRESS_HURRIED, path, reason, remedy)


def foreign(subject: Subject) -> Iterator[Finding]:
    """Say what somebody else's configuration has to have, since nobody here can see it."""
    for address in subject.cluster.virtual_addresses.values():
        if not address.manage:
            reason = (
                f"keepalived.conf is somebody else's: with nopreempt in it, or without the track file, "
                f"a decline of {address.name} does nothing."
            )
            remedy = "Take over etc/hale/fragments/keepalived.conf, or set manage: true."
            path: Path = ("virtual_addresses", address.name)
            yield subject.finding(Code.FOREIGN_KEEPALIVED, path, reason, remedy)
    for pool in subject.cluster.pools.values():
        if not pool.manage:
            reason = (
                f"haproxy.cfg is somebody else's: with other names in it, or without {pool.socket} and "
                f"{pool.state_file}, no member of {pool.name} can be drained, or stays so."
            )
            remedy = "Take over etc/hale/fragments/haproxy.cfg, or set manage: true."
            yield subject.finding(Code.FOREIGN_HAPROXY, ("pools", pool.name), reason, remedy)


def losses(subject: Subject) -> Iterator[Finding]:
    """Find tiers that one failure domain takes below what users need, or on both sides at once."""
    cluster = subject.cluster
    for pool in cluster.pools.values():
        for key, name in (("balancers", pool.balancers), ("members", pool.members)):
            group = cluster.groups[name]
            domains = [cluster.nodes[node].failure_domain for node in group.nodes]
            worst = max(domains, key=domains.count)
            left = len(domains) - domains.count(worst)
            # One domain for all is found for the group itself.
            if left and left < group.min_available:
                reason = (
                    f"without {worst} {left} of {len(domains)} {key} are left, "
                    f"and {name} needs {group.min_available}."
                )
                remedy = "Spread them over more failure domains, or add nodes."
                yield subject.finding(
                    Code.DOMAIN_TOO_LARGE, ("pools", pool.name, key), reason, remedy
                )
        balancing, serving = (
            {cluster.nodes[node].failure_domain for node in cluster.groups[name].nodes}
            for name in (pool.balancers, pool.members)
        )
        if balancing == serving and pool.balancers != pool.members:
            reason = f"every failure domain has balancers and members of {pool.name}, so each loss takes both."
            remedy = "Put one of the members into a domain of its own."
            yield subject.finding(Code.SHARED_DOMAINS, ("pools", pool.name), reason, remedy)


def watched_balancers(subject: Subject) -> Iterator[Finding]:
    """Find balancers that no ladder heals, and members that are hardly asked."""
    cluster = subject.cluster
    for pool in cluster.pools.values():
        path: Path = ("pools", pool.name)
        for node in cluster.groups[pool.balancers].nodes:
            if pool.unit not in {service.unit for service in cluster.services_on(node)}:
                reason = f"{pool.unit} on {node} is no service here, so nobody restarts a balancer that is stuck."
                remedy = f"Add a service of {pool.balancers} with unit: {pool.unit}."
                yield subject.finding(Code.UNWATCHED_BALANCER, path, reason, remedy)
                break
        probe = cluster.services[pool.service].probe
        if pool.manage and (probe is None or PLACEHOLDER not in (probe.http or "")):
            reason = (
                f"HAProxy can only ask whether members of {pool.name} accept connections, "
                f"so one that answers with errors stays in."
            )
            remedy = f"Give {pool.service} a probe such as {{http: 'http://{PLACEHOLDER}/'}}."
            yield subject.finding(Code.PLAIN_CHECK, path, reason, remedy)


def elsewhere(subject: Subject) -> Iterator[Finding]:
    """Find frontends on an address that not every balancer has: HAProxy does not start without it."""
    cluster = subject.cluster
    for pool in cluster.pools.values():
        host = pool.listens_on
        if not pool.manage or host is None:
            continue
        if (listened := ipaddress.ip_address(host)).is_loopback or listened.is_unspecified:
            continue  # every node has those
        for node in cluster.groups[pool.balancers].nodes:
            own = {cluster.nodes[node].address, *(a.address for a in cluster.addresses_on(node))}
            if host not in own:
                reason = f"{host} is no address of {node} that is known here, and without it HAProxy does not start."
                remedy = "Write '*', or a virtual address of all balancers."
                path: Path = ("pools", pool.name, "listen")
                yield subject.finding(Code.LISTENS_ELSEWHERE, path, reason, remedy)
                break


BALANCING: tuple[Check, ...] = (
    candidates,
    hurried_owner,
    foreign,
    losses,
    watched_balancers,
    elsewhere,
)
