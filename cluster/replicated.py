"""Whether databases, Redis among them, fit the rest of a cluster.yml.

Rule: as in cluster.coherence, what is not shaped as it should be is passed over here.
"""

from collections.abc import Iterator

from cluster.databases import PATRONI_PORT, POSTGRESQL_PORT
from cluster.document import Document, Value
from cluster.errors import Path, Problem
from cluster.fields import is_address, is_ip
from cluster.tier import POOLS, TAKEN, Look, members_of, reference

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
    for database in document.mapping(DATABASES):
        at = (DATABASES, database, "front", "balancers")
        yield from reference(document, at, "group", groups)


def run_by_members(document: Document) -> Iterator[Problem]:
    """Find databases whose members do not run what the database is of, or, of Redis, not its Sentinel."""
    for at in _all(document):
        group, service = document.at(*at, "group"), document.at(*at, "service")
        if not isinstance(service, str) or not isinstance(group, str):
            continue
        runs = document.at("services", service, "group")
        if isinstance(runs, str) and runs != group:
            message = f"{service} is served by the group {runs}, but the members are {group}."
            remedy = f"Write group: {runs}, or a service of {group}."
            yield document.problem((*at, "service"), message, remedy)


def watched_by_members(document: Document) -> Iterator[Problem]:
    """Find a Redis of which one member has no Sentinel of its own, or a Sentinel no Redis."""
    for name in document.mapping(SENTINELS):
        watch = document.at(SENTINELS, name, "watch")
        members = members_of(document, document.at(SENTINELS, name, "group"))
        runs = document.at("services", watch, "group") if isinstance(watch, str) else None
        watchers = members_of(document, runs)
        if members and watchers and set(members) != set(watchers):
            message = f"{watch} runs on {', '.join(watchers)}, and Redis on {', '.join(members)}."
            remedy = "Let both run on the same nodes."
            yield document.problem((SENTINELS, name, "watch"), message, remedy)


def out_of_control(document: Document) -> Iterator[Problem]:
    """Find databases on a control group, whose gates let nothing be changed."""
    paths: list[Path] = [(*at, "group") for at in _all(document)]
    paths += [(DATABASES, n, "front", "balancers") for n in document.mapping(DATABASES)]
    for path in paths:
        group = document.at(*path)
        if isinstance(group, str) and document.at("groups", group, "role") == "control":
            message = f"{group} is a control group, which no ladder touches."
            yield document.problem(path, message, "Put the database on nodes of its own.")


def one_patroni(document: Document) -> Iterator[Problem]:
    """Find databases that share a node and what only one of them can have there."""
    for key, default in ((("service",), None), (("port",), PATRONI_PORT)):
        yield from _shared(document, key, default)
    managed = [
        n for n in document.mapping(DATABASES) if document.at(DATABASES, n, "manage") is True
    ]
    yield from _shared(document, ("postgresql", "port"), POSTGRESQL_PORT, managed)


def _shared(
    document: Document, key: tuple[str, ...], default: Value, among: list[str] | None = None
) -> Iterator[Problem]:
    owners: dict[tuple[str, Value], str] = {}
    for database in document.mapping(DATABASES) if among is None else among:
        path: Path = (DATABASES, database, *key)
        value = document.at(*path)
        value = default if value is None else value
        if not isinstance(value, str | int):
            continue
        for node in members_of(document, document.at(DATABASES, database, "group")):
            if (owner := owners.setdefault((node, value), database)) != database:
                message = f"on {node}, {key[-1]} {value} is already that of {owner}."
                remedy = "Each database of a node has a Patroni of its own."
                yield document.problem(path, message, remedy)
                break


def one_balancer(document: Document) -> Iterator[Problem]:
    """Find fronts that share a balancer with pools, or another front, and disagree about who writes its file."""
    owners: dict[str, tuple[str, Value]] = {}
    for pool in document.mapping(POOLS):
        for node in members_of(document, document.at(POOLS, pool, "balancers")):
            manage = document.mapping(POOLS, pool).get("manage", False)
            owners.setdefault(node, (f"the pool {pool}", manage))
    for database in document.mapping(DATABASES):
        front = document.mapping(DATABASES, database, "front")
        manage = front.get("manage", False)
        for node in members_of(document, front.get("balancers")):
            owner, there = owners.setdefault(node, (f"the database {database}", manage))
            if there != manage:
                said = str(there).lower()
                message = f"{node} is also of {owner}, where manage is {said}."
                remedy = "What shares a node shares its program. Write the same."
                yield document.problem((DATABASES, database, "front", "manage"), message, remedy)
                break


def ports(document: Document) -> Iterator[Problem]:
    """Find what would listen on one port twice, where Hale writes what listens."""
    taken = dict(_of_pools(document))
    ssh = document.mapping("healer").get("ssh_port", 22)
    for database in document.mapping(DATABASES):
        front = document.mapping(DATABASES, database, "front")
        members = members_of(document, document.at(DATABASES, database, "group"))
        own = document.at(DATABASES, database, "postgresql", "port") or POSTGRESQL_PORT
        serving = {(node, own): f"{node} serves as a member" for node in members}
        for key in ("primary", "replicas"):
            port = _port(front.get(key))
            path: Path = (DATABASES, database, "front", key)
            if front.get("manage") is not True or port is None:
                continue
            if owner := TAKEN.get(port) or ("the healer reaches a gate" if port == ssh else ""):
                message = f"port {port} is where {owner}."
                yield document.problem(path, message, "Listen on another port.")
            here = f"{key} of {database} listens"
            for node in members_of(document, front.get("balancers")):
                owner = serving.get((node, port)) or taken.setdefault((node, port), here)
                if owner != here:
                    message = f"on port {port} of {node}, {owner} already."
                    yield document.problem(path, message, "Listen on another port.")
                    break


def _of_pools(document: Document) -> Iterator[tuple[tuple[str, int], str]]:
    for pool in document.mapping(POOLS):
        entry = document.mapping(POOLS, pool)
        port = _port(entry.get("listen", f"*:{entry.get('port')}"))
        for node in members_of(document, entry.get("balancers")):
            if port is not None:
                yield (node, port), f"the pool {pool} listens"


def _port(listen: Value) -> int | None:
    end = listen.rpartition(":")[2] if isinstance(listen, str) else ""
    return int(end) if end.isdecimal() and len(end) < 6 else None


def one_redis(document: Document) -> Iterator[Problem]:
    """Find masters that share a node: render, and the gate, know one Redis and one Sentinel of it."""
    owners: dict[str, str] = {}
    for name in document.mapping(SENTINELS):
        for node in members_of(document, document.at(SENTINELS, name, "group")):
            if (owner := owners.setdefault(node, name)) != name:
                message = f"on {node} there is {owner} already."
                yield document.problem((SENTINELS, name, "group"), message, "Give each its nodes.")
                break


def by_address(document: Document) -> Iterator[Problem]:
    """Find members whose address is a name: Sentinel tells them by their IP addresses."""
    for name in document.mapping(SENTINELS):
        for node in members_of(document, document.at(SENTINELS, name, "group")):
            address = document.at("nodes", node, "address")
            if isinstance(address, str) and is_address(address) and not is_ip(address):
                message = f"Sentinel tells its members by IP addresses, and {address} is a name."
                yield document.problem(("nodes", node, "address"), message, "Write the IP address.")


def whole(document: Document) -> Iterator[Problem]:
    """Find a managed Redis of which nobody says what its Sentinel is, and names that mean two things to a gate."""
    for name in document.mapping(SENTINELS):
        if document.at(SENTINELS, name, "manage") is True and not document.at(
            SENTINELS, name, "watch"
        ):
            message = "with manage: true render writes how Sentinel starts too, and nobody says what that is."
            remedy = "Name the service of Sentinel as `watch`."
            yield document.problem((SENTINELS, name, "manage"), message, remedy)
        if name in document.mapping(DATABASES):
            message = f"{name} is the name of a database that Patroni runs."
            yield document.problem((SENTINELS, name), message, "Give it another name.")


def agreed(document: Document) -> Iterator[Problem]:
    """Find a quorum that is more than there are Sentinels."""
    for name in document.mapping(SENTINELS):
        path: Path = (SENTINELS, name, "quorum")
        quorum, members = (
            document.at(*path),
            members_of(document, document.at(SENTINELS, name, "group")),
        )
        if isinstance(quorum, int) and not isinstance(quorum, bool) and quorum > len(members) > 0:
            message = f"{quorum} Sentinels have to agree, and there are {len(members)}."
            yield document.problem(
                path, message, f"Write {len(members) // 2 + 1}, or leave it out."
            )


REPLICATED: tuple[Look, ...] = (
    *(names, run_by_members, out_of_control, one_patroni, one_balancer, ports),
    *(watched_by_members, one_redis, by_address, whole, agreed),
)
