"""What a decision rested on, as the healer sends it; gate/compare.py holds it against what is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gate.message import object_at, only, text_at
from gate.strict_json import Json, JsonObject

_ADMIN = ("ready", "drain", "maint")


@dataclass(frozen=True, slots=True)
class UnitExpect:
    """What the decision took a unit to be; `invocation_id` is empty for one that never started."""

    active_state: str
    invocation_id: str


@dataclass(frozen=True, slots=True)
class DatabaseExpect:
    """Who the decision took to lead a database, and on which timeline; None for nobody."""

    leader: str | None
    timeline: int | None


@dataclass(frozen=True, slots=True)
class FailuresExpect:
    """How often, and when last, the decision took a resource to have failed on this node; 0 and empty for never."""

    count: int
    last: str


@dataclass(frozen=True, slots=True)
class PacemakerExpect:
    """What the decision took to be so of this node in Pacemaker.

    Attributes:
        standby: Whether it is in standby; None where nothing was said, as beside `proven_out` alone.
        failures: Those of resources, by their ids.
        proven_out: Whether nothing that the cluster promises is served here any more, so that the node may go whatever
            Pacemaker says.
    """

    standby: bool | None
    failures: Mapping[str, FailuresExpect] = field(default_factory=dict)
    proven_out: bool = False


@dataclass(frozen=True, slots=True)
class Expect:
    """What the decision rested on. `None` and what is absent mean that nothing was said.

    Attributes:
        units: By name.
        pools: By POOL/MEMBER, how its balancer has it: ready, drain or maint.
        addresses: By the address's name, whether this node holds it.
        filesystems: By mount point, the device that is mounted there.
        databases: By the database's name.
        backups: By the backup's name, the snapshot that is to be put back.
        pacemakers: By the name of the Pacemaker cluster.
    """

    boot_id: str | None
    units: Mapping[str, UnitExpect] = field(default_factory=dict)
    pools: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, bool] = field(default_factory=dict)
    filesystems: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, DatabaseExpect] = field(default_factory=dict)
    backups: Mapping[str, str] = field(default_factory=dict)
    pacemakers: Mapping[str, PacemakerExpect] = field(default_factory=dict)


def parse(found: JsonObject) -> Expect:
    """Read the object under `expect`.

    Raises:
        ValueError: which value is wrong.
        Unreadable: unknown_key.
    """
    known = ("boot_id", "units", "pools", "addresses", "filesystems", "databases", "backups")
    only(found, *known, "pacemakers", where="expect.")
    boot_id = found.get("boot_id")
    return Expect(
        boot_id=None if boot_id is None else text_at(boot_id, "expect.boot_id"),
        units={name: _unit(name, value) for name, value in _part(found, "units").items()},
        pools={name: _admin(name, value) for name, value in _part(found, "pools").items()},
        addresses={name: _held(name, value) for name, value in _part(found, "addresses").items()},
        filesystems={
            name: _device(name, value) for name, value in _part(found, "filesystems").items()
        },
        databases={
            name: _database(name, value) for name, value in _part(found, "databases").items()
        },
        backups={name: _snapshot(name, value) for name, value in _part(found, "backups").items()},
        pacemakers={
            name: _pacemaker(name, value) for name, value in _part(found, "pacemakers").items()
        },
    )


def _part(found: JsonObject, key: str) -> JsonObject:
    return object_at(found.get(key, {}), f"expect.{key}")


def _unit(name: str, value: Json) -> UnitExpect:
    where = f"expect.units[{name[:80]!r}]"
    fields = object_at(value, where)
    only(fields, "active_state", "invocation_id", where=where + ".")
    return UnitExpect(
        text_at(fields.get("active_state"), where + ".active_state"),
        text_at(fields.get("invocation_id"), where + ".invocation_id"),
    )


def _admin(name: str, value: Json) -> str:
    where = f"expect.pools[{name[:80]!r}]"
    fields = object_at(value, where)
    only(fields, "admin", where=where + ".")
    admin = text_at(fields.get("admin"), where + ".admin")
    if admin not in _ADMIN:
        raise ValueError(f"{where}.admin: want one of {', '.join(_ADMIN)}")
    return admin


def _held(name: str, value: Json) -> bool:
    where = f"expect.addresses[{name[:80]!r}]"
    fields = object_at(value, where)
    only(fields, "held", where=where + ".")
    held = fields.get("held")
    if not isinstance(held, bool):
        raise ValueError(f"{where}.held: want true or false")
    return held


def _device(name: str, value: Json) -> str:
    where = f"expect.filesystems[{name[:80]!r}]"
    fields = object_at(value, where)
    only(fields, "device", where=where + ".")
    return text_at(fields.get("device"), where + ".device")


def _database(name: str, value: Json) -> DatabaseExpect:
    where = f"expect.databases[{name[:80]!r}]"
    fields = object_at(value, where)
    only(fields, "leader", "timeline", where=where + ".")
    leader, timeline = fields.get("leader"), fields.get("timeline")
    if timeline is not None and type(timeline) is not int:
        raise ValueError(f"{where}.timeline: want a whole number or null")
    return DatabaseExpect(None if leader is None else text_at(leader, where + ".leader"), timeline)


def _snapshot(name: str, value: Json) -> str:
    where = f"expect.backups[{name[:80]!r}]"
    fields = object_at(value, where)
    only(fields, "snapshot", where=where + ".")
    return text_at(fields.get("snapshot"), where + ".snapshot")


def _pacemaker(name: str, value: Json) -> PacemakerExpect:
    where = f"expect.pacemakers[{name[:80]!r}]"
    fields = object_at(value, where)
    only(fields, "standby", "failures", "proven_out", where=where + ".")
    proven_out = fields.get("proven_out", False)
    if not isinstance(proven_out, bool):
        raise ValueError(f"{where}.proven_out: want true or false")
    standby = fields.get("standby")
    if not isinstance(standby, bool) and not (standby is None and proven_out):
        raise ValueError(f"{where}.standby: want true or false")
    failures = object_at(fields.get("failures", {}), where + ".failures")
    return PacemakerExpect(
        standby,
        {one: _failures(f"{where}.failures[{one[:80]!r}]", n) for one, n in failures.items()},
        proven_out,
    )


def _failures(where: str, value: Json) -> FailuresExpect:
    fields = object_at(value, where)
    only(fields, "count", "last", where=where + ".")
    count, last = fields.get("count"), fields.get("last")
    if type(count) is not int or not isinstance(last, str):
        raise ValueError(f"{where}: want count as a whole number and last as a text")
    return FailuresExpect(count, last)
