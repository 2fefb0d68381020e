"""What must hold before a node is taken out of service for upkeep, and before it is patched or rebooted.

The ladders' own guards over the node's whole footprint, but for those that ask about an alert: nobody claims one here.
A node of the control plane is allowed, since people and rolls do touch it; two of them at once are not.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from healer.core.actions import LOCK, SWITCHOVER, Args, Scope, action_of
from healer.core.alert import Alert, Target
from healer.core.facts import Facts, Proposal
from healer.core.footprint import NOTHING, of_node
from healer.core.guards.authority import frozen, sees_enough, silenced
from healer.core.guards.copies import last_copy, quorum
from healer.core.guards.fencing import fenced
from healer.core.guards.grounds import known_target
from healer.core.guards.group import capacity, one_at_a_time
from healer.core.guards.storm import no_storm
from healer.core.guards.witnesses import owner_settled
from healer.core.incident import Incident
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.order import Sight
from healer.core.pacemaker import pacemaker_paused
from healer.core.patroni import moved_before, paused
from healer.core.topology import Group, Topology
from healer.core.upkeep_events import Kind
from healer.core.verdict import Verdict, allow, hold

NEED = "no freeze, no hold, nobody else at work there"
CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that is wanted of a node for upkeep.

    Attributes:
        verb: node.lock before anything is taken away, then what is done one by one, node.patch and node.reboot last.
        owner: Whose lock it is; other owners' hold it.
        together: Nodes of the same roll that are away, as it was asked to.
        sight: What the Alertmanagers said last; None where they did not.
        args: What the verb is told.
    """

    node: str
    verb: str
    kind: Kind
    owner: str
    sight: Sight | None
    together: frozenset[str] = frozenset()
    args: Args = ()


Judge = Callable[[Wish, Proposal, Facts], Verdict]


def judge(wish: Wish, facts: Facts) -> tuple[Verdict, ...]:
    """Ask every guard, in order."""
    proposal = proposal_of(wish, facts.topology)
    # What this very upkeep keeps away is subtracted as the target already.
    others = {node: why for node, why in facts.locked.items() if node != wish.node}
    facts = replace(facts, locked=others, together=wish.together)
    return tuple(guard(wish, proposal, facts) for guard in GUARDS)


def proposal_of(wish: Wish, topology: Topology) -> Proposal:
    """Return the wish in the form that the ladders' guards judge."""
    node = topology.nodes.get(wish.node)
    target = Target(wish.node)
    labels = (("node", wish.node),) if node is not None else ()
    nobody = Incident("0", Alert("", "Upkeep", labels, 0.0), "", 0.0, 0.0, topology.digest)
    rung = Rung(wish.verb, None, False, 0.0, None, 1, 0.0)
    return Proposal(
        incident=nobody,
        ladder=Ladder("", Mode.ACT, (rung,)),
        rung_index=0,
        rung=rung,
        target=target,
        gate=wish.node,
        args=wish.args,
        look="",
        unit="",
        mode=Mode.ACT,
        footprint=of_node(wish.node, topology) if node is not None else NOTHING,
    )


def _known(wish: Wish, proposal: Proposal, facts: Facts) -> Verdict:
    """Ask what a ladder is asked; where a person or the node itself asks, as if there were no control plane."""
    if wish.kind is Kind.ROLL:
        return known_target(proposal, facts)
    topology = facts.topology
    plain = {name: replace(group, control=False) for name, group in topology.groups.items()}
    open_to_all = replace(topology, groups=plain, own_node="")
    return known_target(proposal, replace(facts, topology=open_to_all))


def _not_stopped(wish: Wish, proposal: Proposal, facts: Facts) -> Verdict:
    """Hold on a freeze, a hold of the node, another's lock, and, unless a person asks, on a silence or a pause."""
    stopped, asked = frozen(facts), wish.kind is Kind.PERSON
    if stopped is None and not asked and wish.verb == LOCK:
        stopped = silenced(proposal, facts)
    stopped = stopped or pacemaker_paused(proposal, facts)
    if stopped is None and (not asked or wish.verb == SWITCHOVER):
        stopped = paused(proposal, facts)
    if stopped is not None:
        return stopped
    held = facts.standing.held.get(wish.node)
    look = facts.heard(wish.node).look
    at_gate = ", ".join(look.holds) if look is not None else ""
    if held is not None or at_gate:
        reason = "person_hold" if held is not None else "gate_hold"
        return hold(
            *("not_stopped", reason),
            have=held or at_gate,
            need=NEED,
            sentence=f"A person holds {wish.node}; release it first.",
        )
    others = _other_locks(wish, facts)
    if others:
        return hold(
            *("not_stopped", "node_locked"),
            have=others,
            need=NEED,
            sentence=f"{wish.node} is locked at its own gate for somebody else.",
        )
    return allow("not_stopped", have="none of them", need=NEED)


def _other_locks(wish: Wish, facts: Facts) -> str:
    look = facts.heard(wish.node).look
    marks = look.marks or () if look is not None else ()
    owners = (owner for one in marks if one.mark == LOCK for owner in one.owners)
    return ", ".join(owner for owner in owners if owner != wish.owner)


def _quiet(wish: Wish, proposal: Proposal, facts: Facts) -> Verdict:
    """Hold while a critical alert fires on a node of its groups, or about one of them; a person may know of it."""
    name, need = "quiet", "no critical alert in its groups"
    if wish.kind is Kind.PERSON or wish.verb != LOCK:
        return allow(name, have="a person asks" if wish.kind is Kind.PERSON else "-", need="-")
    if wish.sight is None:
        return hold(
            *(name, "alertmanager_silent"),
            have="no Alertmanager answered",
            need=need,
            sentence="Nobody says whether anything is wrong in its groups.",
        )
    found = firing({wish.node}, facts.topology.groups_of(wish.node), wish.sight)
    if found:
        return hold(
            *(name, "alerts_fire"),
            have=", ".join(found),
            need=need,
            sentence="Something is wrong in its groups already, so no member is taken away now.",
        )
    return allow(name, have="none", need=need)


def firing(nodes: Collection[str], groups: Collection[Group], sight: Sight) -> list[str]:
    """Return the critical alerts about these nodes, nodes of these groups, or such a group as a whole."""
    members = {*nodes, *(one for group in groups for one in group.nodes)}
    names = {group.name for group in groups}
    return [
        *(
            f"{one.name} at {one.target}"
            for one in sight.alerts
            if _critical(one) and one.target.node in members
        ),
        *(
            f"{one.name} of group {one.label('group')}"
            for one in sight.of_groups
            if _critical(one) and one.label("group") in names
        ),
    ]


def _critical(alert: Alert) -> bool:
    # What the healer says of itself follows from other alerts.
    return alert.label("severity") == CRITICAL and not alert.name.startswith("Healer")


def _last_copy(wish: Wish, proposal: Proposal, facts: Facts) -> Verdict:
    """Ask whether another good copy is there; a person's word counts for the copies, but not for who leads."""
    if wish.kind is not Kind.PERSON or action_of(wish.verb).scope is Scope.DATABASE:
        return last_copy(proposal, facts)
    databases = facts.topology.databases_of(Target(wish.node)) if wish.verb == LOCK else ()
    said = [moved_before(one, wish.node, facts) for one in databases]
    held = next((one for one in said if one is not None and not one.allowed), None)
    return held or allow("last_copy", have="a person takes it away", need="-")


def _plain(guard: Callable[[Proposal, Facts], Verdict]) -> Judge:
    return lambda _, proposal, facts: guard(proposal, facts)


GUARDS: tuple[Judge, ...] = (
    _known,
    _not_stopped,
    _plain(sees_enough),
    _plain(no_storm),
    _quiet,
    _plain(owner_settled),
    _plain(capacity),
    _plain(quorum),
    _last_copy,
    _plain(one_at_a_time),
    _plain(fenced),
)
"""As healer.core.guards has them, and `quiet`, which a ladder cannot ask: it is there because an alert fires."""
