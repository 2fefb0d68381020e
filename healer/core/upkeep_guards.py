"""What must hold before a node is taken out of service for upkeep, and before it is patched or rebooted.

The ladders' own guards over the node's whole footprint, but for those that ask about an alert: nobody claims one here.
A node of the control plane is allowed, since people and rolls do touch it; two of them at once are not.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from healer.core.actions import LOCK, MARKING, SWITCHOVER, Args, Scope, action_of
from healer.core.alert import Alert, Target
from healer.core.facts import Facts, Proposal
from healer.core.footprint import NOTHING, of_node
from healer.core.guards.authority import frozen, maintained, sees_enough, silenced
from healer.core.guards.copies import last_copy, quorum
from healer.core.guards.fencing import fenced
from healer.core.guards.grounds import known_target
from healer.core.guards.group import one_at_a_time
from healer.core.guards.people import NEEDED
from healer.core.guards.storm import no_storm
from healer.core.guards.witnesses import owner_settled
from healer.core.incident import EXPLAINED, Incident
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.order import Sight
from healer.core.pacemaker import pacemaker_paused
from healer.core.patroni import moved_before, paused
from healer.core.topology import Group, Topology
from healer.core.upkeep_events import Kind
from healer.core.upkeep_exclusive import boot_fenced, room
from healer.core.upkeep_steps import PATCH, REBOOT
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
        through: Nodes through whose gates it is done.
    """

    node: str
    verb: str
    kind: Kind
    owner: str
    sight: Sight | None
    together: frozenset[str] = frozenset()
    args: Args = ()
    through: frozenset[str] = frozenset()


GIVES_BACK = frozenset({"capacity", "quorum", "maintenance", EXPLAINED, NEEDED})
"""Reasons for which a node that is half taken is given back: none of them ends by itself within minutes."""

WAITS = frozenset({"sees_enough", "capacity"})
"""Guards that may hold for another reason: with no answer of Prometheus, or of Pacemaker (`no_place`)."""

Judge = Callable[[Wish, Proposal, Facts], Verdict]


def judge(wish: Wish, facts: Facts) -> tuple[Verdict, ...]:
    """Ask every guard, in order."""
    proposal = proposal_of(wish, facts.topology)
    # What this very upkeep keeps away is subtracted as the target already.
    others = {node: why for node, why in facts.locked.items() if node != wish.node}
    facts = replace(facts, locked=others, together=wish.together)
    return tuple(guard(wish, proposal, facts) for guard in GUARDS)


def half_taken(verdicts: Collection[Verdict]) -> Verdict | None:
    """Return what holds a node back whose lock was allowed before, by what its guards say of that lock now.

    Who sees too little waits until they see, or the taking's time is up: with no figures everything is short of room.
    """
    found = (one for one in verdicts if not one.allowed)
    return next((one for one in found if one.guard in WAITS or one.reason in GIVES_BACK), None)


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
    """Hold on a freeze, a hold, another's lock, and, unless a person asks, on a window, a silence or a pause.

    What is held or locked is neither touched nor acted through.
    """
    stopped, asked = frozen(facts), wish.kind is Kind.PERSON
    if stopped is None and not asked:
        stopped = _window(wish, proposal, facts)
    if stopped is None and not asked and wish.verb == LOCK:
        stopped = silenced(proposal, facts)
    stopped = stopped or pacemaker_paused(proposal, facts)
    if stopped is None and (not asked or wish.verb == SWITCHOVER):
        stopped = paused(proposal, facts)
    if stopped is not None:
        return stopped
    return _kept(wish, facts) or allow("not_stopped", have="none of them", need=NEED)


def _kept(wish: Wish, facts: Facts) -> Verdict | None:
    """Hold while a person holds the node or one through which it is taken away, or such a node is locked."""
    for node in (wish.node, *sorted(wish.through - {wish.node})):
        look, held = facts.heard(node).look, facts.standing.held.get(node)
        at_gate = ", ".join(look.holds) if look is not None else ""
        if held is not None or at_gate:
            return hold(
                *("not_stopped", "person_hold" if held is not None else "gate_hold"),
                have=held or at_gate,
                need=NEED,
                sentence=f"A person holds {node}; release it first.",
            )
    others = _other_locks(wish, facts)
    if others:
        return hold(
            *("not_stopped", "node_locked"),
            have=others,
            need=f"no other lock at the gate of {wish.node}",
            sentence=f"{wish.node} is locked at its own gate for somebody else. Look there with `hale-gate marks`; "
            "where nobody works on it any more, end that there with `hale-gate unlock --all`.",
        )
    # What is given back goes through a locked one too: two that wait for each other would never be back.
    for node in sorted(wish.through - {wish.node}) if wish.verb in MARKING else ():
        why = facts.lock_of(node)
        if why is not None:
            return hold(
                *("not_stopped", "node_locked"),
                have=f"{node}: {why}",
                need=NEED,
                sentence=f"{wish.node} is taken away through {node}, which is locked ({why}).",
            )
    return None


def _window(wish: Wish, proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold while a maintenance window is open over the node, or over one through whose gate it is taken away."""
    gates = (wish.node, *sorted(wish.through - {wish.node}))
    said = (maintained(replace(proposal, gate=gate), facts) for gate in gates)
    return next((one for one in said if one is not None), None)


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


def _fenced(wish: Wish, proposal: Proposal, facts: Facts) -> Verdict:
    """Ask it of a boot too, where one follows the lock: a person boots the node, or does not, by their own choice."""
    boots = wish.verb in (PATCH, REBOOT) or (wish.verb == LOCK and wish.kind is not Kind.PERSON)
    return boot_fenced(proposal, facts) if boots else fenced(proposal, facts)


def _approved(wish: Wish, proposal: Proposal, facts: Facts) -> Verdict:
    """Hold what no person asks for by the node's name unless its owners let Hale act; a roll is a person's yes."""
    name, need = "approved", "mode act of healer and of every group"
    topology = facts.topology
    mode = mode_of([topology.groups[one] for one in proposal.footprint.groups], topology)
    have = f"mode {mode.value}"
    if wish.kind is Kind.PERSON:
        return allow(name, have=f"a person asks, in {have}", need="-")
    if mode is Mode.ACT or (mode is Mode.APPROVE and wish.kind is Kind.ROLL):
        return allow(name, have=have, need=need)
    return hold(
        *(name, EXPLAINED if mode is Mode.EXPLAIN else NEEDED),
        have=have,
        need=need,
        sentence=f"Hale takes {wish.node} away by itself only in mode act. A person may: "
        f"hale-healer maintenance start {wish.node}",
    )


def mode_of(groups: Collection[Group], topology: Topology) -> Mode:
    """Return the most cautious word of the healer's owner and of these groups' owners.

    A control group has none: no ladder touches one, whatever its mode says.
    """
    owners = [topology.healer_mode, *(one.mode for one in groups if not one.control)]
    return min(owners, key=lambda mode: mode.rank)


def _plain(guard: Callable[[Proposal, Facts], Verdict]) -> Judge:
    return lambda _, proposal, facts: guard(proposal, facts)


GUARDS: tuple[Judge, ...] = (
    _known,
    _not_stopped,
    _plain(sees_enough),
    _plain(no_storm),
    _quiet,
    _plain(owner_settled),
    _plain(room),
    _plain(quorum),
    _last_copy,
    _plain(one_at_a_time),
    _fenced,
    _approved,
)
"""As healer.core.guards has them, and `quiet`, which a ladder cannot ask: it is there because an alert fires."""
