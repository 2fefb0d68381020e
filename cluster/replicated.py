"""Whether databases, Redis among them, fit the rest of a cluster.yml.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator

from cluster.databases import PATRONI_PORT
from cluster.document import Document, Value
from cluster.errors import Path, Problem
from cluster.fields import is_address, is_ip
from cluster.tier import Look, reference

DATABASES, SENTINELS = "databases", "sentinels"


def _all(document: Document) -> Iterator[Path]:
    for block in (DATABASES, SENTINELS):
        for name in document.mapping(block):
            yield block, name


def names(document: Document) -> Iterator[Problem]:
    """Find groups and services of databases that are not in the file."""
    groups, services = list(document.mapping("groups")), list(document.mapping("services"))
    for at in _all(document):
        yield from reference(document, (*at, "group"), "group", groups)
        yield from reference(document, (*at, "service"), "service", services)
        yield from reference(document, (*at, "watch"), "service", services)


def run_by_members(document: Document) -> Iterator[Problem]:
    """Find databases whose members do not run what the database is of."""
    for at in _all(document):
        group = document.at(*at, "group")
        for key in ("service", "watch"):
            service = document.at(*at, key)
            if not isinstance(service, str) or not isinstance(group, str):
                continue
            runs = document.at("services", service, "group")
            if isinstance(runs, str) and runs != group:
                message = f"{service} is served by the group {runs}, but the members are {group}."
                remedy = f"Write group: {runs}, or a service of {group}."
                yield document.problem((*at, key), message, remedy)


def out_of_control(document: Document) -> Iterator[Problem]:
    """Find databases on a control group, whose gates let nothing be changed."""
    for at in _all(document):
        path: Path = (*at, "group")
        group = document.at(*path)
        if isinstance(group, str) and document.at("groups", group, "role") == "control":
            message = f"{group} is a control group, which no ladder touches."
            yield document.problem(path, message, "Put the database on nodes of its own.")


def one_patroni(document: Document) -> Iterator[Problem]:
    """Find databases that share a node and what only one Patroni of it can have."""
    shared = (("service", None), ("port", PATRONI_PORT))
    for key, default in shared:
        owners: dict[tuple[str, Value], str] = {}
        for database in document.mapping(DATABASES):
            entry = document.mapping(DATABASES, database)
            value = entry.get(key, default)
            if not isinstance(value, str | int):
                continue
            for node in nodes(document, entry.get("group")):
                if (owner := owners.setdefault((node, value), database)) != database:
                    message = f"on {node}, {key} {value} is already that of {owner}."
                    remedy = "Each database of a node has a Patroni of its own."
                    yield document.problem((DATABASES, database, key), message, remedy)
                    break


def one_redis(document: Document) -> Iterator[Problem]:
    """Find masters that share a node: render, and the gate, know one Redis and one Sentinel of it."""
    owners: dict[str, str] = {}
    for name in document.mapping(SENTINELS):
        for node in nodes(document, document.at(SENTINELS, name, "group")):
            if (owner := owners.setdefault(node, name)) != name:
                message = f"on {node} there is {owner} already."
                yield document.problem((SENTINELS, name, "group"), message, "Give each its nodes.")
                break


def by_address(document: Document) -> Iterator[Problem]:
    """Find members whose address is a name: Sentinel tells them by their IP addresses."""
    for name in document.mapping(SENTINELS):
        for node in nodes(document, document.at(SENTINELS, name, "group")):
            address = document.at("nodes", node, "address")
            if isinstance(address, str) and is_address(address) and not is_ip(address):
                message = f"Sentinel tells its members by IP addresses, and {address} is a name."
                yield document.problem(("nodes", node, "address"), message, "Write the IP address.")


def agreed(document: Document) -> Iterator[Problem]:
    """Find a quorum that is more than there are Sentinels."""
    for name in document.mapping(SENTINELS):
        path: Path = (SENTINELS, name, "quorum")
        quorum, members = (
            document.at(*path),
            nodes(document, document.at(SENTINELS, name, "group")),
        )
        if isinstance(quorum, int) and not isinstance(quorum, bool) and quorum > len(members) > 0:
            message = f"{quorum} Sentinels have to agree, and there are {len(members)}."
            yield document.problem(
                path, message, f"Write {len(members) // 2 + 1}, or leave it out."
            )


def nodes(document: Document, group: Value) -> list[str]:
    """Name a group's nodes, as far as they are written as names."""
    return (
        [w for _, w in document.words("groups", group, "nodes")] if isinstance(group, str) else []
    )


REPLICATED: tuple[Look, ...] = (
    *(names, run_by_members, out_of_control, one_patroni, one_redis),
    *(by_address, agreed),
)
