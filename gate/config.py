"""/etc/hale/gate.json: what this gate may look at and touch. Read once a session, strictly.

Whoever writes this file decides what a healer can do here, so a key that is not understood is an
error and never skipped.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from gate.strict_json import Json, JsonObject, object_of

DEFAULT_SPACING_SECONDS = 30.0
SPACING_LIMIT = 7 * 86400.0
_KEYS = ("v", "cluster", "node", "units", "addresses", "spacing_seconds")
# systemd.unit(5): at most 255 characters of these, and a type. A leading dash would read as an option.
_UNIT = re.compile(
    r"(?=.{1,255}\Z)[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*"
    r"\.(service|socket|timer|target|mount|automount|path|slice|scope|swap|device)"
)


class ConfigError(Exception):
    """gate.json is missing or wrong; the message says where and what is wanted. Nothing was touched."""


@dataclass(frozen=True, slots=True)
class UnitRule:
    """What may be done with one unit.

    Attributes:
        restart: Whether service.restart may touch it; every listed unit may be looked at.
        config_check: Command that must succeed before a restart; empty where none is declared.
    """

    service: str
    restart: bool
    config_check: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """A whole gate.json."""

    cluster: str
    node: str
    units: dict[str, UnitRule]
    addresses: tuple[str, ...]
    spacing_seconds: dict[str, float]

    def spacing(self, verb: str) -> float:
        """Return the least time between two runs of a verb on one target, in seconds."""
        return self.spacing_seconds.get(verb, DEFAULT_SPACING_SECONDS)


def load(path: Path, verbs: tuple[str, ...]) -> Config:
    """Read gate.json.

    Args:
        path: The file.
        verbs: Names of verbs that may have a spacing.

    Raises:
        ConfigError: it cannot be read or is not valid.
    """
    try:
        return parse(path.read_bytes(), verbs)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. `hale-cluster render` writes it") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(text: bytes, verbs: tuple[str, ...]) -> Config:
    """Turn the text of gate.json into a Config.

    Raises:
        ValueError: which key is wrong, and what is wanted.
    """
    found = object_of(text)
    _only(found, _KEYS, "")
    if type(found.get("v")) is not int or found["v"] != 1:
        raise ValueError(f"v: want 1, got {found.get('v')!r:.40}")
    return Config(
        cluster=_name(found.get("cluster"), "cluster"),
        node=_name(found.get("node"), "node"),
        units={
            _unit_name(name): _unit(value, f"units[{name!r}]")
            for name, value in _object(found.get("units", {}), "units").items()
        },
        addresses=_texts(found.get("addresses", []), "addresses"),
        spacing_seconds={
            _verb(name, verbs): _seconds(value, f"spacing_seconds[{name!r}]")
            for name, value in _object(found.get("spacing_seconds", {}), "spacing_seconds").items()
        },
    )


def _unit(value: Json, where: str) -> UnitRule:
    found = _object(value, where)
    _only(found, ("service", "restart", "config_check"), where + ".")
    restart = found.get("restart", False)
    if not isinstance(restart, bool):
        raise ValueError(f"{where}.restart: want true or false, got {restart!r:.40}")
    check = _texts(found.get("config_check") or [], f"{where}.config_check")
    if check and not check[0].startswith("/"):
        raise ValueError(f"{where}.config_check: want an absolute path first, got {check[0]!r}")
    return UnitRule(_name(found.get("service"), f"{where}.service"), restart, check)


def _unit_name(name: str) -> str:
    if not _UNIT.fullmatch(name):
        raise ValueError(f"units: {name[:80]!r} is not a unit's name like nginx.service")
    return name


def _verb(name: str, verbs: tuple[str, ...]) -> str:
    if name not in verbs:
        raise ValueError(f"spacing_seconds: unknown verb {name!r}. Known: {', '.join(verbs)}")
    return name


def _seconds(value: Json, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: want a number of seconds")
    if not 0 < value <= SPACING_LIMIT:
        raise ValueError(
            f"{where}: want more than 0 and at most {SPACING_LIMIT:g} seconds, got {value}; "
            "the spacing cannot be switched off"
        )
    return float(value)


def _object(value: Json, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: want an object")
    return value


def _texts(value: Json, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: want a list of texts")
    texts = []
    for text in value:
        if not isinstance(text, str) or not text or "\0" in text:
            raise ValueError(f"{where}: want a list of texts, got {text!r:.40} in it")
        texts.append(text)
    return tuple(texts)


def _name(value: Json, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: want a name, got {value!r:.40}")
    return value


def _only(found: JsonObject, known: tuple[str, ...], where: str) -> None:
    for key in found:
        if key not in known:
            raise ValueError(f"{where}{key[:80]}: unknown key. Known: {', '.join(known)}")
