"""gate.json decides what may be touched, so nothing in it is guessed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gate.config import ConfigError, UnitRule, load, parse
from gate.verbs import KNOWN

# The example of docs/contracts.md.
GOOD: dict[str, Any] = {
    "v": 1,
    "cluster": "first",
    "node": "web1",
    "units": {
        "nginx.service": {
            "service": "nginx",
            "restart": True,
            "config_check": ["/usr/sbin/nginx", "-t", "-q"],
        }
    },
    "addresses": [],
    "spacing_seconds": {"service.restart": 30},
}


def with_unit(**rule: Any) -> dict[str, Any]:
    return {"units": {"a.service": {"service": "a"} | rule}}


def test_the_documented_example_is_read() -> None:
    found = parse(json.dumps(GOOD).encode(), KNOWN)
    assert (found.cluster, found.node, found.addresses) == ("first", "web1", ())
    rule = UnitRule("nginx", True, ("/usr/sbin/nginx", "-t", "-q"))
    assert found.units == {"nginx.service": rule}
    assert found.spacing("service.restart") == 30.0


def test_what_is_left_out_is_the_careful_value() -> None:
    found = parse(json.dumps(GOOD | with_unit() | {"spacing_seconds": {}}).encode(), KNOWN)
    assert found.units == {"a.service": UnitRule("a", False, ())}
    assert found.spacing("service.restart") == 30.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"v": 2}, "v: want 1"),
        ({"v": True}, "v: want 1"),
        ({"shell": True}, "shell: unknown key"),
        ({"cluster": ""}, "cluster: want a name"),
        ({"node": 1}, "node: want a name"),
        ({"units": []}, "units: want an object"),
        ({"units": {"nginx": {"service": "n"}}}, "'nginx' is not a unit's name"),
        ({"units": {"--now.service": {"service": "n"}}}, "is not a unit's name"),
        ({"units": {"a*.service": {"service": "n"}}}, "is not a unit's name"),
        ({"units": {"a.service\n": {"service": "n"}}}, "is not a unit's name"),
        ({"units": {"x" * 256 + ".service": {"service": "n"}}}, "is not a unit's name"),
        (with_unit(restart="yes"), "units['a.service'].restart: want true or false"),
        (with_unit(force=True), "units['a.service'].force: unknown key"),
        (with_unit(config_check="nginx -t"), "config_check: want a list"),
        (with_unit(config_check=["nginx", "-t"]), "want an absolute path first, got 'nginx'"),
        (with_unit(config_check=["/bin/x", ""]), "want a list of texts, got ''"),
        (with_unit(config_check=["/bin/x", "a\0"]), "want a list of texts, got"),
        ({"spacing_seconds": {"node.fly": 1}}, "unknown verb 'node.fly'"),
        ({"spacing_seconds": {"service.restart": 0}}, "cannot be switched off"),
        ({"spacing_seconds": {"service.restart": "30s"}}, "want a number of seconds"),
        ({"addresses": [1]}, "addresses: want a list of texts"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(json.dumps(GOOD | change).encode(), KNOWN)


def test_a_missing_file_says_who_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hale-cluster render"):
        load(tmp_path / "gate.json", KNOWN)


def test_the_file_is_named_with_the_mistake(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    path.write_text('{"v":1,"v":1}')
    with pytest.raises(ConfigError, match=r"gate\.json: duplicate key 'v'"):
        load(path, KNOWN)
