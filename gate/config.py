"""/etc/hale/gate.json: what this gate may look at and touch. Read once a session, strictly.

Whoever writes this file decides what a healer can do here, so a key that is not understood is an
error and never skipped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from gate import fields, listed
from gate.database_rule import DatabaseRule, database_rule
from gate.listed import AddressRule, FenceRule, PatchRule, PoolRule, ReclaimRule, UnitRule
from gate.pacemaker_rule import PacemakerRule, pacemaker_rule
from gate.restore_rule import RestoreRule, restore
from gate.sentinel_rule import SentinelRule, sentinel_rule
from gate.strict_json import Json, object_of

SPACING_LIMIT = 7 * 86400.0
DEFAULT_SPACING_SECONDS = MappingProxyType(
    {
        "service.restart": 30.0,
        "service.reload": 10.0,
        "pool.drain": 5.0,
        "pool.return": 5.0,
        "address.decline": 5.0,
        "address.accept": 5.0,
        "database.switchover": 60.0,
        "database.restart": 30.0,
        "database.reinit": 600.0,
        "database.bar": 5.0,
        "database.admit": 5.0,
        "sentinel.failover": 60.0,
        "pacemaker.cleanup": 60.0,
        "pacemaker.standby": 5.0,
        "pacemaker.unstandby": 5.0,
        "disk.free": 60.0,
        "files.restore": 60.0,
        "package.restore": 60.0,
        "node.reboot": 3600.0,
        "node.lock": 5.0,
        "node.unlock": 5.0,
        "node.patch": 60.0,
        "node.fence": 60.0,
        "node.unfence": 30.0,
    }
)
"""Least seconds between two runs of a verb on one target, where gate.json names none."""

_KEYS = (
    "v",
    "cluster",
    "node",
    "units",
    "reboot",
    "addresses",
    "pools",
    "databases",
    "sentinels",
    "pacemakers",
    "reclaim",
    "restores",
    "patch",
    "fencing",
    "spacing_seconds",
)
_Rule = TypeVar("_Rule")


class ConfigError(Exception):
    """gate.json is missing or wrong; the message says where and what is wanted. Nothing was touched."""


@dataclass(frozen=True, slots=True)
class Config:
    """A whole gate.json.

    Attributes:
        reboot: Whether node.reboot may touch this node.
        addresses: By the name that cluster.yml gives each, as are pools, databases, sentinels, pacemakers and restores.
        patch: How node.patch patches this node; None where it may not.
        fencing: By node, whose power this gate may cut; never this node.
    """

    cluster: str
    node: str
    units: dict[str, UnitRule]
    reboot: bool = False
    addresses: dict[str, AddressRule] = field(default_factory=dict)
    pools: dict[str, PoolRule] = field(default_factory=dict)
    databases: dict[str, DatabaseRule] = field(default_factory=dict)
    sentinels: dict[str, SentinelRule] = field(default_factory=dict)
    pacemakers: dict[str, PacemakerRule] = field(default_factory=dict)
    reclaim: tuple[ReclaimRule, ...] = ()
    restores: dict[str, RestoreRule] = field(default_factory=dict)
    patch: PatchRule | None = None
    fencing: dict[str, FenceRule] = field(default_factory=dict)
    spacing_seconds: dict[str, float] = field(default_factory=dict)

    def spacing(self, verb: str) -> float:
        """Return the least time between two runs of a verb on one target, in seconds."""
        return self.spacing_seconds.get(verb, DEFAULT_SPACING_SECONDS[verb])


def load(path: Path) -> Config:
    """Read gate.json.

    Raises:
        ConfigError: it cannot be read or is not valid.
    """
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. `hale-cluster render` writes it") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(text: bytes) -> Config:
    """Turn the text of gate.json into a Config.

    Raises:
        ValueError: which key is wrong, and what is wanted.
    """
    found = object_of(text)
    fields.only(found, _KEYS, "")
    if type(found.get("v")) is not int or found["v"] != 1:
        raise ValueError(f"v: want 1, got {found.get('v')!r:.40}")
    reclaim = found.get("reclaim", [])
    if not isinstance(reclaim, list):
        raise ValueError("reclaim: want a list")
    fencing = _table(found.get("fencing", {}), "fencing", fields.name, listed.fence)
    if found.get("node") in fencing:
        raise ValueError("fencing: a node never cuts its own power; another one does")
    return Config(
        cluster=fields.label(found.get("cluster"), "cluster"),
        node=fields.label(found.get("node"), "node"),
        units=_table(found.get("units", {}), "units", _unit_name, listed.unit),
        reboot=fields.flag(found.get("reboot", False), "reboot"),
        # Until `hale-cluster render` names addresses it writes an empty list here.
        addresses=_table(found.get("addresses") or {}, "addresses", fields.name, listed.address),
        pools=_table(found.get("pools", {}), "pools", fields.name, listed.pool),
        databases=_table(found.get("databases", {}), "databases", fields.name, database_rule),
        sentinels=_table(found.get("sentinels", {}), "sentinels", fields.name, sentinel_rule),
        pacemakers=_table(found.get("pacemakers", {}), "pacemakers", fields.name, pacemaker_rule),
        reclaim=tuple(listed.reclaim(value, f"reclaim[{at}]") for at, value in enumerate(reclaim)),
        restores=_table(found.get("restores", {}), "restores", fields.name, restore),
        patch=None if found.get("patch") is None else listed.patch(found["patch"], "patch"),
        fencing=fencing,
        spacing_seconds=_table(
            found.get("spacing_seconds", {}), "spacing_seconds", _verb, _spacing
        ),
    )


def _table(
    value: Json, where: str, key: Callable[[str, str], str], read: Callable[[Json, str], _Rule]
) -> dict[str, _Rule]:
    return {
        key(name, where): read(inner, f"{where}[{name[:80]!r}]")
        for name, inner in fields.object_at(value, where).items()
    }


def _unit_name(name: str, _where: str) -> str:
    return listed.unit_name(name)


def _verb(name: str, where: str) -> str:
    if name not in DEFAULT_SPACING_SECONDS:
        known = ", ".join(DEFAULT_SPACING_SECONDS)
        raise ValueError(f"{where}: unknown verb {name!r}. Known: {known}")
    return name


def _spacing(value: Json, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: want a number of seconds")
    if not 0 < value <= SPACING_LIMIT:
        raise ValueError(
            f"{where}: want more than 0 and at most {SPACING_LIMIT:g} seconds, got {value}; "
            "the spacing cannot be switched off"
        )
    return float(value)
