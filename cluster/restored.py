"""Whether what Hale may put back of backups is nobody else's: another backup's, or a database's.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.document import Document
from cluster.errors import Path, Problem
from cluster.tier import Look, members_of

BACKUPS = "backups"


@dataclass(frozen=True, slots=True)
class _PutBack:
    """One path that a gate may put back."""

    at: Path
    backup: str
    path: str
    nodes: frozenset[str]


def _put_back(document: Document) -> Iterator[_PutBack]:
    for backup in document.mapping(BACKUPS):
        if document.at(BACKUPS, backup, "restore") is not True:
            continue
        group = members_of(document, document.at(BACKUPS, backup, "group"))
        nodes = frozenset((*group, *(word for _, word in document.words(BACKUPS, backup, "nodes"))))
        for number, path in document.words(BACKUPS, backup, "paths"):
            yield _PutBack((BACKUPS, backup, "paths", number), backup, path, nodes)


def inside(document: Document) -> Iterator[Problem]:
    """Find paths that another backup puts back with what is around them."""
    found = list(_put_back(document))
    for one in found:
        for other in found:
            same = one.backup == other.backup  # told by the model, as of any backup
            if not same and one.path.startswith(f"{other.path}/") and one.nodes & other.nodes:
                message = f"{other.backup} puts {other.path} back, and {one.path} with it."
                yield document.problem(one.at, message, "Let one of them have it.")
                break


def of_databases(document: Document) -> Iterator[Problem]:
    """Find backups that would come under a database: older than what it acknowledged, past its other members."""
    kept = [
        document.at(block, name, key)
        for block in ("databases", "sentinels")
        for name in document.mapping(block)
        for key in ("service", "watch")
    ]
    for backup in document.mapping(BACKUPS):
        service = document.at(BACKUPS, backup, "service")
        if document.at(BACKUPS, backup, "restore") is not True or not isinstance(service, str):
            continue
        if service in kept or document.at("services", service, "stores") == "database":
            message = f"{service} is a database: its files in a backup are older than what it acknowledged."
            remedy = "Write restore: false. A member is copied anew from another one, or a person recovers it."
            yield document.problem((BACKUPS, backup, "restore"), message, remedy)


RESTORED: tuple[Look, ...] = (inside, of_databases)
