"""Whether each etcd of a cluster.yml, the healers' store and those of databases, has nodes and ports of its own.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from cluster.document import Document, Value
from cluster.errors import Path, Problem
from cluster.fields import is_ip, usual
from cluster.settings import EXPORTER_PORT
from cluster.store import ETCD_METRICS_PORT, PEER_PORT
from cluster.tier import Look

STORE: Path = ("healer", "store", "etcd")


def etcds(document: Document) -> list[Path]:
    """Return where an etcd stands, that of the healers' store first."""
    return [STORE, *(("databases", name, "etcd") for name in document.mapping("databases"))]


def members(document: Document) -> Iterator[Problem]:
    """Find members that render is to write files for, and of which it does not know where they run."""
    nodes = {usual(str(document.at("nodes", n, "address"))) for n in document.mapping("nodes")}
    own = (PEER_PORT, ETCD_METRICS_PORT, EXPORTER_PORT)
    for at in etcds(document):
        if document.at(*at, "manage") is not True:
            continue
        for number, url in document.words(*at, "endpoints"):
            path: Path = (*at, "endpoints", number)
            if (parts := _parts(url)) is None:
                continue  # no URL at all; the model says so
            host, port, below = parts
            if host not in nodes:
                message = f"{host!r} is no node's address, and manage: true makes a member of each."
                remedy = "Write the address of a node, or manage: false."
                yield document.problem(path, message, remedy)
            elif not is_ip(host):
                message = f"etcd listens on IP addresses alone, and {host!r} is a name."
                yield document.problem(path, message, "Write the IP address.")
            elif port is None or port in own or below.strip("/"):
                message = f"{url} is not where a member can listen for clients."
                yield document.problem(path, message, "End it in :2379.")


def apart(document: Document) -> Iterator[Problem]:
    """Find a database whose etcd is the healers' store: what takes one away would take both."""
    store = {_where(url) for _, url in document.words(*STORE, "endpoints")}
    for at in etcds(document)[1:]:
        for number, url in document.words(*at, "endpoints"):
            if _where(url) in store:
                message = (
                    f"{url} is the healers' store, and a database's etcd is no store for them."
                )
                remedy = "Give the database an etcd of its own, as on its own members."
                yield document.problem((*at, "endpoints", number), message, remedy)
                break


def one_member(document: Document) -> Iterator[Problem]:
    """Find nodes that would be a member of two etcds: Debian's package runs one."""
    owners: dict[str, tuple[Path, Value]] = {}
    for at in etcds(document):
        if document.at(*at, "manage") is not True:
            continue
        settings: Value = {key: document.at(*at, key) for key in ("endpoints", "ca", "cert", "key")}
        for number, url in document.words(*at, "endpoints"):
            host = (_parts(url) or ("",))[0]
            owner, there = owners.setdefault(host, (at, settings))
            if there != settings:
                message = f"{host} is a member of another etcd already, that of {'.'.join(map(str, owner))}."
                remedy = "Write the same etcd for both databases, or have one on other nodes."
                yield document.problem((*at, "endpoints", number), message, remedy)
                break


def _parts(url: str) -> tuple[str, int | None, str] | None:
    """Return host, port and path of a URL; None where it is none."""
    try:
        parts = urlsplit(url)
        return usual(parts.hostname or ""), parts.port, parts.path
    except ValueError:
        return None


def _where(url: str) -> tuple[str, int | None]:
    host, port, _ = _parts(url) or (url, None, "")
    return host, port


ETCDS: tuple[Look, ...] = (members, apart, one_member)
