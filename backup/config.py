"""/etc/hale/backup.json: what this node backs up, where to, and what was promised. Written by `hale-cluster render`.

Rule: a key that is not understood is an error; half a configuration could back up half of what was meant.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backup import fields
from backup.fields import NAME, Fields
from backup.postgres import stanza
from backup.postgres.stanza import Stanza

# What restic and we match alike: no brackets, whose negation Go and Python write in two ways, and no restic's own `!`.
_BASENAME = re.compile(r"[^/!\[\]\\\0][^/\[\]\\\0]{0,254}")
_PATTERN = set("*?[]\\")
KEEP = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
MOST_PARTS = 256
"""restic takes no more (cmd/restic/cmd_check.go, totalBucketsMax)."""


class ConfigError(Exception):
    """backup.json is missing or wrong; the message says where and what is wanted. Nothing was touched."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What one job backs up on this node.

    Attributes:
        paths: Files and directories, each backed up and restored as a whole.
        excludes: Absolute paths below them, and patterns of a file's own name.
        repository: As restic names it.
        environment_file: KEY=VALUE lines that restic needs besides, such as of an object store; None for none.
        keep: How many of the newest of each kind stay; empty where this node may not remove anything.
        recovery_point: Seconds; what is lost at the most, as promised.
        recovery_time: Seconds; how long a restore takes at the most, as promised.
        check_parts: So many checks read the whole repository.
        size_drop: A backup smaller than the one before by more than this share is not believed.
        drill_period: Seconds for which the proof of a drill counts.
        scratch: Where drills restore to.
        units: Stopped while restored files are put in place, in this order.
        rebuildable: Whether all of it can be made anew, so that nothing is lost with its newest part.
    """

    name: str
    paths: tuple[str, ...]
    excludes: tuple[str, ...]
    repository: str
    password_file: str
    environment_file: str | None
    keep: Mapping[str, int]
    recovery_point: float
    recovery_time: float
    check_parts: int
    size_drop: float
    drill_period: float
    scratch: str
    units: tuple[str, ...]
    rebuildable: bool


@dataclass(frozen=True, slots=True)
class Config:
    """A whole backup.json."""

    cluster: str
    node: str
    backups: Mapping[str, Backup | Stanza]

    def backup(self, name: str) -> Backup | Stanza:
        """Return one job.

        Raises:
            ConfigError: there is none of that name.
        """
        if name not in self.backups:
            known = ", ".join(self.backups) or "none"
            raise ConfigError(f"backups: no {name!r} on this node. Known: {known}")
        return self.backups[name]


def load(path: Path) -> Config:
    """Read backup.json.

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
    """Turn the text of backup.json into a Config.

    Raises:
        ValueError: which key is wrong, and what is wanted.
    """
    found = json.loads(text)
    top = Fields(found, "", ("v", "cluster", "node", "backups"))
    if top.value("v") != 1:
        raise ValueError(f"v: want 1, got {top.value('v')!r:.40}")
    backups = top.value("backups")
    if not isinstance(backups, dict):
        raise ValueError("backups: want an object")
    return Config(
        top.name("cluster"),
        top.name("node"),
        {name: _backup(name, value) for name, value in backups.items()},
    )


_KEYS = (
    *("tool", "paths", "excludes", "repository", "password_file", "environment_file", "keep"),
    *("recovery_point_seconds", "recovery_time_seconds", "check_parts", "size_drop"),
    *("drill_period_seconds", "scratch", "units", "rebuildable"),
)


def _backup(name: str, value: object) -> Backup | Stanza:
    if not NAME.fullmatch(name):
        raise ValueError(f"backups: want names of letters, digits, '_', '.', '-', got {name!r:.80}")
    tool = value.get("tool") if isinstance(value, dict) else None
    if tool == "pgbackrest":
        return stanza.parse(name, value)
    one = Fields(value, f"backups.{name}.", _KEYS)
    if tool != "restic":
        raise ValueError(f"backups.{name}.tool: want restic or pgbackrest, got {tool!r:.40}")
    paths = tuple(fields.path(text, one.where("paths")) for text in one.texts("paths"))
    if not paths:
        raise ValueError(f"{one.where('paths')}: want one at least")
    return Backup(
        name=name,
        paths=paths,
        excludes=tuple(_exclude(text, one.where("excludes")) for text in one.texts("excludes")),
        repository=one.text("repository"),
        password_file=fields.path(one.text("password_file"), one.where("password_file")),
        environment_file=(
            None
            if one.value("environment_file") is None
            else fields.path(one.text("environment_file"), one.where("environment_file"))
        ),
        keep=_keep(one.value("keep"), one.where("keep")),
        recovery_point=one.number("recovery_point_seconds", 0),
        recovery_time=one.number("recovery_time_seconds", 0),
        check_parts=int(one.number("check_parts", 1, MOST_PARTS)),
        size_drop=one.number("size_drop", 0, 1),
        drill_period=one.number("drill_period_seconds", 0),
        scratch=fields.path(one.text("scratch"), one.where("scratch")),
        units=one.texts("units"),
        rebuildable=one.flag("rebuildable"),
    )


def _exclude(text: str, where: str) -> str:
    if text.startswith("/") and not _PATTERN & set(text):
        return fields.path(text, where)
    if not _BASENAME.fullmatch(text):
        raise ValueError(f"{where}: want an absolute path or a pattern as *.tmp, got {text!r:.80}")
    return text


def _keep(value: object, where: str) -> Mapping[str, int]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: want an object")
    for kind, number in value.items():
        if kind not in KEEP or type(number) is not int or number < 1:
            raise ValueError(f"{where}: want a number from 1 on for some of {', '.join(KEEP)}")
    return value
