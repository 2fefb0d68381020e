"""What a gate says of its node when it is asked, as the core knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UnitLook:
    """One unit as the node's gate sees it.

    Attributes:
        age_seconds: Since its last change of state; None where the gate could not say.
        job: Whether systemd has a job queued for it, which may yet start or stop it.
    """

    unit: str
    load_state: str
    active_state: str
    sub_state: str
    result: str
    invocation_id: str
    restarts: int
    age_seconds: float | None
    reverse_dependencies: tuple[str, ...]
    job: bool = False


POWER = "power:"
"""What a node begins with where a gate is asked for its power."""

READY = "ready"
"""The admin state of a member that nobody keeps out."""


@dataclass(frozen=True, slots=True)
class MemberLook:
    """One member of a pool as its balancer has it.

    Attributes:
        admin: ready, drain or maint: what people and marks say.
        operational: up, down, starting or stopping: what the balancer's own checks say.
    """

    admin: str
    operational: str
    sessions: int


MACHINE = "machine:"
"""What a gate is asked for to hear what its machine is."""


@dataclass(frozen=True, slots=True)
class MachineLook:
    """A machine as its gate knows it.

    Attributes:
        fleet_lock_id: What it sends when it asks for a reboot lock; None where it has no machine id.
        reboot_required: Whether an upgrade waits for a boot; None where the gate cannot say.
    """

    fleet_lock_id: str | None
    reboot_required: bool | None


@dataclass(frozen=True, slots=True)
class DatabaseMember:
    """One member of a database, as it last told the cluster's store.

    Attributes:
        role: leader, standby_leader, sync_standby or replica.
        state: running, stopped, start failed, creating replica and the like.
        timeline: None where it does not run.
        lag_bytes: How far it is behind the leader; None for the leader, and where nobody knows.
        barred: Whether Patroni never makes it the leader.
    """

    role: str
    state: str
    timeline: int | None
    lag_bytes: int | None
    barred: bool


@dataclass(frozen=True, slots=True)
class DatabaseLook:
    """A database as a member's gate sees it.

    Attributes:
        leader: None while there is none.
        timeline: The leader's.
        paused: Whether a person told Patroni to leave everything as it is.
        synchronous: Whether commits wait for a standby.
    """

    leader: str | None
    timeline: int | None
    paused: bool
    synchronous: bool
    members: Mapping[str, DatabaseMember]


@dataclass(frozen=True, slots=True)
class PacemakerNode:
    """A node as Pacemaker has it.

    Attributes:
        unclean: Whether nobody knows what it does, so that Pacemaker will fence it.
        able: Whether Pacemaker may start something there.
    """

    online: bool
    standby: bool
    unclean: bool
    able: bool


@dataclass(frozen=True, slots=True)
class ResourceFailures:
    """How often a resource has failed on a node, and when last, as Pacemaker says it.

    Attributes:
        age_seconds: Since then; None where the gate cannot say.
    """

    resource: str
    node: str
    count: int
    last: str
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class PacemakerLook:
    """A Pacemaker cluster as a member's gate sees it.

    Attributes:
        maintenance: Whether a person told Pacemaker to leave everything as it is.
        fencing: Nodes whose fencing is under way.
        running: Where each resource is active, by its id.
        failures: One for each resource and node where it has failed, of all resources.
        movable: Resources that Pacemaker manages and has not given up on.
    """

    quorum: bool
    maintenance: bool
    fencing: tuple[str, ...]
    nodes: Mapping[str, PacemakerNode]
    running: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failures: tuple[ResourceFailures, ...] = ()
    movable: frozenset[str] = frozenset()

    def failed(self, resource: str, node: str) -> tuple[int, str]:
        """Return how often a resource has failed on a node, and when last."""
        found = (one for one in self.failures if (one.resource, one.node) == (resource, node))
        return next(((one.count, one.last) for one in found), (0, ""))


@dataclass(frozen=True, slots=True)
class Mark:
    """Something taken away on purpose, as a gate's state has it.

    Attributes:
        mark: The verb that set it.
        subject: What it is about: POOL/MEMBER, or the name of an address, a database, a Pacemaker cluster or a node.
        applied: Whether the native tool has it so; None where it could not be asked.
    """

    mark: str
    subject: str
    owners: tuple[str, ...]
    applied: bool | None


@dataclass(frozen=True, slots=True)
class BackupLook:
    """What a gate may put back of a backup.

    Attributes:
        snapshot: The newest that a drill proved within its period; empty where there is none.
        snapshot_at: As of when that is, RFC 3339, as the others.
        proved_at: When the drill ended.
        changed_at: When a file was written last, as the last backup saw it; None where nobody knows.
        changed_seen_at: As of when that is; of later changes nobody knows. None where nobody says.
    """

    snapshot: str = ""
    snapshot_at: str = ""
    proved_at: str = ""
    changed_at: str | None = None
    changed_seen_at: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A gate's hello: who it is and what it sees.

    Attributes:
        highest_token: The highest (era, term) that the gate has obeyed; None if none.
        holds: Reasons of the holds set on the node itself.
        units: By name; None for one that the gate does not list or cannot read.
        pools: Members by name, for each pool; None as for units.
        addresses: Whether the node holds each address, by the address's name; None as for units.
        disks: The device at each mount point; None where nothing that may be freed is there, or it does not answer.
        databases: By name; None as for units.
        pacemakers: By name; None as for units.
        places: By the Pacemaker cluster's name, what runs now and would run nowhere without this node; None as for
            units.
        marks: All that stand on the node; None where the gate cannot say.
        powers: How the power of other nodes is, as their device just said: on, off or unknown; None as for units.
        machine: None where it was not asked for.
        backups: What may be put back, by the name that was asked for; None as for units.
    """

    cluster: str
    node: str
    boot_id: str
    ledger_id: str
    highest_token: tuple[int, int] | None
    holds: tuple[str, ...]
    units: Mapping[str, UnitLook | None]
    pools: Mapping[str, Mapping[str, MemberLook] | None] = field(default_factory=dict)
    addresses: Mapping[str, bool | None] = field(default_factory=dict)
    disks: Mapping[str, str | None] = field(default_factory=dict)
    databases: Mapping[str, DatabaseLook | None] = field(default_factory=dict)
    pacemakers: Mapping[str, PacemakerLook | None] = field(default_factory=dict)
    places: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    marks: tuple[Mark, ...] | None = ()
    machine: MachineLook | None = None
    powers: Mapping[str, str | None] = field(default_factory=dict)
    backups: Mapping[str, BackupLook | None] = field(default_factory=dict)

    def backup(self, name: str) -> BackupLook | None:
        """Return what may be put back of a backup, by the name under which it was asked for; None as for units."""
        return self.backups.get(name)

    def member(self, pool: str, member: str) -> MemberLook | None:
        """Return how this balancer has a member; None where that is not known."""
        return (self.pools.get(pool) or {}).get(member)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of asking a gate.

    Attributes:
        look: None where it did not answer.
        error: Why not.
        busy: Whether it did not answer because it is at work for us.
    """

    look: Look | None
    error: str = ""
    busy: bool = False


NOT_ASKED = Heard(None, "it was not asked")
