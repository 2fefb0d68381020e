"""Whether Pacemaker clusters fit the rest of a cluster.yml.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator

from cluster.document import Document
from cluster.errors import Problem
from cluster.tier import Look, members_of, reference

PACEMAKERS = "pacemakers"


def names(document: Document) -> Iterator[Problem]:
    """Find groups and services that are not in the file."""
    groups, services = list(document.mapping("groups")), list(document.mapping("services"))
    for name in document.mapping(PACEMAKERS):
        yield from reference(document, (PACEMAKERS, name, "group"), "group", groups)
        for resource in document.mapping(PACEMAKERS, name, "resources"):
            path = (PACEMAKERS, name, "resources", resource)
            yield from reference(document, path, "service", services)


def run_by_members(document: Document) -> Iterator[Problem]:
    """Find resources that run a service of other nodes, or one that another resource runs."""
    for name in document.mapping(PACEMAKERS):
        group, owners = document.at(PACEMAKERS, name, "group"), dict[str, str]()
        for resource, service in document.mapping(PACEMAKERS, name, "resources").items():
            if not isinstance(service, str) or not isinstance(group, str):
                continue
            path = (PACEMAKERS, name, "resources", resource)
            runs = document.at("services", service, "group")
            if isinstance(runs, str) and runs != group:
                message = f"{service} is served by the group {runs}, but the members are {group}."
                yield document.problem(path, message, f"Name a service of {group}.")
            elif (owner := owners.setdefault(service, resource)) != resource:
                message = f"{service} is what {owner} runs already."
                yield document.problem(path, message, "Give each resource a service of its own.")


def one_each(document: Document) -> Iterator[Problem]:
    """Find clusters that share a node, which has one Pacemaker, and those on a control group."""
    owners: dict[str, str] = {}
    for name in document.mapping(PACEMAKERS):
        path = (PACEMAKERS, name, "group")
        group = document.at(*path)
        if isinstance(group, str) and document.at("groups", group, "role") == "control":
            message = f"{group} is a control group, which no ladder touches."
            yield document.problem(path, message, "Name a group of its own.")
        for node in members_of(document, group):
            if (owner := owners.setdefault(node, name)) != name:
                message = f"on {node} there is {owner} already."
                yield document.problem(path, message, "A node is in one Pacemaker cluster.")
                break


PACED: tuple[Look, ...] = (names, run_by_members, one_each)
