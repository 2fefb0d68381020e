"""Whether virtual addresses, pools and what may be reclaimed fit the rest of a cluster.yml.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

import ipaddress
from collections.abc import Callable, Iterator, Sequence

from cluster.balancing import HEALTH_PORT, METRICS_PORT, MOST_CANDIDATES
from cluster.document import Document, Value
from cluster.errors import Path, Problem, did_you_mean
from cluster.ladder import Action
from cluster.settings import EXPORTER_PORT

Look = Callable[[Document], Iterator[Problem]]

ADDRESSES, POOLS = "virtual_addresses", "pools"


def reference(document: Document, path: Path, kind: str, known: Sequence[str]) -> Iterator[Problem]:
    """Find a name that nothing in the file has."""
    word = document.at(*path)
    if isinstance(word, str) and word not in known:
        yield document.problem(path, f"unknown {kind} {word!r}.", did_you_mean(word, known))


def names(document: Document) -> Iterator[Problem]:
    """Find groups and services of addresses and pools that are not in the file."""
    groups, services = list(document.mapping("groups")), list(document.mapping("services"))
    for address in document.mapping(ADDRESSES):
        yield from reference(document, (ADDRESSES, address, "group"), "group", groups)
    for pool in document.mapping(POOLS):
        for key in ("balancers", "members"):
            yield from reference(document, (POOLS, pool, key), "group", groups)
        yield from reference(document, (POOLS, pool, "service"), "service", services)


def readable_names(document: Document) -> Iterator[Problem]:
    """Find names that a gate, or HAProxy, would take for something else."""
    for address in document.mapping(ADDRESSES):
        if address.endswith((".service", ".mount", ".socket", ".target", ".timer")):
            message = f"a gate would take {address!r} for a unit."
            yield document.problem((ADDRESSES, address), message, "Give it another name.")
    for pool in document.mapping(POOLS):
        if pool.startswith("hale-"):
            message = "names that begin with hale- are for HAProxy's frontends of Hale's own."
            yield document.problem((POOLS, pool), message, "Give it another name.")


def addresses(document: Document) -> Iterator[Problem]:
    """Find virtual addresses that are a node's own or stand twice."""
    owners: dict[object, str] = {}
    for node in document.mapping("nodes"):
        owners.setdefault(_ip(document.at("nodes", node, "address")), f"the address of {node}")
    for address in document.mapping(ADDRESSES):
        path: Path = (ADDRESSES, address, "address")
        found = _ip(document.at(*path))
        if found is None:
            continue
        if (owner := owners.setdefault(found, f"the virtual address {address}")) and (
            owner != f"the virtual address {address}"
        ):
            message = f"{found} is already {owner}."
            yield document.problem(path, message, "Each virtual address is one of its own.")


def _ip(text: Value) -> object:
    try:
        return ipaddress.ip_address(text) if isinstance(text, str) else None
    except ValueError:
        return None


def candidates(document: Document) -> Iterator[Problem]:
    """Find addresses with more candidates than VRRP's priorities can tell apart."""
    for address in document.mapping(ADDRESSES):
        path: Path = (ADDRESSES, address, "group")
        count = len(members_of(document, document.at(*path)))
        if count > MOST_CANDIDATES:
            message = f"{count} candidates are more than VRRP can put in an order."
            yield document.problem(path, message, f"Write a group of at most {MOST_CANDIDATES}.")


def router_ids(document: Document) -> Iterator[Problem]:
    """Find addresses that would answer each other's advertisements: neither would have an owner."""
    owners: dict[object, str] = {}
    for address in document.mapping(ADDRESSES):
        path: Path = (ADDRESSES, address, "router_id")
        number, interface = document.at(*path), document.at(ADDRESSES, address, "interface")
        found = _ip(document.at(ADDRESSES, address, "address"))
        if not isinstance(number, int) or not isinstance(interface, str) or found is None:
            continue
        family = isinstance(found, ipaddress.IPv6Address)
        if (owner := owners.setdefault((number, interface, family), address)) != address:
            message = f"router_id {number} on {interface} is already that of {owner}."
            yield document.problem(path, message, "Write another one, from 1 to 255.")


def served_by_members(document: Document) -> Iterator[Problem]:
    """Find pools whose members do not run what the pool is for."""
    for pool in document.mapping(POOLS):
        service, members = document.at(POOLS, pool, "service"), document.at(POOLS, pool, "members")
        if not isinstance(service, str) or not isinstance(members, str):
            continue
        group = document.at("services", service, "group")
        if isinstance(group, str) and group != members:
            message = f"{service} is served by the group {group}, but the members are {members}."
            remedy = f"Write members: {group}, or a service of {members}."
            yield document.problem((POOLS, pool, "service"), message, remedy)


def out_of_control(document: Document) -> Iterator[Problem]:
    """Find tiers on a control group, whose gates let nothing be changed."""
    keys = [(ADDRESSES, name, "group") for name in document.mapping(ADDRESSES)]
    keys += [(POOLS, n, key) for n in document.mapping(POOLS) for key in ("balancers", "members")]
    for path in keys:
        group = document.at(*path)
        if isinstance(group, str) and document.at("groups", group, "role") == "control":
            message = f"{group} is a control group, which no ladder touches."
            yield document.problem(path, message, "Put the tier on nodes of its own.")


def hales_balancer(document: Document) -> Iterator[Problem]:
    """Find pools whose balancer is a part of Hale."""
    for pool in document.mapping(POOLS):
        unit = document.at(POOLS, pool, "unit")
        if isinstance(unit, str) and unit.startswith("hale-"):
            message = f"{unit} is a part of Hale itself."
            yield document.problem((POOLS, pool, "unit"), message, "Write the balancer's unit.")


# Of one program on one node: its configuration is one file, and it has one socket.
_ONE_PROGRAM: tuple[tuple[str, str, str, Value], ...] = (
    (ADDRESSES, "group", "manage", False),
    (POOLS, "balancers", "manage", False),
    (POOLS, "balancers", "unit", "haproxy.service"),
    (POOLS, "balancers", "socket", "/run/haproxy/admin.sock"),
    (POOLS, "balancers", "state_file", "/var/lib/haproxy/hale-state"),
)


def one_program(document: Document) -> Iterator[Problem]:
    """Find addresses or pools that share a node and disagree about the program that both are in."""
    for block, group, key, default in _ONE_PROGRAM:
        first: dict[str, tuple[str, Value]] = {}
        for name in document.mapping(block):
            entry = document.mapping(block, name)
            value = entry.get(key, default)
            for node in members_of(document, entry.get(group)):
                owner, there = first.setdefault(node, (name, value))
                if there != value:
                    message = f"{node} is also of {owner}, where {key} is {_text(there)}."
                    remedy = "What shares a node shares its program. Write the same."
                    yield document.problem((block, name, key), message, remedy)
                    break


def members_of(document: Document, group: Value) -> list[str]:
    """Name a group's nodes, as far as they are written as names."""
    return (
        [w for _, w in document.words("groups", group, "nodes")] if isinstance(group, str) else []
    )


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


TAKEN = {
    HEALTH_PORT: "HAProxy tells of its own health",
    METRICS_PORT: "HAProxy tells its own figures",
    EXPORTER_PORT: "a node's exporter listens",
}


def ports(document: Document) -> Iterator[Problem]:
    """Find what would listen on one port twice, where Hale writes what listens."""
    taken: dict[tuple[str, int], str] = {}
    for pool in document.mapping(POOLS):
        entry = document.mapping(POOLS, pool)
        port = entry.get("port")
        listen = entry.get("listen", f"*:{port}")
        if entry.get("manage") is not True or not isinstance(listen, str):
            continue
        path: Path = (POOLS, pool, "listen" if "listen" in entry else "port")
        end = listen.rpartition(":")[2]
        number = int(end) if end.isdecimal() and len(end) < 6 else 0
        if number in TAKEN or number == document.mapping("healer").get("ssh_port", 22):
            owner = TAKEN.get(number, "the healer reaches a gate")
            yield document.problem(
                path, f"port {number} is where {owner}.", "Listen on another port."
            )
        members = set(members_of(document, entry.get("members")))
        for node in members_of(document, entry.get("balancers")):
            owner = taken.setdefault((node, number), f"the pool {pool} listens")
            if owner == f"the pool {pool} listens" and node in members and number == port:
                owner = f"{node} serves as a member"
            if owner != f"the pool {pool} listens":
                message = f"on port {number} of {node}, {owner} already."
                yield document.problem(path, message, "Listen on another port.")
                break


def reclaimed_twice(document: Document) -> Iterator[Problem]:
    """Find files that two entries speak of: which `keep` counts nobody could tell."""
    owners: dict[tuple[str, str, str], Path] = {}
    for service in document.mapping("services"):
        group = document.at("services", service, "group")
        entries = document.at("services", service, "reclaim")
        for number in range(len(entries) if isinstance(entries, list) else 0):
            path: Path = ("services", service, "reclaim", number)
            where, match = document.at(*path, "path"), document.at(*path, "match")
            if not all(isinstance(value, str) for value in (group, where, match)):
                continue
            if owners.setdefault((str(group), str(where), str(match)), path) != path:
                message = f"{match} in {where} of {group} stands here twice."
                yield document.problem(path, message, "Keep one of the two.")


def rungs_without_a_target(document: Document) -> Iterator[Problem]:
    """Find rungs that nothing in this file could ever apply to."""
    pools = [document.at(POOLS, pool, "service") for pool in document.mapping(POOLS)]
    for ladder in document.mapping("ladders"):
        rungs = document.at("ladders", ladder, "rungs")
        for number in range(len(rungs) if isinstance(rungs, list) else 0):
            path: Path = ("ladders", ladder, "rungs", number)
            service = document.at(*path, "service")
            match document.at(*path, "action"):
                case Action.POOL_DRAIN if not pools:
                    message = "there is no pool, so this rung can never apply."
                    yield document.problem(path, message, "Remove it, or add pools.")
                case Action.POOL_DRAIN if service is not None and service not in pools:
                    message = f"{service} is in no pool, so this rung can never apply."
                    yield document.problem(path, message, "Remove it, or add a pool of it.")
                case Action.ADDRESS_DECLINE if not document.mapping(ADDRESSES):
                    message = "there is no virtual address, so this rung can never apply."
                    yield document.problem(path, message, "Remove it, or add virtual_addresses.")


TIER: tuple[Look, ...] = (
    names,
    readable_names,
    addresses,
    candidates,
    router_ids,
    served_by_members,
    out_of_control,
    hales_balancer,
    one_program,
    ports,
    reclaimed_twice,
    rungs_without_a_target,
)
