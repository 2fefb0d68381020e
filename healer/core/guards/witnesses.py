"""Who says so, and has the one whose business it is had its own time."""

from healer.core.actions import FENCE, Scope
from healer.core.facts import Facts, Proposal
from healer.core.guards.grounds import seen_unit
from healer.core.look import UnitLook
from healer.core.pacemaker import pacemaker_settled
from healer.core.patroni import patroni_settled
from healer.core.verdict import Verdict, allow, hold

CALLS_DEAD = frozenset({FENCE})
"""Verbs that take a node for dead. A reboot goes through the node's own gate, so it claims no death."""


def two_witnesses(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold a verb that takes a node for dead unless scrape, gate and every peer miss it."""
    name = "two_witnesses"
    if proposal.rung.action not in CALLS_DEAD:
        return allow(name, have=f"{proposal.rung.action} calls no node dead", need="-")
    node = proposal.target.node
    health = None if facts.picture is None else facts.picture.nodes.get(node)
    scraped = None if health is None else health.scraped
    reached = None if health is None else health.reached
    heard = facts.heard(node)
    silent = heard.look is None and not heard.busy
    have = (
        f"scrape {_word(scraped)}, peers {_word(reached)}, gate {'silent' if silent else 'answers'}"
    )
    need = "missed by scrape, by every peer and by its gate"
    if scraped is False and reached is False and silent:
        return allow(name, have=have, need=need)
    return hold(
        name,
        "one_witness",
        have=have,
        need=need,
        sentence=f"Not everybody misses {node}; it may be its exporter or the network.",
    )


def owner_settled(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold while systemd, VRRP, Patroni or Pacemaker is at it, and for their own time after the last change."""
    owners = (
        _systemd(proposal, facts),
        _vrrp(proposal, facts),
        patroni_settled(proposal, facts),
        pacemaker_settled(proposal, facts),
    )
    said = [one for one in owners if one is not None]
    refused = next((one for one in said if not one.allowed), None)
    return refused or allow(
        "owner_settled",
        have="; ".join(one.have for one in said),
        need="; ".join(one.need for one in said),
    )


def _systemd(proposal: Proposal, facts: Facts) -> Verdict:
    name, least = "owner_settled", facts.topology.numbers.owner_settled
    if not proposal.unit or proposal.scope not in (Scope.UNIT, Scope.FILES, Scope.NODE):
        return allow(name, have=f"{proposal.rung.action} touches no unit", need="-")
    need = f"no job of systemd's own, {least:g} s since the last change"
    unit = seen_unit(proposal, facts)
    if unit is not None and _rests(unit):
        return allow(name, have=f"{unit.unit} was never started since the boot", need=need)
    if unit is None or unit.age_seconds is None:
        return hold(
            name,
            "owner_unknown",
            have="unit not seen",
            need=need,
            sentence="The gate could not say how the unit is, so systemd may be at work on it.",
        )
    queued = ", a job queued" if unit.job else ""
    have = f"{unit.active_state}/{unit.sub_state} for {unit.age_seconds:.1f} s{queued}"
    if unit.job or unit.active_state in ("activating", "deactivating", "reloading"):
        return hold(
            name,
            "owner_busy",
            have=have,
            need=need,
            sentence=f"systemd is working on {unit.unit} by itself.",
            passing=True,
        )
    if unit.age_seconds < least:
        return hold(
            name,
            "owner_settling",
            have=have,
            need=need,
            sentence=f"{unit.unit} changed just now; systemd has its own time first.",
            passing=True,
        )
    return allow(name, have=have, need=need)


def _rests(unit: UnitLook) -> bool:
    """Whether a unit never changed since the boot, as one that another node of its group runs."""
    idle = unit.load_state == "loaded" and unit.active_state == "inactive" and not unit.job
    return idle and unit.age_seconds is None


def _vrrp(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Say whether every address that the action may move rests; None where it can move none."""
    name, least = "owner_settled", facts.topology.numbers.owner_settled_address
    touched = [
        one
        for one in facts.topology.addresses.values()
        if one.group in proposal.footprint.groups and proposal.takes
    ]
    held = facts.holders.held
    need = f"no change of who holds it for {least:g} s"
    for one in touched:
        if one.name not in held:
            return hold(
                name,
                "holder_unknown",
                have=f"no candidate of {one.name} says whether it holds {one.address}",
                need=need,
                sentence=f"Nobody says who holds {one.name}, so it may be moving. Look at the exporters there.",
            )
        if held[one.name].age < least:
            what = "has just moved, or may have" if held[one.name].nodes else "is held by nobody"
            return hold(
                name,
                "holder_settling",
                have=f"{one.name} held by {held[one.name]}",
                need=need,
                sentence=f"{one.name} {what}; VRRP has its own time first.",
                passing=True,
            )
    said = "; ".join(f"{one.name} held by {held[one.name]}" for one in touched)
    return allow(name, have=said, need=need) if touched else None


def _word(value: bool | None) -> str:
    return {True: "sees it", False: "misses it", None: "unknown"}[value]
