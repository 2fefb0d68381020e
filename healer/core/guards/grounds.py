"""Is there ground to act at all: a target that we know, an alert that is ours, evidence that is fresh."""

from healer.core.actions import UNFENCE
from healer.core.attempt import Outcome
from healer.core.facts import Evidence, Facts, Proposal
from healer.core.look import UnitLook
from healer.core.recovery import SILENT, fell_silent
from healer.core.verdict import Verdict, allow, hold

BY_HAND = "closed_by_hand"
"""The reason of what a person closed, and that goes on: nobody is called for it again."""

FAILED_STATES = frozenset({"failed", "inactive"})
"""ActiveState values in which systemd runs nothing of the unit (systemd's org.freedesktop.systemd1 man page)."""


def known_target(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold unless cluster.yml has the target and the gate that will act is the one we mean."""
    name, topology, target = "known_target", facts.topology, proposal.target
    gate, heard = proposal.gate, facts.heard(proposal.gate)
    need = f"{target} in cluster.yml, the gate answering as {topology.cluster}/{gate}"
    nameless = proposal.scope.of_unit and not proposal.unit
    if not target.node or not topology.knows(target) or nameless:
        return hold(
            name,
            "unknown_target",
            have=f"no {target}",
            need=need,
            sentence=f"cluster.yml has no {target}, so nothing can be meant by it.",
        )
    control = [group.name for group in topology.groups_of(target.node) if group.control]
    if control:
        return hold(
            name,
            "control_plane",
            have=f"{target.node} in {control[0]}",
            need="a node outside the control plane",
            sentence=f"{target.node} runs the control plane; systemd and people repair it, no ladder does.",
        )
    if topology.own_node in proposal.footprint.nodes and proposal.disrupts:
        return hold(
            name,
            "own_node",
            have=f"{target.node} runs this healer",
            need="a node that this healer does not run on",
            sentence="A healer never takes away its own node.",
        )
    if heard.busy:
        return hold(
            name,
            "gate_busy",
            have=heard.error,
            need=need,
            sentence=f"The gate of {gate} is at work for us; this waits for its end.",
            passing=True,
        )
    if gate not in facts.gates:
        return hold(
            name,
            "gate_not_asked",
            have=heard.error,
            need=need,
            sentence=f"The gate of {gate} was not asked yet; the next look asks it.",
            passing=True,
        )
    look = heard.look
    if look is None:
        return hold(
            name,
            "gate_silent",
            have=heard.error or "no answer",
            need=need,
            sentence=f"The gate of {gate} does not answer, so nothing can be done through it.",
        )
    if (look.cluster, look.node) != (topology.cluster, gate) or not look.boot_id:
        return hold(
            name,
            "other_gate",
            have=f"{look.cluster}/{look.node}",
            need=need,
            sentence=f"The gate at {gate}'s address says it is {look.cluster}/{look.node}.",
        )
    return allow(name, have=f"{look.cluster}/{look.node} boot {look.boot_id[:8]}", need=need)


OURS = "an alert that began after arming, or adoption by name"


def arming(facts: Facts) -> Verdict:
    """Hold all that nobody adopted before the first complete look; after it, what was there before depends."""
    name, since = "armed", facts.standing.armed_at
    if since is not None:
        return allow(name, have=f"armed {facts.now - since:.0f} s ago", need=OURS)
    return hold(
        name,
        "not_armed",
        have="no complete first look yet",
        need=OURS,
        sentence="Hale has not yet seen what was firing before it started.",
        passing=True,
    )


def armed(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold on what was already firing when we were armed, until it was seen clear or adopted."""
    name, standing, incident, need = "armed", facts.standing, proposal.incident, OURS
    if incident.adopted_by is not None:
        return allow(name, have=f"adopted by {incident.adopted_by}", need=need)
    if proposal.gives_back:
        return allow(name, have="gives back what is ours", need=need)
    if standing.armed_at is None:
        return arming(facts)
    cause = incident.cause
    if cause.known_by & standing.by_hand:
        return hold(
            name,
            BY_HAND,
            have="closed by a person, and not seen clear since",
            need=need,
            sentence="A person closed this while it went on, so they know of it: explained, not touched, until it was "
            f"seen clear. To hand it over: hale-healer adopt {incident.id}",
            passing=True,
        )
    older = cause.began_at < standing.armed_at
    seen = bool(cause.known_by & standing.pre_existing)
    if seen or older:
        # Alertmanager takes an earlier start of anybody who posts the same alert, so what was not seen is only told.
        told = "failed already" if seen else "is said to have failed already"
        return hold(
            name,
            "pre_existing",
            have=f"began {standing.armed_at - cause.began_at:.0f} s before arming"
            if older
            else "fired before arming, and was not seen clear since",
            need=need,
            sentence=f"This {told} when Hale was armed: explained, not touched. "
            f"To hand it over: hale-healer adopt {incident.id}",
        )
    return allow(
        name, have=f"began {cause.began_at - standing.armed_at:.0f} s after arming", need=need
    )


def still_true(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold unless fresh evidence says that the trouble is there now. The alert itself is none."""
    if proposal.gives_back:
        return _over(proposal, facts)
    name, evidence = "still_true", facts.evidence
    oldest = facts.topology.numbers.evidence_age
    need = f"{proposal.incident.cause.name} true on samples at most {oldest:g} s old"
    if evidence is not None and confirmed(evidence, oldest):
        return _of_now(proposal, facts, evidence.reading.age or 0.0, need)
    unit = seen_unit(proposal, facts)
    if proposal.rung.fast and unit is not None and unit.active_state in FAILED_STATES:
        return allow(name, have=f"gate: {unit.unit} {unit.active_state}", need=need)
    if evidence is None:
        return hold(
            name,
            "no_evidence",
            have="Prometheus does not answer",
            need=need,
            sentence="Prometheus could not be asked, and an alert alone is no ground.",
        )
    if evidence.firing is None:
        return hold(
            name,
            "no_rule",
            have=f"no rule {proposal.incident.cause.name}",
            need=need,
            sentence="Prometheus has no rule of this name, so nobody can check what the alert claims.",
        )
    if evidence.firing:
        return hold(
            name,
            "stale_evidence",
            have=_age(evidence),
            need=need,
            sentence="The rule is true, but only on samples too old to say how things are now.",
        )
    if fell_silent(proposal.incident, facts):
        return _silent(proposal, need)
    if facts.outside is False:
        return hold(
            name,
            "outside_only",
            have=f"{_found(evidence, unit)}, no answer from outside",
            need=need,
            sentence="The node says that it serves, but from outside its node it does not answer: a person looks.",
        )
    if evidence.reading.age is None or evidence.reading.age > oldest:
        return hold(
            name,
            SILENT,
            have=_found(evidence, unit),
            need=need,
            sentence="The rule is not true, but no fresh sample says how it is either: what was seen may still be so. "
            f"Where it is gone for good: hale-healer close {proposal.incident.id}",
        )
    return hold(
        name,
        "not_confirmed",
        have=_found(evidence, unit),
        need=need,
        sentence="Prometheus does not find what the alert claims, and the node's gate does not either.",
        passing=True,
    )


def _of_now(proposal: Proposal, facts: Facts, age: float, need: str) -> Verdict:
    """Hold where what Prometheus says was true before the last action, or before the unit came up by itself."""
    name, have = "still_true", f"sample {age:.1f} s old"
    if age >= _since_last(proposal, facts):
        return hold(
            name,
            "before_last_action",
            have=have,
            need="a sample from after the last action",
            sentence="What Prometheus has is from before the last action, and says nothing of its effect.",
            passing=True,
        )
    unit = seen_unit(proposal, facts) if proposal.scope.of_unit else None
    up_for = unit.age_seconds if unit is not None and unit.active_state == "active" else None
    if unit is not None and up_for is not None and age >= up_for:
        return hold(
            name,
            "before_last_start",
            have=f"{have}, {unit.unit} active for {up_for:.1f} s",
            need="a sample from after the unit became active",
            sentence=f"{unit.unit} became active after what Prometheus has; the next scrape says how it is.",
            passing=True,
        )
    return allow(name, have=f"true, {have}", need=need)


def _over(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold what takes a mark back unless fresh evidence says that the trouble is gone."""
    name, evidence = "still_true", facts.evidence
    if proposal.rung.action == UNFENCE:  # a node that is off is missed until it is switched on
        have = f"{proposal.target.node} is off, and missed for that"
        return allow(name, have=have, need="a person who admits it")
    oldest = facts.topology.numbers.evidence_age
    need = f"{proposal.incident.cause.name} not true, on samples at most {oldest:g} s old"
    age = None if evidence is None else evidence.reading.age
    if evidence is None or evidence.firing is not False or age is None or age > oldest:
        return hold(
            name,
            "not_clear",
            have="not known to be clear" if evidence is None else _age(evidence),
            need=need,
            sentence="What is out of harm's way comes back only when its trouble was seen gone.",
            passing=True,
        )
    if fell_silent(proposal.incident, facts):
        return _silent(proposal, need)
    return allow(name, have=f"clear, sample {age:.1f} s old", need=need)


def _silent(proposal: Proposal, need: str) -> Verdict:
    incident = proposal.incident
    return hold(
        "still_true",
        SILENT,
        have="the rule is not true, and what it saw is not there",
        need=f"{need}, or a person who settled it",
        sentence=f"What {incident.cause.name} saw has no fresh samples any more, which is no recovery. "
        f"Look for yourself; where it is repaired: hale-healer close {incident.id}",
    )


def seen_unit(proposal: Proposal, facts: Facts) -> UnitLook | None:
    """Return the proposal's unit as its gate sees it now; None where that is not known."""
    look = facts.heard(proposal.target.node).look
    return None if look is None else look.units.get(proposal.unit)


def confirmed(evidence: Evidence | None, oldest: float) -> bool:
    """Whether Prometheus says that an alert is true, on samples of at most `oldest` seconds."""
    if evidence is None or not evidence.firing:
        return False
    age = evidence.reading.age
    return age is not None and age <= oldest


def _since_last(proposal: Proposal, facts: Facts) -> float:
    """Return the seconds since the last attempt that did something ended; without bound where none did."""
    untouched = (Outcome.REFUSED, Outcome.NOT_SENT)
    done = (one for one in proposal.incident.attempts if one.outcome not in untouched)
    return min((one for one in map(facts.since, done) if one is not None), default=float("inf"))


def _age(evidence: Evidence) -> str:
    age = evidence.reading.age
    return "no sample" if age is None else f"sample {age:.0f} s old"


def _found(evidence: Evidence, unit: UnitLook | None) -> str:
    reading = "no sample" if evidence.reading.value is None else f"value {evidence.reading.value:g}"
    gate = "gate unknown" if unit is None else f"gate: {unit.unit} {unit.active_state}"
    return f"not true, {reading}, {gate}"
