"""Whether backups fit the rest of a cluster.yml.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator

from cluster.document import Document
from cluster.errors import Path, Problem
from cluster.tier import Look, reference

BACKUPS = "backups"


def names(document: Document) -> Iterator[Problem]:
    """Find nodes, groups and services of backups that are not in the file, or stand twice."""
    nodes = list(document.mapping("nodes"))
    groups, services = list(document.mapping("groups")), list(document.mapping("services"))
    for backup in document.mapping(BACKUPS):
        at: Path = (BACKUPS, backup)
        yield from reference(document, (*at, "group"), "group", groups)
        yield from reference(document, (*at, "service"), "service", services)
        words = document.words(*at, "nodes")
        for place, (number, word) in enumerate(words):
            yield from reference(document, (*at, "nodes", number), "node", nodes)
            if word in [earlier for _, earlier in words[:place]]:
                message = f"{word!r} stands here twice."
                yield document.problem((*at, "nodes", number), message, "Remove one.")


def _nodes(document: Document, backup: str) -> set[str]:
    group = document.at(BACKUPS, backup, "group")
    if isinstance(group, str):
        return {word for _, word in document.words("groups", group, "nodes")}
    return {word for _, word in document.words(BACKUPS, backup, "nodes")}


def served_there(document: Document) -> Iterator[Problem]:
    """Find backups whose service does not run where they do: it could not be stopped around a restore."""
    for backup in document.mapping(BACKUPS):
        service = document.at(BACKUPS, backup, "service")
        group = document.at("services", service, "group") if isinstance(service, str) else None
        if not isinstance(group, str):
            continue
        elsewhere = _nodes(document, backup) - {
            w for _, w in document.words("groups", group, "nodes")
        }
        if elsewhere:
            message = f"{service} does not run on {', '.join(sorted(elsewhere))}."
            remedy = f"Write group: {group}, or another service."
            yield document.problem((BACKUPS, backup, "service"), message, remedy)


def put_back(document: Document) -> Iterator[Problem]:
    """Find what a gate is to put back on a control node, and paths that two backups would put back."""
    control = {
        word
        for group in document.mapping("groups")
        if document.at("groups", group, "role") == "control"
        for _, word in document.words("groups", group, "nodes")
    }
    owners: dict[tuple[str, str], str] = {}
    for backup in document.mapping(BACKUPS):
        if document.at(BACKUPS, backup, "restore") is not True:
            continue
        here = _nodes(document, backup)
        if untouched := sorted(here & control):
            message = f"{untouched[0]} is a control node, which no ladder touches."
            yield document.problem((BACKUPS, backup, "restore"), message, "Write restore: false.")
        for number, path in document.words(BACKUPS, backup, "paths"):
            held = [owners.setdefault((node, path), backup) for node in sorted(here)]
            if other := next((one for one in held if one != backup), None):
                message = f"{other} puts {path} back already."
                remedy = "Let one of them have it."
                yield document.problem((BACKUPS, backup, "paths", number), message, remedy)


def names_apart(document: Document) -> Iterator[Problem]:
    """Find databases that are backed up on a node under the name of another backup: they share their reports."""
    for database in document.mapping("databases"):
        if document.at("databases", database, "backup") is None or not document.mapping(
            BACKUPS, database
        ):
            continue
        group = document.at("databases", database, "group")
        members = (
            {w for _, w in document.words("groups", group, "nodes")}
            if isinstance(group, str)
            else set()
        )
        if members & _nodes(document, database):
            message = f"backups.{database} is of the same name, and on the same nodes."
            remedy = "Call one of them something else."
            yield document.problem(("databases", database, "backup"), message, remedy)


KEPT: tuple[Look, ...] = (names, served_there, put_back, names_apart)
