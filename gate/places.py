"""Whether what Pacemaker runs on this node would run on another one: asked before Pacemaker loses the node.

Its own scheduler answers, which alone knows all of its constraints, standbys, maintenance and failures.
"""

from gate import units
from gate.pacemaker import LOOK_SECONDS, Programs, Unanswered, read
from gate.pacemaker_rule import PacemakerRule
from gate.units import Unreadable
from gate.verb import Job, Node
from gate.words import Reason, Refused
from gate.xml_tree import Element

UNIT = "pacemaker.service"
"""Stops, when it is stopped, all that Pacemaker runs on the node."""

_WITHOUT = ("crm_simulate", "--live-check", "--simulate", "--output-as=xml", "--node-down")
_PROMOTED = ("Promoted", "Master")
"""Since Pacemaker 2.1, and before."""

_FENCE_DEVICE = "stonith:"
_DOWN = ("inactive", "failed")


def homeless(
    rule: PacemakerRule, programs: Programs, seconds: float = LOOK_SECONDS
) -> tuple[str, ...]:
    """Return what runs now and would run nowhere without this node, or is promoted now and would be so nowhere.

    A fence device is none of it: it serves nobody, and is often kept from the very node that it fences.

    Raises:
        Unanswered: the scheduler did not say.
    """
    root = read(programs, (*_WITHOUT, rule.member), seconds)
    parts = [next(root.all(name), None) for name in ("cluster_status", "revised_cluster_status")]
    before, after = (None if part is None else _provided(part) for part in parts)
    if before is None or after is None:
        raise Unanswered("crm_simulate says nothing of what would be")
    return tuple(sorted({name for name, _ in before - after}))


def _provided(part: Element) -> set[tuple[str, bool]]:
    """Return the resources that are active somewhere, and once more those that are promoted somewhere."""
    found = set()
    for one in (one for all_of_it in part.all("resources") for one in all_of_it.below("resource")):
        if any(one.all("node")) and not one.get("resource_agent").startswith(_FENCE_DEVICE):
            found |= {(one.get("id"), False), (one.get("id"), one.get("role") in _PROMOTED)}
    return found


def insist(rule: PacemakerRule, programs: Programs) -> None:
    """Insist that the other members would run all that runs now.

    Raises:
        Refused: no_place, also where Pacemaker does not say.
    """
    try:
        lost = homeless(rule, programs)
    except Unanswered as error:
        detail = f"whether others would run what {rule.member} runs: {error}"
        raise Refused(Reason.NO_PLACE, detail) from error
    if lost:
        detail = f"without {rule.member} these would run nowhere: {', '.join(lost)}"
        raise Refused(Reason.NO_PLACE, detail)


def without_node(job: Job) -> None:
    """Insist on it before this node goes, but for what the decision rests on as down here already.

    Raises:
        Refused: no_place.
    """
    for name, rule in job.node.config.pacemakers.items():
        expected = job.expect.pacemakers.get(name)
        if expected is None or not expected.proven_out:
            insist(rule, job.node.programs)


def without_unit(unit: str, node: Node) -> None:
    """Insist on it before a unit is stopped that takes Pacemaker along, such as corosync's.

    Raises:
        Refused: no_place, also where systemd does not say what it takes along.
    """
    if not node.config.pacemakers or not _takes_pacemaker(unit, node):
        return
    for rule in node.config.pacemakers.values():
        insist(rule, node.programs)


def _takes_pacemaker(unit: str, node: Node) -> bool:
    seen = units.look((unit,), node.systemd, node.clock)[unit]
    if seen is None:
        raise Refused(Reason.NO_PLACE, f"systemd does not say what a stop of {unit} takes along")
    if UNIT not in (unit, *seen.reverse_dependencies):
        return False
    try:
        (pacemaker,) = node.systemd.show((UNIT,))
    except Unreadable as error:
        raise Refused(Reason.NO_PLACE, f"{UNIT} cannot be read: {error}") from error
    return pacemaker.active_state not in _DOWN
