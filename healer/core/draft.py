"""From the draft of a step to a yes or a no: what it would take, what its gate must find, and what every guard says.

Rule: what is begun was judged whole. Footprint, mode and expectation are filled in first, and each guard is asked,
also after one that refuses.
"""

import hashlib
import json
from dataclasses import replace

from healer.core.actions import CHOSEN, Scope, Step, action_of
from healer.core.alert import Target
from healer.core.databases import with_candidate
from healer.core.decision import Act, Hold
from healer.core.facts import Facts, Proposal
from healer.core.footprint import footprint
from healer.core.guards import deciding, judge
from healer.core.guards.grounds import seen_unit
from healer.core.guards.group import proven_out
from healer.core.look import Look
from healer.core.pacemaker import waived
from healer.core.topology import Topology
from healer.core.unchanged import seen_before, serves_nothing
from healer.core.verdict import Verdict, hold


def first(drafts: list[Proposal], facts: Facts) -> Act | Hold:
    """Return the first step that every guard allows, so that one gate keeps no other waiting; else the first hold."""
    said = [judged(one, facts) for one in drafts]
    return next((one for one in said if isinstance(one, Act)), said[0])


def judged(draft: Proposal, facts: Facts) -> Act | Hold:
    """Ask every guard about one step, as it would be done now."""
    proposal = _complete(draft, facts)
    verdicts = judge(proposal, facts)
    refused = deciding(verdicts)
    if refused is not None:
        return Hold(proposal, refused, verdicts)
    early = _correlates(proposal, facts) or _waits(proposal, facts)
    if early is not None:
        # It speaks under a guard's name, and in that guard's place, so that nobody is shown seventeen that allow.
        said = tuple(early if one.guard == early.guard else one for one in verdicts)
        return Hold(proposal, early, said)
    look = facts.heard(proposal.gate).look
    ledger = look.ledger_id if look is not None else ""
    return Act(proposal, expect(proposal, facts), ledger, verdicts)


def with_step(draft: Proposal, step: Step) -> Proposal:
    """Return the draft of a rung as the draft of one of its steps."""
    return replace(draft, gate=step.gate, args=step.args, look=step.look)


def expect(proposal: Proposal, facts: Facts) -> str:
    """Return what the gate must find unchanged, as JSON with sorted keys; empty without a look."""
    look = facts.heard(proposal.gate).look
    if look is None:
        return ""
    expected: dict[str, object] = {"boot_id": look.boot_id}
    match action_of(proposal.rung.action).scope:
        case Scope.UNIT:
            unit = seen_unit(proposal, facts)
            if unit is None:
                return ""
            state = {"active_state": unit.active_state, "invocation_id": unit.invocation_id}
            expected["units"] = {proposal.unit: state}
        case Scope.POOL | Scope.ADDRESS | Scope.DATABASE as scope:
            before = seen_before(scope, proposal.args, proposal.look, look)
            if before is None:
                return ""
            expected |= before
        case Scope.RESOURCE:
            resource = _resource(proposal, look)
            if not resource:
                return ""
            expected["pacemakers"] = resource
        case Scope.FILES:
            seen = look.backup(proposal.look)
            if seen is None or not seen.snapshot:
                return ""
            expected["backups"] = {dict(proposal.args)["backup"]: {"snapshot": seen.snapshot}}
        case Scope.DISK:
            device = look.disks.get(proposal.look)
            if device is not None:  # else its gate says what is wrong with the place
                expected["filesystems"] = {proposal.look: {"device": device}}
        case Scope.NODE:
            expected |= serves_nothing(waived(proposal, facts, proven_out(proposal, facts)))
        case _:
            pass
    return json.dumps(expected, sort_keys=True, separators=(",", ":"))


def _resource(proposal: Proposal, look: Look) -> dict[str, object]:
    """Return what the gate must find of a resource of Pacemaker; empty where it says nothing of it."""
    told, node = dict(proposal.args), proposal.target.node
    cluster = look.pacemakers.get(told["pacemaker"])
    own = cluster.nodes.get(node) if cluster is not None else None
    if cluster is None or own is None:
        return {}
    count, last = cluster.failed(told["resource"], node)
    failures = {told["resource"]: {"count": count, "last": last}}
    return {told["pacemaker"]: {"standby": own.standby, "failures": failures}}


def _complete(draft: Proposal, facts: Facts) -> Proposal:
    topology, unit = facts.topology, seen_unit(draft, facts)
    if not topology.knows(draft.target):
        return draft
    args = with_candidate(draft.rung.action, draft.gate, draft.args, facts)
    above = () if unit is None else unit.reverse_dependencies
    taken = footprint(draft.rung.action, draft.target, above, topology)
    draft = replace(draft, args=args, footprint=taken)
    expected = expect(draft, facts)
    # A yes is to the member that was shown, too.
    chosen = "".join(f" {value}" for key, value in draft.args if key in CHOSEN)
    digest = hashlib.sha256(f"{draft.gate} {expected}{chosen}".encode()).hexdigest()
    return replace(
        draft,
        mode=topology.mode(draft.ladder, taken.groups or _owners(draft.target, topology)),
        expectation=digest if expected else "",
    )


def _owners(target: Target, topology: Topology) -> list[str]:
    """Return the groups whose owners are asked about what takes nothing away: the service's own, else the node's."""
    service = topology.services.get(target.service or "")
    if service is not None:
        return [service.group] if service.group is not None else []
    return [group.name for group in topology.groups_of(target.node)]


def _correlates(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold what takes something away while a deeper cause may still be on its way."""
    window, age = facts.topology.correlation_window, facts.steady - proposal.incident.opened
    if not proposal.takes or proposal.rung.fast or proposal.incident.attempts or age >= window:
        return None
    return hold(
        "common_cause",
        "correlating",
        have=f"{age:.0f} s since its first alert",
        need=f"{window:g} s, in which a deeper cause would be told",
        sentence="What fails together is told within seconds: a deeper cause may be on its way.",
        passing=True,
    )


def _waits(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold between two tries of one step; the next step of a rung need not wait for the one before."""
    tried = [
        since
        for one in proposal.incident.attempts
        if (since := facts.since(one)) is not None
        and (one.action, one.gate) == (proposal.rung.action, proposal.gate)
    ]
    wait = proposal.rung.wait_after(len(tried))
    if not tried or tried[-1] >= wait:
        return None
    return hold(
        "attempts",
        "waiting",
        have=f"{tried[-1]:.0f} s since the last attempt",
        need=f"{wait:g} s",
        sentence="The ladder asks to wait between attempts.",
        passing=True,
    )
