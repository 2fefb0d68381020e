"""gate.json decides what may be touched, so nothing in it is guessed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gate.config import DEFAULT_SPACING_SECONDS, ConfigError, load, parse
from gate.database_rule import DatabaseRule
from gate.listed import AddressRule, FenceRule, PatchRule, PoolRule, ReclaimRule, UnitRule
from gate.pacemaker_rule import PacemakerRule

CONTRACT = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text()
CHECK = ["/usr/sbin/haproxy", "-c", "-q", "-f", "/etc/haproxy/haproxy.cfg"]
ADDRESS = {
    "address": "10.77.0.100",
    "interface": "host0",
    "track_file": "/var/lib/hale-gate/decline/vip",
}
POOL = {
    "backend": "web",
    "socket": "/run/haproxy/admin.sock",
    "state_file": "/var/lib/haproxy/hale-state",
    "members": ["web1", "web2", "web3"],
}
RECLAIM = {
    "service": "nginx",
    "path": "/data/cache",
    "match": "*.tmp",
    "older_than_seconds": 3600,
    "keep": 0,
}
DATABASE = {
    "url": "http://10.77.0.21:8008",
    "scope": "main",
    "member": "lb1",
    "members": ["lb1", "lb2"],
    "unit": "patroni.service",
    "credentials": "/etc/hale/patroni-main",
    "bar_file": "/var/lib/hale-gate/bar/main.yml",
    "max_lag_bytes": 1048576,
}
FENCE = {
    "device": "pdu",
    "agent": "/usr/sbin/fence_apc",
    "options": {"ip": "10.77.0.9", "plug": "3"},
    "secrets": "/etc/hale/power/pdu",
    "off_seconds": 30,
    "status_seconds": 3,
}
# The example of docs/contracts.md.
GOOD: dict[str, Any] = {
    "v": 1,
    "cluster": "web-tier",
    "node": "lb1",
    "units": {"haproxy.service": {"service": "haproxy", "restart": True, "config_check": CHECK}},
    "reboot": True,
    "addresses": {"vip": ADDRESS},
    "pools": {"web": POOL},
    "databases": {"main": DATABASE},
    "sentinels": {
        "cache": {
            "host": "10.77.0.21",
            "port": 26379,
            "master": "cache",
            "member": "lb1",
            "members": {"lb1": "10.77.0.21", "lb2": "10.77.0.22"},
            "credentials": None,
        }
    },
    "pacemakers": {"store": {"member": "lb1", "members": ["lb1", "lb2"], "resources": ["nfs"]}},
    "restores": {
        "site": {
            "drill": "/var/lib/hale-backups/site.drill.json",
            "run": "/var/lib/hale-backups/site.run.json",
            "report": "/var/lib/hale-backups/site.restore.json",
            "period_seconds": 21600,
            "units": ["nginx.service"],
        }
    },
    "reclaim": [RECLAIM],
    "patch": {
        "command": ["/usr/bin/apt-get", "-y", "dist-upgrade"],
        "seconds": 1800,
        "reboot_check": [],
    },
    "fencing": {"web3": FENCE},
    "spacing_seconds": {"service.restart": 2},
}


def with_unit(**rule: Any) -> dict[str, Any]:
    return {"units": {"a.service": {"service": "a"} | rule}}


def with_address(**rule: Any) -> dict[str, Any]:
    return {"addresses": {"vip": ADDRESS | rule}}


def with_pool(**rule: Any) -> dict[str, Any]:
    return {"pools": {"web": POOL | rule}}


def with_database(**rule: Any) -> dict[str, Any]:
    return {"databases": {"main": DATABASE | rule}}


def with_fence(**rule: Any) -> dict[str, Any]:
    return {"fencing": {"web3": FENCE | rule}}


def with_reclaim(**rule: Any) -> dict[str, Any]:
    return {"reclaim": [RECLAIM | rule]}


def test_the_documented_example_is_read() -> None:
    text = CONTRACT.partition("### gate.json")[2].partition("`units` are")[0]
    assert json.loads(text) == GOOD
    found = parse(text.encode())
    assert (found.cluster, found.node, found.reboot) == ("web-tier", "lb1", True)
    assert found.units == {"haproxy.service": UnitRule("haproxy", True, tuple(CHECK))}
    assert found.addresses == {
        "vip": AddressRule("10.77.0.100", "host0", "/var/lib/hale-gate/decline/vip")
    }
    assert found.pools == {
        "web": PoolRule(
            *("web", "/run/haproxy/admin.sock", "/var/lib/haproxy/hale-state"),
            ("web1", "web2", "web3"),
        )
    }
    assert found.databases == {
        "main": DatabaseRule(
            url="http://10.77.0.21:8008",
            scope="main",
            member="lb1",
            members=("lb1", "lb2"),
            unit="patroni.service",
            credentials="/etc/hale/patroni-main",
            bar_file="/var/lib/hale-gate/bar/main.yml",
            max_lag_bytes=1048576,
        )
    }
    assert found.sentinels["cache"].address == ("10.77.0.21", 26379)
    assert found.sentinels["cache"].members == {"lb1": "10.77.0.21", "lb2": "10.77.0.22"}
    assert found.pacemakers["store"] == PacemakerRule("lb1", ("lb1", "lb2"), ("nfs",))
    assert found.reclaim == (ReclaimRule("nginx", "/data/cache", "*.tmp", 3600.0, 0),)
    assert found.patch == PatchRule(("/usr/bin/apt-get", "-y", "dist-upgrade"), 1800.0, ())
    options = (("ip", "10.77.0.9"), ("plug", "3"))
    agent = ("pdu", "/usr/sbin/fence_apc", options, "/etc/hale/power/pdu")
    assert found.fencing == {"web3": FenceRule(*agent, 30.0, 3.0)}
    assert (found.spacing("service.restart"), found.spacing("node.reboot")) == (2.0, 3600.0)


def test_what_is_left_out_is_the_careful_value() -> None:
    found = parse(json.dumps({"v": 1, "cluster": "c", "node": "n"} | with_unit()).encode())
    assert found.units == {"a.service": UnitRule("a", False, ())}
    assert (found.reboot, found.addresses, found.pools, found.reclaim) == (False, {}, {}, ())
    assert (found.databases, found.sentinels, found.pacemakers) == ({}, {}, {})
    assert {
        verb: found.spacing(verb) for verb in DEFAULT_SPACING_SECONDS
    } == DEFAULT_SPACING_SECONDS


def test_an_address_is_taken_as_the_kernel_writes_it() -> None:
    found = parse(json.dumps(GOOD | with_address(address="2001:DB8:0::7")).encode())
    assert found.addresses["vip"].address == "2001:db8::7"


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
        ({"spacing_seconds": {"action.settle": 1}}, "unknown verb 'action.settle'"),
        ({"spacing_seconds": {"service.restart": 0}}, "cannot be switched off"),
        ({"spacing_seconds": {"service.restart": "30s"}}, "want a number of seconds"),
        ({"reboot": 1}, "reboot: want true or false"),
        ({"addresses": ["10.77.0.100"]}, "addresses: want an object"),
        ({"addresses": {"a/b": ADDRESS}}, "addresses: want a name of letters"),
        (with_address(address="vip.example"), "addresses['vip'].address: want an IP address"),
        (with_address(address="10.77.0.100/24"), "want an IP address, got '10.77.0.100/24'"),
        (with_address(interface="../eth0"), "interface: want an interface like eth0"),
        (with_address(track_file="vip"), "track_file: want an absolute path"),
        (with_address(track_file="/var/../etc/passwd"), "want an absolute path without '..'"),
        (with_address(weight=1), "addresses['vip'].weight: unknown key"),
        ({"pools": {"web;quit": POOL}}, "pools: want a name of letters"),
        ({"databases": {"a b": DATABASE}}, "databases: want a name of letters"),
        (with_database(url="https://10.77.0.21:8008"), "databases['main'].url: want http://HOST:PORT"),
        (with_database(url="http://u:p@10.77.0.21:8008"), ".url: want http://HOST:PORT"),
        (with_database(url="http://10.77.0.21:8008/failover"), ".url: want http://HOST:PORT"),
        (with_database(url="http://10.77.0.21:99999"), ".url: want http://HOST:PORT"),
        (with_database(scope=""), ".scope: want a name"),
        (with_database(member="db9"), "want names, each once, and db9 among them"),
        (with_database(members=["lb1", "lb1"]), "want names, each once"),
        (with_database(unit="patroni"), "is not a unit's name"),
        (with_database(credentials="patroni"), "credentials: want an absolute path"),
        (with_database(bar_file="/a/../b"), "bar_file: want an absolute path"),
        (with_database(max_lag_bytes=-1), "max_lag_bytes: want a whole number from 0"),
        (with_database(switchover=True), "databases['main'].switchover: unknown key"),
        (with_pool(backend="web; shutdown frontend web"), "backend: want a name of letters"),
        (with_pool(members=[]), "members: want one or more names"),
        (with_pool(members=["web1", "web1"]), "members: want one or more names, each once"),
        (with_pool(members=["web1\nquit"]), "members: want a name of letters"),
        (with_pool(socket="admin.sock"), "socket: want an absolute path"),
        (with_pool(state_file="/var/lib/haproxy/"), "state_file: want an absolute path"),
        ({"reclaim": {}}, "reclaim: want a list"),
        ({"node": "n", "fencing": {"n": FENCE}}, "a node never cuts its own power"),
        (with_fence(agent="fence_apc"), "agent: want an absolute path"),
        (with_fence(options={"action": "on"}), "want an option of the agent"),
        (with_fence(options={"IP": "x"}), "want an option of the agent"),
        (with_fence(options={"ip": "x\naction=on"}), "want one line of text"),
        (with_fence(options={"ip": 1}), "want one line of text"),
        (with_fence(secrets="x"), "secrets: want an absolute path"),
        (with_fence(off_seconds=-1), "off_seconds: want a number of seconds"),
        (with_fence(more=1), "more: unknown key"),
        (with_reclaim(path="/"), "nothing below / may ever be removed"),
        (with_reclaim(path="/etc"), "nothing below /etc may ever be removed"),
        (with_reclaim(path="/usr/lib/x"), "nothing below /usr/lib/x may ever be removed"),
        (with_reclaim(path="/var/lib/hale-gate/decline"), "may ever be removed"),
        (with_reclaim(path="/data/../etc"), "path: want an absolute path"),
        (with_reclaim(match="*/x"), "match: want a pattern for a name"),
        (with_reclaim(match=""), "match: want a name"),
        (with_reclaim(older_than_seconds=-1), "older_than_seconds: want a number of seconds"),
        (with_reclaim(older_than_seconds=True), "older_than_seconds: want a number of seconds"),
        (with_reclaim(keep=-1), "keep: want a whole number"),
        (with_reclaim(keep=1.5), "keep: want a whole number"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(json.dumps(GOOD | change).encode())


def test_a_missing_file_says_who_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hale-cluster render"):
        load(tmp_path / "gate.json")


def test_the_file_is_named_with_the_mistake(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    path.write_text('{"v":1,"v":1}')
    with pytest.raises(ConfigError, match=r"gate\.json: duplicate key 'v'"):
        load(path)
