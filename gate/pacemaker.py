"""Pacemaker by its own programs: how its nodes and resources are, and the three things that we ever ask of it.

Format: Pacemaker 2.1, `crm_mon --output-as=xml` (xml/api/crm_mon-*.rng of its sources); tried with 2.1.5 of Debian 12.
Where a resource runs, and what is fenced, is Pacemaker's own choice; it is never told either.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gate.pacemaker_rule import PacemakerRule
from gate.process import NotStarted, Ran
from gate.xml_tree import Element, parse

LOOK_SECONDS = 3.0
"""For a program that shows something, and waits for Pacemaker's daemons: a healer waits for a gate for 5 s."""

ASK_SECONDS = 20.0
"""For a program that changes something."""

INFINITY = 1_000_000
"""Pacemaker's own: a fail count from there on."""

_TIMED_OUT = 124
"""CRM_EX_TIMEOUT of Pacemaker's include/crm/common/results.h: it was asked, and nobody answered."""

_KEEP = 4 * 1024 * 1024
_LOOK = ("crm_mon", "--output-as=xml", "--inactive", "--fence-history=3")
_BEGIN, _END = b"<pacemaker-result", b"</pacemaker-result>"

Programs = Callable[..., Ran]


class Unanswered(Exception):  # reads as what happened
    """Pacemaker did not answer, or not as it should. What was asked for may have happened."""


class NotDone(Unanswered):
    """Pacemaker was not asked, or said no. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """A node as Pacemaker has it.

    Attributes:
        standby: Whether somebody put it there, so that nothing runs on it.
        on_fail: Whether Pacemaker keeps it in standby because of a failure (`on-fail=standby`).
        maintenance: Whether Pacemaker leaves its resources alone, which `maintenance-mode` says of all nodes.
        unclean: Whether nobody knows what it does, so that it will be fenced.
    """

    online: bool
    standby: bool
    on_fail: bool
    maintenance: bool
    unclean: bool

    @property
    def able(self) -> bool:
        """Whether Pacemaker may start something there."""
        return self.online and not (
            self.standby or self.on_fail or self.maintenance or self.unclean
        )


@dataclass(frozen=True, slots=True)
class ResourceSeen:
    """A resource; of a clone all of its instances together.

    Attributes:
        nodes: Where it is active, sorted.
        managed: Whether Pacemaker may start and stop it.
        failed: Whether its last operation failed.
        blocked: Whether Pacemaker has given up on it.
    """

    nodes: tuple[str, ...]
    managed: bool
    failed: bool
    blocked: bool


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a resource failed on a node since that was last forgotten.

    Attributes:
        count: INFINITY where Pacemaker will not start it there again.
        last: When, as Pacemaker says it; empty where it does not.
        age_seconds: How long ago that was, by this node's clock; None where it does not say.
    """

    count: int
    last: str
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Sight:
    """A whole cluster at one moment.

    Attributes:
        quorum: Whether the node that decides has one.
        maintenance: Whether a person set `maintenance-mode` for all of it.
        fencing: Nodes whose fencing is under way, sorted.
        nodes: Those that gate.json lists and Pacemaker knows, by name.
        resources: By id.
        failures: By resource and node; none are there where nothing failed.
    """

    quorum: bool
    maintenance: bool
    fencing: tuple[str, ...]
    nodes: Mapping[str, NodeSeen]
    resources: Mapping[str, ResourceSeen]
    failures: Mapping[tuple[str, str], Failures]

    def on(self, node: str) -> tuple[str, ...]:
        """Return the resources that Pacemaker runs on a node and may move, sorted."""
        return tuple(
            sorted(name for name, r in self.resources.items() if r.managed and node in r.nodes)
        )

    def failed(self, resource: str, node: str) -> Failures:
        """Return how often a resource failed on a node."""
        return self.failures.get((resource, node), Failures(0, "", None))


def look(rule: PacemakerRule, programs: Programs, now: float) -> Sight:
    """Ask Pacemaker of this node.

    Args:
        rule: The cluster.
        programs: Runs crm_mon.
        now: The wall clock, in seconds.

    Raises:
        Unanswered: it is not there, did not answer within 3 s, or said something else.
    """
    return _sight(read(programs, _LOOK, LOOK_SECONDS), rule, now)


def read(programs: Programs, argv: tuple[str, ...], seconds: float) -> Element:
    """Run one of its programs that only shows something, and return what it says.

    Raises:
        Unanswered: it is not there, did not answer in time, or said something else.
    """
    try:
        ran = programs(argv, seconds, _KEEP)
    except NotStarted as error:
        raise Unanswered(str(error)) from error
    # Warnings come on standard error, which is in the same output. Its exit status may be 0 without an answer.
    begin, end = ran.output.find(_BEGIN), ran.output.rfind(_END)
    if ran.code != 0 or begin < 0 or end < 0:
        raise Unanswered(f"{argv[0]}: {ran.last_line if ran.code is not None else 'no answer'}")
    try:
        return parse(ran.output[begin : end + len(_END)])
    except ValueError as error:
        raise Unanswered(f"{argv[0]}: {error}") from error


def cleanup(rule: PacemakerRule, resource: str, programs: Programs, seconds: float) -> None:
    """Have Pacemaker forget how a resource failed on this node, and look at it anew.

    Raises:
        NotDone: nothing was forgotten.
        Unanswered: it may have been.
    """
    argv = ("crm_resource", "--cleanup", "--resource", resource, "--node", rule.member)
    _ask(programs, argv, seconds)


def standby(rule: PacemakerRule, programs: Programs, seconds: float, *, wanted: bool) -> None:
    """Have Pacemaker run nothing on this node until it is told otherwise, or let it run things there again.

    Raises:
        NotDone: nothing was changed.
        Unanswered: it may have been.
    """
    change = ("--update", "on") if wanted else ("--delete",)
    argv = ("crm_attribute", "--node", rule.member, "--name", "standby", *change)
    _ask(programs, (*argv, "--lifetime", "forever"), seconds)


def _ask(programs: Programs, argv: tuple[str, ...], seconds: float) -> None:
    try:
        ran = programs(argv, min(ASK_SECONDS, seconds))
    except NotStarted as error:
        raise NotDone(str(error)) from error
    if ran.code is None or ran.code < 0 or ran.code == _TIMED_OUT:
        raise Unanswered(f"{argv[0]} did not end: {ran.last_line}")
    if ran.code != 0:
        raise NotDone(f"{argv[0]}: {ran.last_line}")


def _sight(root: Element, rule: PacemakerRule, now: float) -> Sight:
    controller = next(root.all("summary", "current_dc"), None)
    options = next(root.all("summary", "cluster_options"), None)
    if controller is None or options is None:
        raise Unanswered("crm_mon says nothing of a cluster")
    try:
        return Sight(
            quorum=controller.get("with_quorum") == "true",
            maintenance=options.flag("maintenance-mode"),
            fencing=_fenced_now(root),
            nodes={
                one.get("name"): NodeSeen(
                    one.flag("online"),
                    one.flag("standby"),
                    one.get("standby_onfail") == "true",
                    one.flag("maintenance"),
                    one.flag("unclean"),
                )
                for one in root.all("nodes", "node")
                if one.get("name") in rule.members
            },
            resources=_resources(root),
            failures=_failures(root, now),
        )
    except ValueError as error:
        raise Unanswered(f"crm_mon: {error}") from error


def _fenced_now(root: Element) -> tuple[str, ...]:
    events = root.all("fence_history", "fence_event")
    return tuple(sorted({one.get("target") for one in events if one.get("status") == "pending"}))


def _resources(root: Element) -> dict[str, ResourceSeen]:
    found: dict[str, ResourceSeen] = {}
    for part in root.all("resources"):
        for one in part.below("resource"):
            name = one.get("id")
            known = found.get(name, ResourceSeen((), True, False, False))
            here = {node.get("name") for node in one.all("node")}
            found[name] = ResourceSeen(
                tuple(sorted({*known.nodes, *here})),
                known.managed and one.flag("managed"),
                known.failed or one.flag("failed"),
                known.blocked or one.flag("blocked"),
            )
    return found


def _failures(root: Element, now: float) -> dict[tuple[str, str], Failures]:
    found = {}
    for node in root.all("node_history", "node"):
        for one in node.all("resource_history"):
            count = _count(one.get("fail-count"))
            if count:
                last = one.get("last-failure")
                key = one.get("id"), node.get("name")
                found[key] = Failures(count, last, _age(last, now))
    return found


def _count(text: str) -> int:
    if text.removeprefix("+") == "INFINITY":
        return INFINITY
    return min(int(text or "0"), INFINITY)


def _age(text: str, now: float) -> float | None:
    """Read a time such as `Fri Nov 28 03:21:40 2025`, in this node's time zone, as Pacemaker writes it."""
    try:
        then = time.mktime(
            time.strptime(" ".join(text.split()[:5]), "%a %b %d %H:%M:%S %Y")
        )  # newer versions write the zone behind it
    except (ValueError, OverflowError):
        return None
    return max(0.0, now - then)
