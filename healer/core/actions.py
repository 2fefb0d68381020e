"""What can be done, as a table: what each verb works on, whether it takes something away, what takes it back.

Rule: an action is done in steps, each through one gate. Only a pool's verbs have more than one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from healer.core.alert import Target
from healer.core.topology import Topology

Args = tuple[tuple[str, str], ...]
"""What a verb is told, as names and values, sorted."""


class Scope(Enum):
    """What a verb works on."""

    UNIT = "unit"  # one unit on the target's node
    POOL = "pool"  # one member of a pool, on each of the pool's balancers
    ADDRESS = "address"  # a virtual address, on a node that may hold it
    FILES = (
        "files"  # what a service keeps on the target's node, in the place of which a backup comes
    )
    DISK = "disk"  # one file system of the target's node
    DATABASE = "database"  # the member of a database on the target's node
    RESOURCE = "resource"  # what Pacemaker runs as the target's service, on the target's node
    CLUSTERED = "clustered"  # all that Pacemaker runs on the target's node
    NODE = "node"  # the target's node as a whole
    POWER = "power"  # the power of the target's node, through the gate of another one

    @property
    def of_unit(self) -> bool:
        """Whether it stops one unit, and what depends on it."""
        return self in (Scope.UNIT, Scope.FILES)

    @property
    def of_pacemaker(self) -> bool:
        """Whether it is about what Pacemaker runs."""
        return self in (Scope.RESOURCE, Scope.CLUSTERED)

    @property
    def whole(self) -> bool:
        """Whether it is all of a node."""
        return self in (Scope.NODE, Scope.POWER)


@dataclass(frozen=True, slots=True)
class Action:
    """One verb.

    Attributes:
        takes: Whether it takes something away that may have been serving.
        undo: The verb that takes its mark back; None where it leaves no mark.
    """

    scope: Scope
    takes: bool
    undo: str | None = None


ACTIONS: dict[str, Action] = {
    "service.restart": Action(Scope.UNIT, takes=True),
    "service.reload": Action(Scope.UNIT, takes=False),
    "pool.drain": Action(Scope.POOL, takes=True, undo="pool.return"),
    "pool.return": Action(Scope.POOL, takes=False),
    "address.decline": Action(Scope.ADDRESS, takes=True, undo="address.accept"),
    "address.accept": Action(Scope.ADDRESS, takes=False),
    "database.switchover": Action(Scope.DATABASE, takes=True, undo="database.admit"),
    "database.bar": Action(Scope.DATABASE, takes=False, undo="database.admit"),
    "database.admit": Action(Scope.DATABASE, takes=False),
    "database.restart": Action(Scope.DATABASE, takes=True),
    "database.reinit": Action(Scope.DATABASE, takes=True),
    "sentinel.failover": Action(Scope.DATABASE, takes=True),
    "pacemaker.cleanup": Action(Scope.RESOURCE, takes=True),
    "pacemaker.standby": Action(Scope.CLUSTERED, takes=True, undo="pacemaker.unstandby"),
    "pacemaker.unstandby": Action(Scope.CLUSTERED, takes=False),
    "disk.free": Action(Scope.DISK, takes=False),
    "files.restore": Action(Scope.FILES, takes=True),
    "package.restore": Action(Scope.UNIT, takes=True),
    "node.reboot": Action(Scope.NODE, takes=True),
    "node.lock": Action(Scope.NODE, takes=True, undo="node.unlock"),
    "node.unlock": Action(Scope.NODE, takes=False),
    "node.patch": Action(Scope.NODE, takes=True),
    "node.fence": Action(Scope.POWER, takes=True, undo="node.unfence"),
    "node.unfence": Action(Scope.POWER, takes=False),
}

RESTORE = "files.restore"
REINSTALL = "package.restore"

BACKUP = "backup:"
"""What a backup's name begins with where a gate is asked for it."""

LOCK, UNLOCK = "node.lock", "node.unlock"
SWITCHOVER, REINIT = "database.switchover", "database.reinit"
BAR, ADMIT = "database.bar", "database.admit"
FAILOVER = "sentinel.failover"
"""The only verb for Redis, and for nothing else: Sentinel chooses who leads next."""

STANDBY = "pacemaker.standby"
"""For upkeep alone: Pacemaker moves all that it runs there to other nodes."""

MARKING = {verb: one.undo for verb, one in ACTIONS.items() if one.undo is not None}
"""Verbs that leave a mark, each with the verb that takes it back."""

GIVING_BACK = frozenset(MARKING.values())
"""Verbs that take a mark back: done when the trouble is gone, not while it lasts."""

FENCE, UNFENCE = "node.fence", "node.unfence"
"""Cuts a node's power; what undoes it waits for a person who admits the node."""

MARK_OF = {SWITCHOVER: BAR}
"""How gates name the mark of a verb, where that is not the verb's own name: who led is barred."""

CHOSEN = frozenset({"candidate"})
"""Arguments that facts choose anew for each decision: they tell no step from another."""

UNKNOWN_VERB = Action(Scope.NODE, takes=True)
"""What a verb that this healer does not know counts as: the widest there is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One gate's part of an action; of a fencing, one gate that can do all of it.

    Attributes:
        gate: The node whose gate acts.
        look: The name under which that gate sees what it will touch; empty where it is the node.
    """

    gate: str
    args: Args
    look: str


def action_of(verb: str) -> Action:
    """Return a verb's row."""
    return ACTIONS.get(verb, UNKNOWN_VERB)


def steps(verb: str, target: Target, topology: Topology, owner: str) -> tuple[Step, ...]:
    """Return every step of an action; none where the verb has nothing to work on there.

    Args:
        verb: As in ACTIONS.
        target: What it is aimed at.
        topology: The cluster.
        owner: Whose mark it is, where it leaves one.
    """
    match action_of(verb).scope:
        case Scope.UNIT:
            if target.service is None or topology.resources_of(target):
                return ()  # what Pacemaker runs, only Pacemaker starts
            service = topology.services.get(target.service)
            unit = service.unit if service is not None else ""
            return (Step(target.node, (("unit", unit),), unit),)
        case Scope.POOL:
            return tuple(_balancers(target, topology, owner))
        case Scope.ADDRESS:
            return tuple(
                Step(target.node, (("address", one.name), ("owner", owner)), one.name)
                for one in topology.addresses.values()
                if target.node in topology.groups[one.group].nodes
            )
        case Scope.FILES:
            return tuple(
                Step(target.node, (("backup", one.name),), f"{BACKUP}{one.name}")
                for one in topology.backups.values()
                if target.node in one.nodes
                and target.service == one.service
                and not topology.resources_of(target)
            )
        case Scope.RESOURCE:
            return tuple(
                Step(target.node, (("pacemaker", one.name), ("resource", resource)), one.look)
                for one, resource in topology.resources_of(target)
            )
        case Scope.CLUSTERED:
            return tuple(
                Step(target.node, (("owner", owner), ("pacemaker", one.name)), one.look)
                for one in topology.pacemakers_of(target.node)
            )
        case Scope.DISK:
            if not target.part:
                return ()
            return (Step(target.node, (("mountpoint", target.part),), target.part),)
        case Scope.POWER:
            args = (("node", target.node), ("owner", owner))
            return tuple(Step(host, args, "") for host in topology.fencing.get(target.node, ()))
        case Scope.DATABASE:
            owned = (("owner", owner),) if verb in MARKING or verb in GIVING_BACK else ()
            return tuple(
                Step(target.node, (("database", one.name), *owned), one.look)
                for one in topology.databases_of(target)
                if one.sentinel is (verb == FAILOVER)
            )
        case Scope.NODE:
            whose = (("owner", owner),) if verb in (LOCK, UNLOCK) else ()
            return (Step(target.node, whose, ""),)


def subject_of(args: Args) -> str:
    """Return what a mark with these arguments is about, as gates name it."""
    told = dict(args)
    if "pool" in told:
        return f"{told['pool']}/{told['member']}"
    keys = ("address", "database", "pacemaker", "node")
    return next((told[key] for key in keys if key in told), "")


def mark_of(verb: str) -> str:
    """Return how gates name the mark that a verb sets."""
    return MARK_OF.get(verb, verb)


def lasting(args: Args) -> Args:
    """Return the arguments that tell a step from every other one, without what was chosen for it."""
    return tuple(one for one in args if one[0] not in CHOSEN)


def _balancers(target: Target, topology: Topology, owner: str) -> Iterator[Step]:
    for pool in topology.pools_of(target):
        args = (("member", target.node), ("owner", owner), ("pool", pool.name))
        for balancer in topology.groups[pool.balancers].nodes:
            yield Step(balancer, args, f"pool:{pool.name}")


def proof_place(
    verb: str, about: Target, gate: str, args: Args, topology: Topology
) -> tuple[Target, Args]:
    """Return where the proof of a step is looked for: a target, and labels besides.

    A mark is proved on the node whose gate has it; all else on what the alert was about.
    """
    told = dict(args)
    match action_of(verb).scope:
        case Scope.POOL:
            return Target(gate), (("member", told["member"]), ("pool", told["pool"]))
        case Scope.ADDRESS:
            found = topology.addresses.get(told["address"])
            return Target(gate), (("address", found.address if found is not None else ""),)
        case Scope.DATABASE:
            database = topology.databases.get(told["database"])
            return Target(gate), (("scope", database.scope if database is not None else ""),)
        case _:
            return about, ()
