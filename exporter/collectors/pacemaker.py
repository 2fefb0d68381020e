"""The cluster as Pacemaker sees it, under the names of ha_cluster_exporter: nodes, resources, failures, constraints.

Every node of a cluster tells the same of all of them; crm_mon and cibadmin are asked, and nothing is changed.
"""

import math
import time
from calendar import timegm
from collections.abc import Callable, Iterator
from typing import Protocol

from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.programs import Ended
from exporter.xmltree import Element, parse

# The first is of Pacemaker 2.0.3 and later; the second is what there was before, and is gone in 3.0.
STATUS = (("crm_mon", "--output-as=xml", "--inactive"), ("crm_mon", "--as-xml", "--inactive"))
CIB = ("cibadmin", "--query", "--local")
DEADLINE = 10.0  # seconds for one program
USAGE = 64  # CRM_EX_USAGE, as sysexits.h has it

# ha_cluster_exporter, collector/pacemaker/pacemaker.go.
PREFIX = "ha_cluster_pacemaker_"


def _gauge(name: str, text: str) -> Family:
    return Family(PREFIX + name, Kind.GAUGE, text)


NODES = _gauge(
    "nodes",
    "The status of each node in the cluster; 1 means the node is in that status, 0 otherwise",
)
ATTRIBUTES = _gauge("node_attributes", "Metadata attributes of each node; value is always 1")
RESOURCES = _gauge(
    "resources",
    "The status of each resource in the cluster; 1 means the resource is in that status, 0 otherwise",
)
STONITH = _gauge("stonith_enabled", "Whether or not stonith is enabled")
MAINTENANCE = _gauge(
    "maintenance_mode_enabled", "Whether or not cluster wide maintenance-mode is enabled"
)
FAILURES = _gauge("fail_count", "The Fail count number per node and resource id")
THRESHOLD = _gauge("migration_threshold", "The migration_threshold number per node and resource id")
LOCATIONS = _gauge(
    "location_constraints", "Resource location constraints. The value indicates the score."
)
CHANGED = Family(
    PREFIX + "config_last_change",
    Kind.COUNTER,
    "The timestamp of the last change of the cluster configuration",
)

# The label `status`, and the attribute where its name is another one.
NODE_STATES = {
    name: name
    for name in (
        *("online", "standby", "standby_onfail", "maintenance"),
        *("pending", "unclean", "shutdown", "expected_up"),
    )
} | {"dc": "is_dc"}
RESOURCE_STATES = ("active", "orphaned", "blocked", "failed", "failure_ignored")
INFINITY = 1_000_000  # Pacemaker's own; scores beyond it are the same


class Runs(Protocol):
    """Runs a program, as `Programs` does."""

    async def run(self, argv: tuple[str, ...], deadline: float, about: str = "") -> Ended:
        """Run one program to its end."""
        ...


class Pacemaker:
    """Serves ha_cluster_pacemaker_*."""

    name = "pacemaker"
    interval = 15.0
    deadline = 35.0

    def __init__(self, programs: Runs) -> None:
        """Ask nothing yet; `programs` runs them in the time zone UTC, by whose clock their times are read."""
        self._programs = programs

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Ask for the state, then for the constraints.

        Raises:
            Absent: Pacemaker's programs are not here.
            Malformed: They refuse, or say what cannot be understood.
            OSError: One cannot be run.
        """
        state = list(of_status(parse(await self._status())))
        publish(written(state))
        publish(written([*state, *of_cib(parse(await self._said(CIB)))]))

    async def _status(self) -> bytes:
        ended = await self._programs.run(STATUS[0], DEADLINE)
        return await self._said(STATUS[1]) if ended.status == USAGE else _output(STATUS[0], ended)

    async def _said(self, argv: tuple[str, ...]) -> bytes:
        return _output(argv, await self._programs.run(argv, DEADLINE))


def _output(argv: tuple[str, ...], ended: Ended) -> bytes:
    if ended.status:
        said = (ended.errors or ended.output)[:200].decode("utf-8", "replace").strip()
        raise Malformed(f"{argv[0]}: exit status {ended.status}: {said}")
    return ended.output


def of_status(root: Element) -> Iterator[Sample]:
    """Yield what crm_mon says.

    Raises:
        Malformed: It says nothing of a cluster, or a number is none.
    """
    summary = next(root.all("summary"), None)
    if summary is None:
        raise Malformed(f"crm_mon: wanted a summary, saw <{root.name}>")
    for options in summary.all("cluster_options"):
        yield sample(STONITH, options.get("stonith-enabled") == "true")
        yield sample(MAINTENANCE, options.get("maintenance-mode") == "true")
    for change in summary.all("last_change"):
        if change.get("time"):
            yield sample(CHANGED, _unixtime(change.get("time")))
    for node in root.all("nodes", "node"):
        for status, attribute in NODE_STATES.items():
            is_so = node.get(attribute) == "true"
            yield sample(NODES, is_so, node=node.get("name"), type=node.get("type"), status=status)
    yield from _resources(next(root.all("resources"), Element("", {})), group="", clone="")
    yield from _of_nodes(root)


def _of_nodes(root: Element) -> Iterator[Sample]:
    for node in root.all("node_attributes", "node"):
        for one in node.all("attribute"):
            labels = {"name": one.get("name"), "value": one.get("value")}
            yield sample(ATTRIBUTES, 1, node=node.get("name"), **labels)
    for node in root.all("node_history", "node"):
        for history in node.all("resource_history"):
            labels = {"node": node.get("name"), "resource": history.get("id")}
            yield sample(FAILURES, score(history.get("fail-count")), **labels)
            threshold = score(history.get("migration-threshold"))
            yield sample(THRESHOLD, min(threshold, INFINITY), **labels)


def _resources(parent: Element, group: str, clone: str) -> Iterator[Sample]:
    """Yield the resources of the cluster, of a group, of a clone, or of a group that is cloned."""
    for child in parent.children:
        match child.name:
            case "resource":
                yield from _resource(child, group, clone)
            case "group":
                yield from _resources(child, child.get("id"), clone)
            case "clone":
                yield from _resources(child, group, child.get("id"))


def _resource(resource: Element, group: str, clone: str) -> Iterator[Sample]:
    node = next(resource.all("node"), Element("", {}))
    for status in RESOURCE_STATES:
        yield sample(
            RESOURCES,
            resource.get(status) == "true",
            node=node.get("name"),
            resource=resource.get("id"),
            role=resource.get("role").lower(),
            managed=str(resource.get("managed") == "true").lower(),
            status=status,
            agent=resource.get("resource_agent"),
            group=group,
            clone=clone,
        )


def of_cib(root: Element) -> Iterator[Sample]:
    """Yield the location constraints of the CIB; everything else in it stays untold."""
    for one in root.all("configuration", "constraints", "rsc_location"):
        yield sample(
            LOCATIONS,
            score(one.get("score")),
            constraint=one.get("id"),
            node=one.get("node"),
            resource=one.get("rsc"),
            role=one.get("role").lower(),
        )


def score(text: str) -> float:
    """Return a score or a count; 0 for none, infinite where it is Pacemaker's infinity or beyond.

    Raises:
        Malformed: It is neither a number nor INFINITY.
    """
    word = text.removeprefix("+")
    if word in ("INFINITY", "-INFINITY"):
        return math.copysign(math.inf, -1 if word[0] == "-" else 1)
    try:
        number = int(word[:20] or "0")
    except ValueError as error:
        raise Malformed(f"wanted a score, saw {text[:40]!r}") from error
    return math.copysign(math.inf, number) if abs(number) >= INFINITY else number


def _unixtime(text: str) -> float:
    """Read a time such as `Fri Oct 18 11:48:22 2019`, behind which newer versions write a zone."""
    try:
        return float(timegm(time.strptime(" ".join(text.split()[:5]), "%a %b %d %H:%M:%S %Y")))
    except ValueError as error:
        raise Malformed(f"wanted a time, saw {text[:60]!r}") from error
