"""What people ask of the guards: of an incident's next action, or of a target that nothing is wrong with yet.

Rule: nothing is written and nothing is done.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.incident import Incident
from healer.core.ladder import NO_LADDER
from healer.core.topology import EXPORTER, Topology
from healer.errors import Malformed, Refused
from healer.shapes.incidents import ExplanationView
from healer.supposing import Cause, Explanation, explain, suppose
from healer.views import explanation_view, guards_view, judged_view
from healer.web.desk import Desk
from healer.web.rules import packaged


async def explanation(desk: Desk, fields: Mapping[str, str]) -> dict[str, object]:
    """Say what would be done now about an incident or a target, and what each guard says to it.

    Raises:
        Refused: There is no such thing, or nothing can be supposed of it.
        Malformed: An incident's number, and something supposed.
    """
    aim = fields["target"]
    if aim.isdecimal() and len(fields) > 1:
        raise Malformed("explain: an incident has its own alert and ladder; name a target instead")
    shown = await (_real(desk, aim) if aim.isdecimal() else _supposed(desk, aim, fields))
    return {**shown}


async def judgement(desk: Desk, fields: Mapping[str, str]) -> dict[str, object]:
    """Show the registry, and what each guard says now of one incident's next action, or of a supposed one.

    Raises:
        Refused: There is no such thing, or no action that would be done there.
        Malformed: An incident's number, and something supposed.
    """
    aim = fields["target"]
    if aim.isdecimal():
        if len(fields) > 1:
            raise Malformed("guards: an incident has its own next action; name a target instead")
        incident = _incident(desk, aim)
        facts = await desk.gatherer.read(incident, desk.watch.standing())
        judged = judged_view(incident, (facts.now, decide(incident, facts, None)))
    else:
        told = await _told(desk, _target(desk, aim), fields)
        supposed = replace(told.incident, id="")
        judged = judged_view(supposed, (desk.clock.wall(), told.decision))
    shown = guards_view((), desk.watch, desk.topology)
    return {**shown, "incidents": [judged]}


async def _told(desk: Desk, target: Target, fields: Mapping[str, str]) -> Explanation:
    """Ask the guards about the action that is named, else about the first that would be tried."""
    cause = await _cause(target, desk.topology)
    ladder = _declared(desk, fields["ladder"]) if "ladder" in fields else ""
    if "action" in fields:
        return await suppose(desk.gatherer, desk.watch, target, cause, fields["action"], ladder)
    if not ladder and cause.heal in NO_LADDER:
        detail = (
            f"{cause.alert} has no ladder, so nothing would be done: say --action, as node.reboot"
        )
        raise Refused("no_action", detail)
    used = ladder or _declared(desk, cause.heal)
    return await explain(desk.gatherer, desk.watch, target, cause, used)


def _incident(desk: Desk, incident_id: str) -> Incident:
    incident = desk.journal.board.incidents.get(incident_id)
    if incident is None:
        known = ", ".join(one.id for one in desk.journal.board.open) or "none"
        raise Refused("unknown_incident", f"no incident {incident_id}; open ones: {known}")
    return incident


def _target(desk: Desk, aim: str) -> Target:
    place, _, part = aim.partition(":")
    node, _, service = place.partition("/")
    target = Target(node, service or None, part)
    if service and part:
        raise Refused(
            "impossible_labels",
            f"{aim} names a service and a file system, and an alert is about one of them: "
            f"say {place} or {node}:{part}",
        )
    if not desk.topology.knows(target):
        known = ", ".join(desk.topology.nodes)
        raise Refused(
            "unknown_target",
            f"cluster.yml has no {aim}; nodes: {known}; say NODE, NODE/SERVICE or NODE:/MOUNTPOINT",
        )
    return target


def _declared(desk: Desk, ladder: str) -> str:
    """Return the name of a ladder that cluster.yml has.

    Raises:
        Refused: It has none of this name; nothing was changed.
    """
    if ladder not in desk.topology.ladders:
        known = ", ".join(sorted(desk.topology.ladders)) or "none"
        raise Refused("unknown_ladder", f"cluster.yml has no ladder {ladder}; there are: {known}")
    return ladder


def usual_cause(target: Target, topology: Topology) -> Cause:
    """Return the alert that the packaged rules would raise for such a target."""
    here = topology.services_on(target.node) if target.node in topology.nodes else {}
    match target:
        case Target(service=None, part=""):
            fenced = target.node in topology.fencing and any(s.exclusive for s in here.values())
            return Cause("NodeDown", "fence-node" if fenced else "none", "critical")
        case Target(service=str(service)) if service in here and here[service].exclusive:
            return Cause("ServiceRunsNowhere", "take-over", "critical")
        case Target(service=None):
            return Cause("FilesystemAlmostFull", "free-disk", "critical")
        case Target(service=service) if service == EXPORTER:
            return Cause("ExporterDown", "restart-exporter", "warning")
        case _:
            return Cause("ServiceDown", "restart-service", "critical")


async def _cause(target: Target, topology: Topology, name: str = "") -> Cause:
    """Return the alert that is supposed: the one that is named, as the packaged rules have it, else the usual one."""
    usual = usual_cause(target, topology)
    if name in ("", usual.alert):
        return usual
    rule = (await asyncio.to_thread(packaged)).get(name)
    # One of somebody's own rules: nobody here knows what it names.
    return replace(usual, alert=name) if rule is None else Cause(name, rule.heal, rule.severity)


async def _real(desk: Desk, incident_id: str) -> ExplanationView:
    incident = _incident(desk, incident_id)
    facts = await desk.gatherer.read(incident, desk.watch.standing())
    return explanation_view(
        incident, decide(incident, facts, None), incident.id, desk.topology, facts.now
    )


async def _supposed(desk: Desk, aim: str, fields: Mapping[str, str]) -> ExplanationView:
    target = _target(desk, aim)
    cause = await _cause(target, desk.topology, fields.get("alert", ""))
    alert, ladder = cause.alert, fields.get("ladder", cause.heal)
    if ladder in NO_LADDER:
        return ExplanationView(
            target=aim,
            incident=None,
            alert=alert,
            ladder=ladder,
            decision="stay",
            action="",
            reason="no_ladder",
            sentence=f"{alert} has no ladder: Alertmanager tells people, and Hale does nothing.",
            rungs=[],
            guards=[],
        )
    told = await explain(desk.gatherer, desk.watch, target, cause, _declared(desk, ladder))
    return explanation_view(told.incident, told.decision, None, desk.topology, desk.clock.wall())
