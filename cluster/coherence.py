"""Whether the parts of a cluster.yml fit each other.

It looks at the plain document, so that these mistakes are told together with those of shape.
Rule: what is not shaped as it should be is passed over here; the model reports it.
"""

from collections import Counter
from collections.abc import Iterator

from cluster.document import Document
from cluster.errors import Path, Problem
from cluster.etcds import ETCDS, etcds
from cluster.fields import usual
from cluster.kept import KEPT
from cluster.ladder import EXPORTER
from cluster.model import UNKNOWN_DOMAIN
from cluster.pacing import PACED
from cluster.plugs import POWER
from cluster.replicated import REPLICATED
from cluster.restored import RESTORED
from cluster.tier import TIER, Look, reference

SHORT = {"ServiceDown": "Set the probe's fall instead.", "NodeFailing": "Leave it out."}
"""Alerts whose rules have no `for`, so that the exporter may post them itself, and what to do for who wants one."""


def judge(document: Document) -> list[Problem]:
    """Return every contradiction, in no order."""
    return [problem for look in LOOKS for problem in look(document)]


def references(document: Document) -> Iterator[Problem]:
    """Find names of nodes, groups and services that are not in the file."""
    nodes, groups = list(document.mapping("nodes")), list(document.mapping("groups"))
    services, windows = list(document.mapping("services")), list(document.mapping("windows"))
    for group in groups:
        for number, _ in document.words("groups", group, "nodes"):
            yield from reference(document, ("groups", group, "nodes", number), "node", nodes)
    for domain in document.mapping("failure_domains"):
        for number, _ in document.words("failure_domains", domain, "nodes"):
            at = ("failure_domains", domain, "nodes", number)
            yield from reference(document, at, "node", nodes)
    for window in document.mapping("maintenance"):
        for key, kind, known in (("nodes", "node", nodes), ("groups", "group", groups)):
            for number, _ in document.words("maintenance", window, key):
                yield from reference(document, ("maintenance", window, key, number), kind, known)
    for service in services:
        yield from reference(document, ("services", service, "group"), "group", groups)
        for number, _ in document.words("services", service, "depends_on"):
            at = ("services", service, "depends_on", number)
            yield from reference(document, at, "service", services)
    for ladder in document.mapping("ladders"):
        rungs = document.at("ladders", ladder, "rungs")
        for number in range(len(rungs) if isinstance(rungs, list) else 0):
            rung: Path = ("ladders", ladder, "rungs", number)
            yield from reference(document, (*rung, "service"), "service", [*services, EXPORTER])
            for kind, known in (("group", groups), ("window", windows)):
                for place, _ in document.words(*rung, "when", kind):
                    yield from reference(document, (*rung, "when", kind, place), kind, known)
    yield from reference(document, ("healer", "node"), "node", nodes)
    for number, _ in document.words("healer", "nodes"):
        yield from reference(document, ("healer", "nodes", number), "node", nodes)
    for number, _ in document.words("monitoring", "nodes"):
        yield from reference(document, ("monitoring", "nodes", number), "node", nodes)


def twice(document: Document) -> Iterator[Problem]:
    """Find what may stand only once: addresses, and members of a list of names."""
    owners: dict[str, str] = {}
    for node in document.mapping("nodes"):
        address = document.at("nodes", node, "address")
        spelled = usual(address) if isinstance(address, str) else ""
        if spelled and (owner := owners.setdefault(spelled, node)) != node:
            message = f"{address} is already the address of {owner}."
            remedy = "Each node needs an address of its own."
            yield document.problem(("nodes", node, "address"), message, remedy)
    lists: list[Path] = [("groups", group, "nodes") for group in document.mapping("groups")]
    lists += [("failure_domains", one, "nodes") for one in document.mapping("failure_domains")]
    windows = document.mapping("maintenance")
    lists += [("maintenance", one, key) for one in windows for key in ("nodes", "groups")]
    lists += [("services", s, "depends_on") for s in document.mapping("services")]
    lists += [(*at, "endpoints") for at in etcds(document)]
    lists += [("healer", "nodes")]
    lists += [("monitoring", "nodes"), ("monitoring", "alertmanagers")]
    lists += [("power", device, "hosts") for device in document.mapping("power")]
    for path in lists:
        words = document.words(*path)
        counts = Counter(word for _, word in words)
        for number, word in words:
            if counts[word] > 1 and (number, word) != next(w for w in words if w[1] == word):
                yield document.problem(
                    (*path, number), f"{word!r} stands here twice.", "Remove one."
                )


def domains(document: Document) -> Iterator[Problem]:
    """Find failure domains that nodes name themselves, and such as could never be lost as a whole."""
    named = {document.at("nodes", node, "failure_domain") for node in document.mapping("nodes")}
    for domain in document.mapping("failure_domains"):
        at: Path = ("failure_domains", domain)
        if domain in named or domain == UNKNOWN_DOMAIN:
            message = f"nodes say by themselves that they are in {domain}."
            yield document.problem(at, message, "Give what they share besides another name.")
        nodes = document.at(*at, "nodes")
        if isinstance(nodes, list) and len(nodes) == 1:
            message = f"{domain} has one node, which is lost by itself."
            yield document.problem((*at, "nodes"), message, "Name two or more.")


def room_to_repair(document: Document) -> Iterator[Problem]:
    """Find groups of which nothing may ever be taken, and floors above their size."""
    for group in document.mapping("groups"):
        floor, size = document.at("groups", group, "min_available"), _members(document, group)
        if not isinstance(floor, int) or isinstance(floor, bool) or size == 0:
            continue
        at: Path = ("groups", group, "min_available")
        if floor > size:
            message = f"{floor} nodes must stay available, but the group has {size}."
            yield document.problem(at, message, f"Write at most {size - 1}.")
        elif floor == size and document.at("groups", group, "role") != "control":
            message = (
                f"{floor} of {size} nodes must stay available, so no node can ever be repaired."
            )
            yield document.problem(at, message, f"Write at most {size - 1}, or add a node.")


def _members(document: Document, group: str) -> int:
    nodes = document.at("groups", group, "nodes")
    return len(nodes) if isinstance(nodes, list) else 0


def circles(document: Document) -> Iterator[Problem]:
    """Find services that wait for each other: none of them could ever be started first."""
    edges = {
        service: [word for _, word in document.words("services", service, "depends_on")]
        for service in document.mapping("services")
    }
    told: set[str] = set()
    for service in edges:
        circle = _circle(service, edges)
        if circle and not told & set(circle):
            told |= set(circle)
            text = " -> ".join([*circle, circle[0]])
            yield document.problem(
                ("services", service, "depends_on"),
                f"the services depend on each other in a circle: {text}.",
                "Remove one of these dependencies.",
            )


def _circle(start: str, edges: dict[str, list[str]]) -> list[str]:
    """Return the shortest way from a service back to itself, or nothing."""
    came_from: dict[str, str] = {}
    queue = [start]
    for here in queue:  # grows while it is walked: breadth first
        for there in edges.get(here, []):
            if there == start:
                way = [here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
    return []


def reserved(document: Document) -> Iterator[Problem]:
    """Find names that Hale has given already, and units that two services of a node share."""
    if EXPORTER in document.mapping("services"):
        message = f"{EXPORTER} is built in and watched on every node."
        yield document.problem(("services", EXPORTER), message, "Remove it.")
    owners: dict[str, str] = {}
    for service in document.mapping("services"):
        unit = document.at("services", service, "unit")
        group = document.at("services", service, "group")
        if not isinstance(unit, str) or not isinstance(group, str):
            continue
        for _, node in document.words("groups", group, "nodes"):
            if (owner := owners.setdefault(f"{node}/{unit}", service)) != service:
                message = f"{unit} on {node} is already the service {owner}."
                remedy = "A unit is one service on a node."
                yield document.problem(("services", service, "unit"), message, remedy)
                break


def hales_own(document: Document) -> Iterator[Problem]:
    """Find services whose unit is a part of Hale: a ladder must not stop what it acts through."""
    for service in document.mapping("services"):
        unit = document.at("services", service, "unit")
        if service != EXPORTER and isinstance(unit, str) and unit.startswith("hale-"):
            message = f"{unit} is a part of Hale itself."
            remedy = "Remove this service; the exporter is watched and healed without it."
            yield document.problem(("services", service, "unit"), message, remedy)


def healers(document: Document) -> Iterator[Problem]:
    """Find healers that are named twice over, and several that no common store would keep apart."""
    path: Path = ("healer", "nodes")
    if document.at(*path) is None:
        return
    if document.at("healer", "node") is not None:
        message = "`node` says where the healer runs already."
        yield document.problem(path, message, "Keep one of the two.")
    names = {word for _, word in document.words(*path)}
    if len(names) > 1 and document.at("healer", "store", "etcd") is None:
        message = (
            f"{len(names)} healers need a store in common: each with a journal of its own would "
            "take itself for the leader."
        )
        yield document.problem(path, message, "Add store: {etcd: ...}, or name one node.")


def overrides(document: Document) -> Iterator[Problem]:
    """Find a `for` of the one alert that may have none."""
    for name in SHORT.keys() & document.mapping("monitoring", "for").keys():
        message = (
            f"{name} has no `for`: the exporter has done the waiting already, "
            "and may send this very alert itself."
        )
        remedy = SHORT[name]
        yield document.problem(("monitoring", "for", name), message, remedy)


def rungs_in_reach(document: Document) -> Iterator[Problem]:
    """Find rungs after a person was called: the healer has let go by then."""
    for ladder in document.mapping("ladders"):
        rungs = document.at("ladders", ladder, "rungs")
        for number in range(len(rungs) - 1 if isinstance(rungs, list) else 0):
            if document.at("ladders", ladder, "rungs", number, "action") == "person.call":
                yield document.problem(
                    ("ladders", ladder, "rungs", number + 1),
                    "this rung comes after a person was called, so it is never reached.",
                    "Move person.call to the end.",
                )
                break


LOOKS: tuple[Look, ...] = (
    references,
    twice,
    domains,
    room_to_repair,
    circles,
    reserved,
    hales_own,
    healers,
    overrides,
    rungs_in_reach,
    *TIER,
    *REPLICATED,
    *PACED,
    *ETCDS,
    *POWER,
    *KEPT,
    *RESTORED,
)
