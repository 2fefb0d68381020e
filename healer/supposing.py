"""What would be done, and what each guard would say, if something failed now. Nothing is written, nothing is done."""

from dataclasses import dataclass, replace

from healer.core.actions import ACTIONS, GIVING_BACK, steps
from healer.core.alert import Alert, Target
from healer.core.decide import decide
from healer.core.decision import Decision
from healer.core.incident import Incident
from healer.core.ladder import ALWAYS, Ladder, Rung, Verification
from healer.core.topology import Topology
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.standing import Watch

SUPPOSED = "supposed"
"""The ladder of an action that no ladder has."""

PROOF = Verification("up", 1.0, within_seconds=90.0, soak_seconds=30.0)
"""Of an action that no ladder has."""


@dataclass(frozen=True, slots=True)
class Cause:
    """An alert that is only supposed, with what its rule says: by that Prometheus finds the rule.

    Attributes:
        alert: Its name.
        heal: The ladder that its rule names.
        severity: As its rule has it.
    """

    alert: str
    heal: str
    severity: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be done now, and what each guard says to it."""

    incident: Incident
    decision: Decision


async def explain(
    gatherer: Gatherer, watch: Watch, target: Target, cause: Cause, ladder: str
) -> Explanation:
    """Say what would be done by this ladder if this alert fired for this target now."""
    now = watch.now
    # An id above any real one: of members that fail alike, it comes last.
    number = str(gatherer.journal.board.opened + 1)
    alert = _alert(target, cause, gatherer.topology, now.wall)
    incident = Incident(number, alert, ladder, now.wall, now.wall, "")
    incident = replace(incident, opened_ahead=now.ahead, changed_ahead=now.ahead)
    facts = await gatherer.read(incident, watch.standing())
    return Explanation(incident, decide(incident, facts, None))


async def suppose(
    gatherer: Gatherer, watch: Watch, target: Target, cause: Cause, action: str, ladder: str = ""
) -> Explanation:
    """Say what each guard says of this action on this target now, as the ladder that would do it has it.

    Args:
        gatherer: Reads the facts.
        watch: How the healer stands.
        target: What the action is aimed at.
        cause: The alert that is supposed.
        action: As in ACTIONS.
        ladder: One of cluster.yml's; empty for the one that would be used.

    Raises:
        Refused: There is no such action, or it has nothing to work on there; nothing was changed.
    """
    topology = gatherer.topology
    if action not in ACTIONS or action in GIVING_BACK:
        known = ", ".join(sorted(ACTIONS.keys() - GIVING_BACK))
        raise Refused("unknown_action", f"no action {action}; there are {known}")
    if not steps(action, target, topology, ""):
        raise Refused("nothing_there", f"{action} has nothing to work on at {target}")
    used = topology.ladders[ladder] if ladder else _would_use(action, cause, topology)
    plain = Rung(action, None, False, 60.0, PROOF, attempts=1, wait_seconds=0.0)
    rung = next((one for one in used.rungs if one.action == action), plain)
    aimed = replace(used, rungs=(replace(rung, service=None, attempts=1, when=ALWAYS),))
    asked = replace(topology, ladders={**topology.ladders, used.name: aimed})
    return await explain(replace(gatherer, topology=asked), watch, target, cause, used.name)


def _would_use(action: str, cause: Cause, topology: Topology) -> Ladder:
    """Return the ladder by which an action would be done: the alert's own, or the most cautious that has it."""
    own = topology.ladders.get(cause.heal)
    able = [
        one for one in topology.ladders.values() if any(rung.action == action for rung in one.rungs)
    ]
    if own is not None and (own in able or not able):
        return own
    none = Ladder(SUPPOSED, topology.healer_mode, ())
    return min(able, key=lambda one: one.mode.rank, default=none)


def _alert(target: Target, cause: Cause, topology: Topology, now: float) -> Alert:
    service = topology.services.get(target.service or "")
    node = topology.nodes.get(target.node)
    groups = topology.groups_of(target.node)
    group = service.group if service is not None and service.group else None
    labels = {
        "alertname": cause.alert,
        "cluster": topology.cluster,
        "node": target.node,
        "group": group or (groups[0].name if groups else ""),
        "failure_domain": node.failure_domain if node is not None else "",
        "service": target.service or "",
        "mountpoint": target.part,
        "heal": cause.heal,
        "severity": cause.severity,
    }
    pairs = tuple(sorted((key, value) for key, value in labels.items() if value))
    return Alert("", cause.alert, pairs, now)
