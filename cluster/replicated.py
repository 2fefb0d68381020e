"""Whether databases fit the rest of a cluster.yml.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator

from cluster.databases import PATRONI_PORT
from cluster.document import Document, Value
from cluster.errors import Path, Problem
from cluster.tier import Look, reference

DATABASES = "databases"


def names(document: Document) -> Iterator[Problem]:
    """Find groups and services of databases that are not in the file."""
    groups, services = list(document.mapping("groups")), list(document.mapping("services"))
    for database in document.mapping(DATABASES):
        yield from reference(document, (DATABASES, database, "group"), "group", groups)
        yield from reference(document, (DATABASES, database, "service"), "service", services)


def run_by_members(document: Document) -> Iterator[Problem]:
    """Find databases whose members do not run what the database is of."""
    for database in document.mapping(DATABASES):
        entry = document.mapping(DATABASES, database)
        service, group = entry.get("service"), entry.get("group")
        if not isinstance(service, str) or not isinstance(group, str):
            continue
        runs = document.at("services", service, "group")
        if isinstance(runs, str) and runs != group:
            message = f"{service} is served by the group {runs}, but the members are {group}."
            remedy = f"Write group: {runs}, or a service of {group}."
            yield document.problem((DATABASES, database, "service"), message, remedy)


def out_of_control(document: Document) -> Iterator[Problem]:
    """Find databases on a control group, whose gates let nothing be changed."""
    for database in document.mapping(DATABASES):
        path: Path = (DATABASES, database, "group")
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


def nodes(document: Document, group: Value) -> list[str]:
    """Name a group's nodes, as far as they are written as names."""
    return (
        [w for _, w in document.words("groups", group, "nodes")] if isinstance(group, str) else []
    )


REPLICATED: tuple[Look, ...] = (names, run_by_members, out_of_control, one_patroni)
