"""Pacemaker by its own programs: what it shows, what its scheduler foresees, and what does not count as an answer."""

import time
from dataclasses import dataclass

import pytest

from gate import pacemaker
from gate.pacemaker import INFINITY, NotDone, Unanswered, look
from gate.pacemaker_rule import PacemakerRule, pacemaker_rule
from gate.places import homeless
from gate.process import NotStarted, Ran
from tests.gate.pacemakers import InAFile

RULE = PacemakerRule("s1", ("s1", "s2"), ("share",))


@pytest.fixture
def programs(tmp_path) -> InAFile:
    return InAFile(tmp_path)


def see(programs: InAFile) -> pacemaker.Sight:
    return look(RULE, programs, time.time())


def test_it_sees_nodes_and_where_each_resource_runs(programs):
    sight = see(programs)
    assert (sight.quorum, sight.maintenance, sight.fencing) == (True, False, ())
    assert all(one.able for one in sight.nodes.values())
    assert sight.resources["share"].nodes == ("s1",)
    assert "share" in sight.on("s1")
    assert sight.failures == {}


def test_a_failure_is_counted_with_its_time(programs):
    programs.fail("share", "s1")
    found = see(programs).failed("share", "s1")
    assert found.count == 1
    assert found.last
    assert found.age_seconds == pytest.approx(30, abs=30)


def test_a_resource_that_failed_too_often_runs_on_the_other_node(programs):
    for _ in range(3):
        programs.fail("share", "s1")
    sight = see(programs)
    assert sight.failed("share", "s1").count == 3
    assert sight.resources["share"].nodes == ("s2",)


def test_standby_and_maintenance_of_a_node_are_told_apart(programs):
    pacemaker.standby(RULE, programs, 10.0, wanted=True)
    assert see(programs).nodes["s1"].standby
    pacemaker.standby(RULE, programs, 10.0, wanted=False)
    assert not see(programs).nodes["s1"].standby
    programs.change("crm_attribute", "--node", "s2", "--name", "maintenance", "--update", "true")
    seen = see(programs).nodes["s2"]
    assert (seen.maintenance, seen.standby, seen.able) == (True, False, False)


def test_maintenance_mode_is_of_the_whole_cluster(programs):
    programs.change("crm_attribute", "--name", "maintenance-mode", "--update", "true")
    assert see(programs).maintenance


def test_without_quorum_and_unclean_is_seen(programs):
    programs.say('have-quorum="1"', 'have-quorum="0"')
    programs.say(
        'uname="s2" in_ccm="true" crmd="online"', 'uname="s2" in_ccm="false" crmd="offline"'
    )
    sight = see(programs)
    assert not sight.quorum
    assert sight.nodes["s2"].unclean


def test_the_scheduler_foresees_what_would_run_nowhere(programs):
    assert homeless(RULE, programs) == ()
    programs.change("crm_attribute", "--node", "s2", "--name", "standby", "--update", "on")
    assert "share" in homeless(RULE, programs)


@dataclass
class Says:
    """Runs nothing, and says this."""

    code: int | None
    output: bytes

    def __call__(self, argv: tuple[str, ...], seconds: float, keep: int = 0) -> Ran:
        return Ran(self.code, self.output)


EMPTY = b"<pacemaker-result><status code='0' message='OK'/></pacemaker-result>"
HEAD = (
    b"<pacemaker-result><summary><current_dc present='true' with_quorum='true'/>"
    b"<cluster_options maintenance-mode='false'/></summary>"
)


@pytest.mark.parametrize(
    ("code", "output"),
    [
        (0, b""),
        (0, EMPTY),
        (102, EMPTY),
        (None, HEAD + b"</pacemaker-result>"),
        (0, b"<!DOCTYPE x><pacemaker-result></pacemaker-result>" + HEAD),
        (0, HEAD + b"<nodes><node name='s1'/></nodes></pacemaker-result>"),
        (0, HEAD + b"<nodes></pacemaker-result>"),
        (
            0,
            HEAD
            + b"<node_history><node name='s1'><resource_history id='a' fail-count='x'/></node>"
            + b"</node_history></pacemaker-result>",
        ),
    ],
)
def test_what_is_no_whole_answer_is_none(code, output):
    with pytest.raises(Unanswered):
        look(RULE, Says(code, output), 0.0)


def test_a_warning_before_the_answer_does_no_harm_and_a_fencing_under_way_is_seen():
    history = (
        b"<fence_history><fence_event action='reboot' target='s2' status='pending'/>"
        b"<fence_event action='reboot' target='s9' status='success'/></fence_history>"
    )
    sight = look(RULE, Says(0, b"warning: x\n" + HEAD + history + b"</pacemaker-result>"), 0.0)
    assert sight.fencing == ("s2",)


def test_infinity_is_a_number_and_a_time_with_its_zone_is_read():
    history = (
        b"<node_history><node name='s1'><resource_history id='a' fail-count='INFINITY' "
        b"last-failure='Fri Nov 28 03:21:40 2025 +01:00'/></node></node_history></pacemaker-result>"
    )
    now = time.mktime((2025, 11, 28, 3, 22, 40, 0, 0, -1))
    failures = look(RULE, Says(0, HEAD + history), now).failed("a", "s1")
    assert (failures.count, failures.age_seconds) == (INFINITY, 60.0)


def test_a_program_that_is_not_there_changed_nothing():
    def none(*_: object) -> Ran:
        raise NotStarted("no crm_resource")

    with pytest.raises(NotDone):
        pacemaker.cleanup(RULE, "share", none, 10.0)
    with pytest.raises(Unanswered):
        look(RULE, none, 0.0)


@pytest.mark.parametrize(
    ("code", "changed_nothing"), [(1, True), (105, True), (124, False), (None, False), (-9, False)]
)
def test_who_said_no_changed_nothing_and_who_did_not_end_may_have(code, changed_nothing):
    with pytest.raises(Unanswered) as raised:
        pacemaker.cleanup(RULE, "share", Says(code, b"Error\n"), 10.0)
    assert isinstance(raised.value, NotDone) is changed_nothing


@pytest.mark.parametrize(
    "change",
    [
        {"member": "s9"},
        {"members": []},
        {"members": ["s1", "-x"]},
        {"resources": ["--all"]},
        {"resources": "share"},
        {"more": 1},
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_place(change):
    rule = {"member": "s1", "members": ["s1", "s2"], "resources": ["share"]}
    with pytest.raises(ValueError, match="pacemakers"):
        pacemaker_rule({**rule, **change}, "pacemakers['store']")
