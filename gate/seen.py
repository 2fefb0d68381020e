"""What hello shows: each thing that was asked for, as far as gate.json lists it and it can be read; and all marks.

Nothing is written. What cannot be read within its time is None, which a healer takes for the worst.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gate import (
    declining,
    fence_agents,
    machine,
    mounts,
    netlink,
    owned,
    pacemaker,
    patroni,
    places,
    restores,
    standing_by,
    units,
)
from gate.clock import NANO
from gate.fence_agents import OFF, ON, Reading
from gate.haproxy import READY, Sight, Unanswered
from gate.machine import Machine
from gate.mark import BAR, DRAIN, FENCE, LOCK, STANDBY, Mark
from gate.marks import MarksUnreadable
from gate.verb import Node

POOL = "pool:"
"""What a pool's name begins with in `look`, so that a pool and an address may have one name."""

DATABASE = "database:"
"""As POOL, of a database."""

BACKUP = "backup:"
"""As POOL, of a backup that this gate may put back."""

PACEMAKER = "pacemaker:"
"""As POOL, of a Pacemaker cluster."""

PLACE = "place:"
"""As POOL, of what such a cluster runs now and would run nowhere without this node."""

PLACE_SECONDS = 1.5
"""For Pacemaker's scheduler, after crm_mon has had its 3 s."""

POWER = "power:"
"""As POOL, of another node whose power is asked for."""

LOOK_SECONDS = 4.0
"""For all readings of power in one look: a healer waits for a gate for 5 s."""


@dataclass(frozen=True, slots=True)
class AddressSeen:
    """A virtual address; `held` is whether this node's interface has it now."""

    address: str
    held: bool


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """A pool's member as HAProxy has it, see gate.haproxy.Server."""

    admin: str
    operational: str
    sessions: int


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """A pool. A member that HAProxy does not have is not among the members."""

    members: Mapping[str, MemberSeen]


@dataclass(frozen=True, slots=True)
class FileSystemSeen:
    """A file system; `available_bytes` is what is left for others than root."""

    size_bytes: int
    available_bytes: int
    device: str


@dataclass(frozen=True, slots=True)
class PowerSeen:
    """Another node's power: on, off or unknown; `why` says what tells so."""

    state: str
    why: str


@dataclass(frozen=True, slots=True)
class PlaceSeen:
    """What Pacemaker runs now and would run nowhere without this node, by the resources' ids, sorted."""

    homeless: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackupSeen:
    """What may be put back of a backup.

    Attributes:
        proof: None where no drill proved anything within its period.
        newest_change_at: When a file was written last, RFC 3339; None where that is not known.
        newest_change_seen_at: As of when that is: of what was written later nobody knows. None where not known.
    """

    proof: restores.Proof | None
    newest_change_at: str | None
    newest_change_seen_at: str | None


Seen = (
    units.Seen
    | AddressSeen
    | PoolSeen
    | FileSystemSeen
    | PowerSeen
    | BackupSeen
    | PlaceSeen
    | Machine
    | patroni.Sight
    | pacemaker.Sight
)


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """A mark; `applied` is whether its native tool has it so, None where that could not be asked."""

    mark: Mark
    applied: bool | None


@dataclass(slots=True)
class Eyes:
    """One look at a node. Each HAProxy, database, Pacemaker, power device is asked once: wedged, it costs seconds."""

    node: Node
    sights: dict[str, Sight | None] = field(default_factory=dict)
    databases: dict[str, patroni.Sight | None] = field(default_factory=dict)
    pacemakers: dict[str, pacemaker.Sight | None] = field(default_factory=dict)
    powers: dict[str, Reading] = field(default_factory=dict)

    def look(self, names: tuple[str, ...]) -> Mapping[str, Seen | None]:
        """Return what can be seen of each name; None for what is not listed or cannot be read."""
        config, systemd, clock = self.node.config, self.node.systemd, self.node.clock
        listed = [name for name in names if name in config.units]
        found: dict[str, Seen | None] = dict(units.look(listed, systemd, clock)) if listed else {}
        for name in names:
            if name in config.addresses:
                found[name] = self._address(name)
            elif name.startswith(POOL):
                found[name] = self._pool(name.removeprefix(POOL))
            elif name == machine.NAME:
                found[name] = self.node.machine()
            elif name.startswith(DATABASE):
                found[name] = self._database(name.removeprefix(DATABASE))
            elif name.startswith(BACKUP):
                found[name] = self._backup(name.removeprefix(BACKUP))
            elif name.startswith(PACEMAKER):
                found[name] = self._pacemaker(name.removeprefix(PACEMAKER))
            elif name.startswith(PLACE):
                found[name] = self._place(name.removeprefix(PLACE))
            elif name.startswith(POWER):
                found[name] = self._power(name.removeprefix(POWER), LOOK_SECONDS)
            elif name.startswith("/"):
                found[name] = self._file_system(name)
        return {name: found.get(name) for name in names}

    def marks(self) -> tuple[MarkSeen, ...] | None:
        """Return all marks; None where they cannot be read, so that each of them may be set."""
        try:
            marks = self.node.marks.read()
        except MarksUnreadable:
            return None
        return tuple(MarkSeen(mark, self._applied(mark)) for _, mark in sorted(marks.items()))

    def _sight(self, path: str) -> Sight | None:
        if path not in self.sights:
            try:
                self.sights[path] = self.node.balancer.look(path)
            except Unanswered:
                self.sights[path] = None
        return self.sights[path]

    def _address(self, name: str) -> AddressSeen | None:
        rule = self.node.config.addresses[name]
        try:
            held = self.node.has_address(rule.address, rule.interface)
        except netlink.Unreadable:
            return None
        return AddressSeen(rule.address, held)

    def _pool(self, name: str) -> PoolSeen | None:
        rule = self.node.config.pools.get(name)
        sight = self._sight(rule.socket) if rule is not None else None
        if rule is None or sight is None:
            return None
        servers = sight.backend(rule.backend)
        return PoolSeen(
            {
                member: MemberSeen(one.admin, one.operational, one.sessions)
                for member in rule.members
                if (one := servers.get(member)) is not None
            }
        )

    def _database(self, name: str) -> patroni.Sight | None:
        if name not in self.databases:
            try:
                self.databases[name] = owned.sight_of(name, self.node)
            except (owned.Unanswered, KeyError):  # unread, or not listed
                self.databases[name] = None
        return self.databases[name]

    def _backup(self, name: str) -> BackupSeen | None:
        rule = self.node.config.restores.get(name)
        if rule is None:
            return None
        try:
            proof = restores.newest(rule, self.node.clock)
            return BackupSeen(proof, *restores.newest_change(rule))
        except restores.Unreadable:
            return None

    def _pacemaker(self, name: str) -> pacemaker.Sight | None:
        """Look at a cluster, and keep of its resources those that gate.json lists; of its failures all."""
        rule = self.node.config.pacemakers.get(name)
        if rule is None:
            return None
        if name not in self.pacemakers:
            try:
                now = self.node.clock.wall() / NANO
                sight = pacemaker.look(rule, self.node.programs, now)
            except pacemaker.Unanswered:
                self.pacemakers[name] = None
            else:
                ours = {one: seen for one, seen in sight.resources.items() if one in rule.resources}
                self.pacemakers[name] = replace(sight, resources=ours)
        return self.pacemakers[name]

    def _place(self, name: str) -> PlaceSeen | None:
        rule = self.node.config.pacemakers.get(name)
        if rule is None or self._pacemaker(name) is None:
            return None  # not listed; or it has been silent once, and is not waited for again
        try:
            return PlaceSeen(places.homeless(rule, self.node.programs, PLACE_SECONDS))
        except pacemaker.Unanswered:
            return None

    def _power(self, name: str, seconds: float) -> PowerSeen | None:
        """Ask how a node's power is; several are asked for as long as one look may take."""
        rule = self.node.config.fencing.get(name)
        if rule is None:
            return None
        if name not in self.powers:
            left = seconds - sum(
                self.node.config.fencing[one].status_seconds for one in self.powers
            )
            if left <= 0:
                return None
            self.powers[name] = fence_agents.read(rule, left, self.node.programs)
        return PowerSeen(self.powers[name].state, self.powers[name].why)

    def _file_system(self, path: str) -> FileSystemSeen | None:
        disks = self.node.disks
        try:
            mount = mounts.listed(path, self.node.config, disks.mounts())
            usage = disks.usage(mount) if mount is not None else None
        except mounts.Unmeasurable:
            return None
        if mount is None or usage is None:
            return None
        return FileSystemSeen(usage.size_bytes, usage.available_bytes, mount.device)

    def _applied(self, mark: Mark) -> bool | None:
        if mark.mark == LOCK:
            return True  # the mark is all there is of it
        if mark.mark == BAR:
            return self._barred(mark.subject)
        if mark.mark == STANDBY:
            return self._standby(mark.subject)
        if mark.mark == FENCE:  # a device is asked only by who wants to know
            reading = self.powers.get(mark.subject)
            return {OFF: True, ON: False}.get(reading.state) if reading is not None else None
        if mark.mark != DRAIN:
            rule = self.node.config.addresses.get(mark.subject)
            return None if rule is None else declining.is_declined(rule)
        name, _, member = mark.subject.partition("/")
        pool = self.node.config.pools.get(name)
        sight = self._sight(pool.socket) if pool is not None else None
        if pool is None or sight is None:
            return None
        server = sight.servers.get((pool.backend, member))
        return None if server is None else server.admin != READY

    def _barred(self, name: str) -> bool | None:
        """Tell whether Patroni has the tag; None where it does not say, as while it does not run."""
        rule, sight = self.node.config.databases.get(name), self._database(name)
        if rule is None or sight is None or rule.member not in sight.members:
            return None
        return sight.members[rule.member].barred

    def _standby(self, name: str) -> bool | None:
        rule, sight = self.node.config.pacemakers.get(name), self._pacemaker(name)
        if rule is None or sight is None:
            return None
        return standing_by.is_standby(sight, rule.member)
