"""Pacemaker does not lose this node while something that it runs would then run nowhere, however the node is taken."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate import people
from gate.expect import parse
from gate.ledger import Ledger
from gate.ledgers import Ledgers
from gate.listed import PatchRule, UnitRule
from gate.mark import LOCK
from gate.message import Unreadable
from gate.process import Ran
from tests.gate.fakes import NGINX
from tests.gate.test_pacemaker_verbs import Here, said, seen_by
from tests.gate.test_session import ask, request

BAN = '<rsc_location id="cli-ban-share-on-s2" rsc="share" node="s2" score="-INFINITY"/>'
DEAD = lambda *_: Ran(102, b"crm_simulate: Connection to cluster failed\n")  # noqa: E731
UNITS = ("pacemaker.service", "corosync.service")


class Node(Here):
    """The gate of s1, which may reboot, patch and restart anything."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.systemd.during = lambda: setattr(self, "stopping", "reboot" in self.diary)
        self.config = replace(
            self.config,
            patch=PatchRule(("/usr/local/sbin/patch-node",), 60.0, ()),
            units={**self.config.units, **{one: UnitRule(one, True, ()) for one in UNITS}},
        )
        verbs = ("node.reboot", "node.patch", "service.restart")
        self.config.spacing_seconds.update(dict.fromkeys(verbs, 0.001))
        running = replace(NGINX, active_state="active", required_by=())
        for one in UNITS:
            above = ("pacemaker.service",) if one == "corosync.service" else ()
            self.systemd.units[one] = replace(running, id=one, required_by=above)

    def ban(self) -> None:
        """Leave what `crm_resource --ban` leaves behind."""
        self.pacemaker.say("</constraints>", BAN + "</constraints>")

    def other_in(self, state: str) -> None:
        self.pacemaker.change("crm_attribute", "--node", "s2", "--name", state, "--update", "on")

    def take(self, verb: str, *, proven_out: bool = False, **args: str) -> Any:
        """Have it taken away by a verb."""
        self.number += 1
        expect: dict[str, Any] = {"boot_id": str(self.clock.boot_id())}
        if proven_out:
            expect["pacemakers"] = {"store": {"proven_out": True}}
        if unit := args.get("unit"):
            now = self.systemd.units[unit]
            state = {"active_state": now.active_state, "invocation_id": now.invocation_id}
            expect["units"] = {unit: state}
        told = {"verb": verb, "args": args, "expect": expect, "deadline_seconds": 30}
        return ask(self, request(self, self.number, **told))[-1]

    @property
    def place(self) -> Any:
        return seen_by(self, "place:store")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_node_whose_resources_have_a_place_is_rebooted(node):
    assert node.take("node.reboot")["state"] == "begun"
    assert node.diary[-1] == "reboot"


@pytest.mark.parametrize("state", ["standby", "maintenance"])
def test_it_is_not_rebooted_while_the_other_node_may_run_nothing(node, state):
    node.other_in(state)
    answer = node.take("node.reboot")
    assert said(answer) == ("refused", "no_place")
    assert "share" in answer["detail"]
    assert "reboot" not in node.diary


def test_it_is_not_rebooted_while_a_ban_keeps_a_resource_from_the_other_node(node):
    node.ban()
    assert said(node.take("node.reboot")) == ("refused", "no_place")


def test_nor_where_pacemaker_cannot_be_asked(node):
    node.programs = DEAD
    answer = node.take("node.reboot")
    assert said(answer) == ("refused", "no_place")
    assert "Connection to cluster failed" in answer["detail"]


def test_a_node_on_which_pacemaker_runs_nothing_may_be_rebooted(node):
    node.pacemaker.change("crm_attribute", "--node", "s1", "--name", "standby", "--update", "on")
    node.pacemaker.schedule()
    node.pacemaker.change("crm_attribute", "--name", "maintenance-mode", "--update", "true")
    assert node.take("node.reboot")["state"] == "begun"


@pytest.mark.parametrize("dead", [True, False])
def test_what_is_proven_out_may_be_rebooted_whatever_pacemaker_says(node, dead):
    node.ban()
    if dead:
        node.programs = DEAD
    assert node.take("node.reboot", proven_out=True)["state"] == "begun"


def test_the_same_refusal_comes_to_the_same_id_also_where_the_disk_fails(node, tmp_path):
    node.ban()
    node.ledgers = Ledgers(Ledger(tmp_path / "not-there"), Ledger(tmp_path / "run/ledger"))
    first = node.take("node.reboot")
    node.number -= 1
    again = node.take("node.reboot")
    assert said(first) == said(again) == ("refused", "no_place")
    assert "reboot" not in node.diary


def test_a_fence_device_that_only_this_node_may_run_keeps_nobody(node):
    ban = BAN.replace('rsc="share"', 'rsc="power"')
    node.pacemaker.say("</constraints>", ban + "</constraints>")
    assert node.place == {"kind": "place", "homeless": []}
    assert said(node.standby()) == ("done", "standing_by")


_CLONE = (
    '<clone id="data-clone"><meta_attributes id="data-meta"><nvpair id="data-can" name="promotable"'
    ' value="true"/></meta_attributes><primitive id="data" class="ocf" provider="pacemaker" type="Stateful"/></clone>'
)
_SCORE = (
    '<transient_attributes id="{0}"><instance_attributes id="status-{0}"><nvpair id="score-{0}"'
    ' name="master-data" value="5"/></instance_attributes></transient_attributes><lrm id="{0}">'
)


def test_what_would_run_elsewhere_but_be_promoted_nowhere_has_no_place(node):
    node.pacemaker.say('<primitive id="share"', _CLONE + '<primitive id="share"')
    for number in ("1", "2"):
        node.pacemaker.say(f'<lrm id="{number}">', _SCORE.format(number))
    first = '<rsc_location id="data-first" rsc="data-clone" node="s1" score="10"/>'
    node.pacemaker.say("</constraints>", first + "</constraints>")
    node.pacemaker.schedule()
    node.pacemaker.schedule()
    assert node.place["homeless"] == []
    never = (
        '<rsc_location id="drbd-fence" rsc="data-clone"><rule id="fence" role="Promoted" score="-INFINITY">'
        '<expression id="fenced" attribute="#uname" operation="eq" value="s2"/></rule></rsc_location>'
    )
    node.pacemaker.say("</constraints>", never + "</constraints>")
    assert node.place["homeless"] == ["data"]
    assert said(node.take("node.reboot")) == ("refused", "no_place")


def test_a_patch_may_restart_it_and_so_needs_a_place_too(node):
    with node.marks.open(1.0) as marks:
        marks.own(LOCK, "web1", ("lock:roll-1",), "2026-01-02T03:04:05Z")
    node.ban()
    assert said(node.take("node.patch")) == ("refused", "no_place")


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_with_which_pacemaker_stops_is_restarted_only_where_there_is_a_place(node, unit):
    assert said(node.take("service.restart", unit=unit)) == ("done", "restarted")
    node.ban()
    assert said(node.take("service.restart", unit=unit)) == ("refused", "no_place")


def test_a_pacemaker_that_does_not_run_may_be_restarted(node):
    node.programs = DEAD
    down = replace(node.systemd.units["pacemaker.service"], active_state="failed")
    node.systemd.units["pacemaker.service"] = down
    assert said(node.take("service.restart", unit="pacemaker.service")) == ("done", "restarted")


def test_another_unit_asks_pacemaker_nothing(node):
    node.ban()
    node.config.units["nginx.service"] = UnitRule("nginx", True, ())
    assert said(node.take("service.restart", unit="nginx.service")) == ("done", "restarted")


def test_a_person_who_puts_it_in_standby_is_told_too_and_may_insist(node, capsys):
    node.ban()
    asked = argparse.Namespace(pacemaker="store", even_last=False)
    assert people.standby(asked, node.node) == 1
    assert "share" in capsys.readouterr().err
    assert node.pacemaker.diary == []
    asked.even_last = True
    assert people.standby(asked, node.node) == 0
    assert node.seen["nodes"]["s1"]["standby"]


def test_a_look_says_what_would_run_nowhere_and_null_where_nobody_knows(node):
    assert node.place == {"kind": "place", "homeless": []}
    node.ban()
    assert node.place == {"kind": "place", "homeless": ["share"]}
    assert seen_by(node, "place:other") is None
    tools = node.pacemaker

    def no_simulation(argv: tuple[str, ...], seconds: float, *more: Any) -> Ran:
        return Ran(None, b"") if argv[0] == "crm_simulate" else tools(argv, seconds, *more)

    node.programs = no_simulation
    assert node.place is None
    node.programs = DEAD
    assert node.place is None


@pytest.mark.parametrize(
    "told", [{}, {"proven_out": False}, {"proven_out": "yes"}, {"proven_out": True, "standby": 1}]
)
def test_what_an_expectation_leaves_out_is_no_proof(told):
    with pytest.raises((ValueError, Unreadable)):
        parse({"boot_id": "b", "pacemakers": {"store": told}})


def test_a_proof_alone_is_no_expectation_for_a_standby(node):
    expect = {"boot_id": str(node.clock.boot_id()), "pacemakers": {"store": {"proven_out": True}}}
    args = {"pacemaker": "store", "owner": "lock:upkeep-1"}
    asked = request(node, 1, verb="pacemaker.standby", args=args, expect=expect)
    assert said(ask(node, asked)[-1]) == ("refused", "bad_argument")
