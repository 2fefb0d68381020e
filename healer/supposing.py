"""What would be done, and what each guard would say, if something failed now. Nothing is written, nothing is done."""

from dataclasses import dataclass, replace

from healer.core.actions import ACTIONS, GIVING_BACK, steps
from healer.core.alert import Alert, Target
from healer.core.decide import Decision, decide
from healer.core.incident import Incident
from healer.core.ladder import ALWAYS, Ladder, Rung, Verification
from healer.core.topology import Topology
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.standing import Watch

SUPPOSED = "supposed"
"""The ladder of an action that a person only asks about."""

PROOF = Verification("up", 1.0, within_seconds=90.0, soak_seconds=30.0)
"""Of an action that no ladder has."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be done now, and what each guard says to it."""

    incident: Incident
    decision: Decision


async def explain(
    gatherer: Gatherer, watch: Watch, target: Target, ladder: str, alert_name: str
) -> Explanation:
    """Say what would be done if this alert fired for this target now."""
    now = gatherer.clock.wall()
    # An id above any real one: of members that fail alike, it comes last.
    number = str(gatherer.journal.board.opened + 1)
    cause = _alert(target, ladder, alert_name, gatherer.topology, now)
    incident = Incident(number, cause, ladder, now, now, "")
    facts = await gatherer.read(incident, watch.standing())
    return Explanation(incident, decide(incident, facts, None))


async def suppose(
    gatherer: Gatherer, watch: Watch, target: Target, action: str, alert_name: str
) -> Explanation:
    """Say what each guard says of this action on this target now.

    Raises:
        Refused: There is no such action, or it has nothing to work on there; nothing was changed.
    """
    topology = gatherer.topology
    if action not in ACTIONS or action in GIVING_BACK:
        known = ", ".join(sorted(ACTIONS.keys() - GIVING_BACK))
        raise Refused("unknown_action", f"no action {action}; there are {known}")
    if not steps(action, target, topology, ""):
        raise Refused("nothing_there", f"{action} has nothing to work on at {target}")
    declared = [one for ladder in topology.ladders.values() for one in ladder.rungs]
    plain = Rung(action, None, False, 60.0, PROOF, attempts=1, wait_seconds=0.0)
    rung = next((one for one in declared if one.action == action), plain)
    aimed = replace(rung, service=None, attempts=1, when=ALWAYS)
    ladder = Ladder(SUPPOSED, topology.healer_mode, (aimed,))
    asked = replace(topology, ladders={**topology.ladders, SUPPOSED: ladder})
    return await explain(replace(gatherer, topology=asked), watch, target, SUPPOSED, alert_name)


def _alert(target: Target, ladder: str, name: str, topology: Topology, now: float) -> Alert:
    service = topology.services.get(target.service or "")
    node = topology.nodes.get(target.node)
    groups = topology.groups_of(target.node)
    group = service.group if service is not None and service.group else None
    labels = {
        "alertname": name,
        "cluster": topology.cluster,
        "node": target.node,
        "group": group or (groups[0].name if groups else ""),
        "failure_domain": node.failure_domain if node is not None else "",
        "service": target.service or "",
        "mountpoint": target.part,
        "heal": ladder,
        "severity": "critical",
    }
    pairs = tuple(sorted((key, value) for key, value in labels.items() if value))
    return Alert("", name, pairs, now)
