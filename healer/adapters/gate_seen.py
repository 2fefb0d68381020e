"""What a gate shows of one thing that it was asked to look at: one class for each kind, and what it is to the guards.

Format: docs/contracts.md, "The gate protocol". Rule: what is of another kind than was asked for is unknown.
"""

from typing import Annotated, Literal

from pydantic import Field

from healer.adapters.gate_lines import Line
from healer.core.look import (
    BackupLook,
    DatabaseLook,
    DatabaseMember,
    MachineLook,
    MemberLook,
    PacemakerLook,
    PacemakerNode,
    ResourceFailures,
    UnitLook,
)


class SeenUnit(Line):
    """A unit, as systemd tells of it."""

    kind: Literal["unit"]
    load_state: str
    active_state: str
    sub_state: str
    result: str
    invocation_id: str
    restarts: int | None
    state_age_seconds: float | None
    job: bool = False
    reverse_dependencies: list[str]


class SeenAddress(Line):
    """A virtual address, and whether the node holds it."""

    kind: Literal["address"]
    address: str
    held: bool


class _Member(Line):
    admin: Literal["ready", "drain", "maint"]
    operational: Literal["up", "down", "starting", "stopping"]
    sessions: int


class SeenPool(Line):
    """A pool, as its balancer tells of it."""

    kind: Literal["pool"]
    members: dict[str, _Member]


class SeenFileSystem(Line):
    """What is free in a place on a disk."""

    kind: Literal["filesystem"]
    size_bytes: int
    available_bytes: int
    device: str


class _DatabaseMember(Line):
    role: str
    state: str
    timeline: int | None
    lag_bytes: int | None
    barred: bool


class SeenDatabase(Line):
    """A database cluster, as Patroni or Sentinel tells of it."""

    kind: Literal["database"]
    leader: str | None
    timeline: int | None
    paused: bool
    synchronous: bool
    members: dict[str, _DatabaseMember]


class _Proven(Line):
    snapshot: str = Field(min_length=1)
    snapshot_at: str
    proved_at: str
    newest_record_at: str | None


class SeenBackup(Line):
    """The newest copy that a drill proved, and the newest change after it."""

    kind: Literal["backup"]
    proven: _Proven | None
    newest_change_at: str | None
    newest_change_seen_at: str | None = None


class SeenMachine(Line):
    """The node itself."""

    kind: Literal["machine"]
    fleet_lock_id: str | None
    reboot_required: bool | None


class SeenPower(Line):
    """How the power of a node stands, by its device."""

    kind: Literal["power"]
    state: Literal["on", "off", "unknown"]
    reading: str


class _PacemakerNode(Line):
    online: bool
    standby: bool
    unclean: bool
    able: bool


class _Resource(Line):
    nodes: list[str]
    managed: bool
    failed: bool
    blocked: bool


class _Failures(Line):
    resource: str
    node: str
    count: int
    last: str
    age_seconds: float | None


class SeenPacemaker(Line):
    """A cluster of Pacemaker, as the node sees it."""

    kind: Literal["pacemaker"]
    quorum: bool
    maintenance: bool
    fencing: list[str]
    nodes: dict[str, _PacemakerNode]
    resources: dict[str, _Resource]
    failures: list[_Failures]


class SeenPlace(Line):
    """What a cluster of Pacemaker would run nowhere without the node."""

    kind: Literal["place"]
    homeless: list[str]


Seen = Annotated[
    SeenUnit
    | SeenAddress
    | SeenPool
    | SeenFileSystem
    | SeenDatabase
    | SeenMachine
    | SeenPower
    | SeenBackup
    | SeenPacemaker
    | SeenPlace,
    Field(discriminator="kind"),
]


def machine_of(seen: object) -> MachineLook | None:
    """Return the machine; None where the gate says nothing of it."""
    if not isinstance(seen, SeenMachine):
        return None
    return MachineLook(seen.fleet_lock_id, seen.reboot_required)


def backup_of(seen: SeenBackup) -> BackupLook:
    """Return the backup."""
    proven, changed = seen.proven, (seen.newest_change_at, seen.newest_change_seen_at)
    if proven is None:
        return BackupLook("", "", "", *changed)
    return BackupLook(proven.snapshot, proven.snapshot_at, proven.proved_at, *changed)


def members_of(seen: Seen | None) -> dict[str, MemberLook] | None:
    """Return the members of a pool by name; None where the gate says nothing of it."""
    if not isinstance(seen, SeenPool):
        return None
    return {
        name: MemberLook(one.admin, one.operational, one.sessions)
        for name, one in seen.members.items()
    }


def database_of(seen: Seen | None) -> DatabaseLook | None:
    """Return the database; None where the gate says nothing of it."""
    if not isinstance(seen, SeenDatabase):
        return None
    members = {
        name: DatabaseMember(one.role, one.state, one.timeline, one.lag_bytes, one.barred)
        for name, one in seen.members.items()
    }
    return DatabaseLook(seen.leader, seen.timeline, seen.paused, seen.synchronous, members)


def pacemaker_of(seen: Seen | None) -> PacemakerLook | None:
    """Return the cluster; None where the gate says nothing of it."""
    if not isinstance(seen, SeenPacemaker):
        return None
    return PacemakerLook(
        quorum=seen.quorum,
        maintenance=seen.maintenance,
        fencing=tuple(seen.fencing),
        nodes={
            name: PacemakerNode(one.online, one.standby, one.unclean, one.able)
            for name, one in seen.nodes.items()
        },
        running={name: tuple(one.nodes) for name, one in seen.resources.items()},
        failures=tuple(
            ResourceFailures(one.resource, one.node, one.count, one.last, one.age_seconds)
            for one in seen.failures
        ),
        movable=frozenset(
            name for name, one in seen.resources.items() if one.managed and not one.blocked
        ),
    )


def unit_of(name: str, unit: SeenUnit) -> UnitLook:
    """Return the unit of this name."""
    return UnitLook(
        unit=name,
        load_state=unit.load_state,
        active_state=unit.active_state,
        sub_state=unit.sub_state,
        result=unit.result,
        invocation_id=unit.invocation_id,
        restarts=unit.restarts or 0,
        age_seconds=unit.state_age_seconds,
        job=unit.job,
        reverse_dependencies=tuple(unit.reverse_dependencies),
    )
