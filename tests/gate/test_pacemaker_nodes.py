"""The gate's verbs against a Pacemaker that runs: two nodes with the real daemons and one resource."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.pacemaker_rule import PacemakerRule
from tests.gate.fakes import NGINX, World
from tests.gate.pacemaker_nodes import NODES, PATIENCE, OnNodes
from tests.gate.test_session import ask, request

pytestmark = pytest.mark.tools

_SHARE = """\
<primitive id="share" class="ocf" provider="pacemaker" type="Dummy">
  <meta_attributes id="share-meta"><nvpair id="share-most" name="migration-threshold" value="1"/></meta_attributes>
  <operations><op id="share-monitor" name="monitor" interval="1s"/></operations>
</primitive>"""
_FIRST = '<rsc_location id="first" rsc="share" node="s1" score="10"/>'
_NEVER = {"count": 0, "last": ""}


class Gate(World):
    """The gate of one node."""

    def __init__(self, folder: Path, nodes: OnNodes, name: str) -> None:
        super().__init__(folder / name)
        self.clock = SystemClock()
        self.name, self.number = name, 0
        self.programs = lambda argv, seconds, *more: nodes.on(name, argv, seconds, *more)
        self.config.pacemakers["store"] = PacemakerRule(name, NODES, ("share",))
        verbs = ("cleanup", "standby", "unstandby")
        self.config.spacing_seconds.update({f"pacemaker.{one}": 0.001 for one in verbs})
        self.config.spacing_seconds["node.reboot"] = 0.001
        self.systemd.units["reboot.target"] = replace(NGINX, id="reboot.target", job=False)
        self.systemd.during = lambda: setattr(self, "stopping", True)

    @property
    def seen(self) -> Any:
        hello = json.dumps({"v": 1, "hello": True, "look": ["pacemaker:store"]})
        return json.loads(self.talk(hello.encode())[0])["seen"]["pacemaker:store"]

    @property
    def homeless(self) -> Any:
        """What would run nowhere without this node."""
        hello = json.dumps({"v": 1, "hello": True, "look": ["place:store"]})
        seen = json.loads(self.talk(hello.encode())[0])["seen"]["place:store"]
        return seen and seen["homeless"]

    @property
    def where(self) -> list[str]:
        """Where the resource runs."""
        seen = self.seen
        found: list[str] = seen["resources"].get("share", {}).get("nodes", []) if seen else []
        return found

    def act(self, verb: str, **args: str) -> tuple[str, str]:
        """Have it do something on what it sees now."""
        self.number += 1
        seen = self.seen
        failures = {
            one["resource"]: {"count": one["count"], "last": one["last"]}
            for one in seen["failures"]
            if one["node"] == self.name
        }
        standby = seen["nodes"][self.name]["standby"]
        expect = {
            "boot_id": str(self.clock.boot_id()),
            "pacemakers": {
                "store": {"standby": standby, "failures": {"share": _NEVER, **failures}}
            },
        }
        told = {"verb": f"pacemaker.{verb}", "args": {"pacemaker": "store", **args}}
        asked = request(self, self.number, **told, expect=expect, deadline_seconds=60)
        answer = ask(self, asked)[-1]
        return answer["state"], answer["reason"]

    def reboot(self, **expect: Any) -> tuple[str, str | None]:
        """Have it reboot, but for systemd, which only notes it."""
        self.number += 1
        expect["boot_id"] = str(self.clock.boot_id())
        told = {"verb": "node.reboot", "args": {}, "expect": expect, "deadline_seconds": 60}
        answer = ask(self, request(self, self.number, **told))[-1]
        self.stopping = False
        return answer["state"], answer.get("reason")


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnNodes]:
    found = OnNodes(tmp_path_factory.mktemp("nodes"))
    try:
        yield found
    finally:
        found.end()


@pytest.fixture
def gates(nodes: OnNodes, tmp_path: Path) -> tuple[Gate, Gate]:
    """Both gates, with the resource on s1."""
    first, second = (Gate(tmp_path, nodes, name) for name in NODES)
    online = lambda seen: seen and all(one["online"] for one in seen["nodes"].values())  # noqa: E731
    until(lambda: online(first.seen) and len(first.seen["nodes"]) == 2)
    if not first.where:
        nodes.do("crm_attribute", "--name", "stonith-enabled", "--update", "false")
        nodes.do("cibadmin", "--create", "--scope", "resources", "--xml-text", _SHARE)
        nodes.do("cibadmin", "--create", "--scope", "constraints", "--xml-text", _FIRST)
    until(lambda: second.where == ["s1"])
    return first, second


def test_what_failed_on_a_node_runs_there_again_after_a_cleanup(nodes, gates):
    first, second = gates
    until(lambda: nodes.on("s1", ("rm", "/run/Dummy-share.state"), 30.0).code == 0)
    until(lambda: first.where == ["s2"] and first.seen["failures"])
    assert second.act("cleanup", resource="share") == ("refused", "not_failed")
    assert first.act("cleanup", resource="share") == ("done", "cleaned_up")
    until(lambda: second.where == ["s1"] and second.seen["failures"] == [])


def test_a_standby_moves_what_runs_and_its_end_lets_it_come_back(gates):
    first, second = gates
    assert first.act("standby", owner="lock:upkeep-1") == ("done", "standing_by")
    assert second.where == ["s2"]
    assert second.act("standby", owner="lock:upkeep-2") == ("refused", "no_place")
    assert first.act("unstandby", owner="lock:upkeep-1") == ("done", "back_in_cluster")
    until(lambda: second.where == ["s1"])


BEGUN, NO_PLACE = ("begun", None), ("refused", "no_place")


def test_what_a_person_banned_from_the_other_node_keeps_this_one_from_a_reboot(nodes, gates):
    first, second = gates
    assert (first.homeless, second.homeless) == ([], [])
    nodes.do("crm_resource", "--ban", "--resource", "share", "--node", "s2")
    until(lambda: first.homeless == ["share"])
    assert first.reboot() == NO_PLACE
    assert second.reboot() == BEGUN  # nothing runs there
    assert first.reboot(pacemakers={"store": {"proven_out": True}}) == BEGUN
    nodes.do("crm_resource", "--clear", "--resource", "share")
    until(lambda: first.homeless == [])
    assert first.reboot() == BEGUN


@pytest.mark.parametrize("state", ["standby", "maintenance"])
def test_the_other_node_in_such_a_state_keeps_this_one_from_a_reboot(nodes, gates, state):
    first, second = gates
    nodes.do("crm_attribute", "--node", "s2", "--name", state, "--update", "on")
    until(lambda: first.homeless == ["share"])
    assert first.reboot() == NO_PLACE
    assert second.reboot() == BEGUN
    nodes.do("crm_attribute", "--node", "s2", "--name", state, "--delete")
    until(lambda: first.homeless == [])
    assert first.reboot() == BEGUN


def test_a_pacemaker_that_hangs_keeps_the_node_from_a_reboot(nodes, gates):
    first, _ = gates
    nodes.do("sh", "-c", "kill -STOP $(pidof pacemaker-based)")
    try:
        assert first.reboot() == NO_PLACE
        assert "reboot" not in first.diary
    finally:
        nodes.do("sh", "-c", "kill -CONT $(pidof pacemaker-based)")
    until(lambda: first.homeless == [])


def test_in_maintenance_mode_nothing_is_touched(nodes, gates):
    nodes.do("crm_attribute", "--name", "maintenance-mode", "--update", "true")
    first, _ = gates
    until(lambda: first.seen["maintenance"])
    assert first.act("standby", owner="lock:upkeep-1") == ("refused", "maintenance_mode")
    assert first.reboot() == NO_PLACE
    nodes.do("crm_attribute", "--name", "maintenance-mode", "--delete")
