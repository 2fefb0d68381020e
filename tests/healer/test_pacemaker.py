"""A node of Pacemaker from the alert, or a person's word, to the proof: through Pacemaker alone, on virtual time."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.states import State
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from tests.healer.core.test_pacemaker import CALM, FAILED, paced
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)

SHARE = Target("s1", "share")


def village(seen=CALM, *, only_one=False) -> Village:
    plain = paced()
    share = replace(plain.services["share"], exclusive=only_one)
    plain = replace(plain, services={**plain.services, "share": share})
    numbers = replace(plain.numbers, cooldown=0.0, owner_settled=0.0)
    found = Village(replace(plain, numbers=numbers))
    found.cluster.pacemakers["store"] = seen
    return found


def done(village: Village) -> list[str]:
    return [one for one in village.diary if one.startswith("gate ")]


async def test_what_failed_on_a_node_is_cleaned_up_there_once_and_proved():
    here = village()
    async with here.armed():
        here.fail("s1/share", heal="pacemaker", group="store")
        await asyncio.sleep(60)
        assert done(here) == ["gate s1 pacemaker.cleanup store nfs"]
        assert here.cluster.pacemakers["store"].failures == ()
        here.mend("s1/share")
        await asyncio.sleep(30)
        assert here.incident(1).state is State.CLOSED


@pytest.mark.parametrize(
    ("answering", "said"),
    [
        ({"s1"}, "proved"),
        ({"s2"}, "proved"),
        (set(), "outside_probe"),
        ({"s1", "s2"}, "outside_probe"),
    ],
)
async def test_what_one_node_runs_at_a_time_has_to_answer_on_one_of_them_and_no_more(
    answering: set[str], said: str
):
    here = village(only_one=True)

    def forget_and_run_it_there(*_: str) -> None:
        here.cluster.pacemakers["store"] = replace(CALM, failures=())
        here.cluster.down |= {SHARE, Target("s2", "share")}
        here.cluster.down -= {Target(node, "share") for node in answering}

    here.cluster.forget = forget_and_run_it_there  # type: ignore[method-assign]
    async with here.armed():
        here.fail("s1/share", heal="pacemaker", group="store")
        await asyncio.sleep(60)
    assert here.written(ie.VerificationEnded)[0].reason == said


async def test_what_fails_again_is_a_persons():
    here = village()
    async with here.armed():
        here.fail("s1/share", heal="pacemaker", group="store")
        here.cluster.forget = lambda *_: None  # type: ignore[method-assign]
        await asyncio.sleep(120)
        assert done(here) == ["gate s1 pacemaker.cleanup store nfs"]
        assert here.incident(1).state is State.ESCALATED


async def test_a_person_in_maintenance_mode_is_waited_for():
    here = village(replace(CALM, maintenance=True))
    async with here.armed():
        here.fail("s1/share", heal="pacemaker", group="store")
        await asyncio.sleep(30)
        assert (here.hold(1), done(here)) == ("pacemaker_paused", [])
        here.cluster.pacemakers["store"] = CALM
        await asyncio.sleep(30)
        assert done(here) == ["gate s1 pacemaker.cleanup store nfs"]


async def test_what_has_just_failed_is_pacemakers_own_first():
    here = village(replace(CALM, failures=(replace(FAILED, age_seconds=5.0),)))
    async with here.armed():
        here.fail("s1/share", heal="pacemaker", group="store")
        await asyncio.sleep(30)
        assert (here.hold(1), done(here)) == ("owner_settling", [])


async def test_maintenance_moves_all_away_by_pacemaker_and_ends_the_standby_before_the_lock():
    here = village()
    async with here.armed():
        await here.upkeeper.begin("s1", Kind.PERSON, "new fan", "root", 7200.0)
        await asyncio.sleep(5)
        assert here.cluster.pacemakers["store"].nodes["s1"].standby
        assert here.journal.board.planned.upkeeps["1"].phase is Phase.AWAY
        await here.upkeeper.end("s1", "root")
        await asyncio.sleep(5)
    assert done(here) == [
        "gate s1 node.lock",
        "gate s1 pacemaker.standby store",
        "gate s1 pacemaker.unstandby store",
        "gate s1 node.unlock",
    ]
    assert not here.cluster.pacemakers["store"].nodes["s1"].standby


async def test_where_others_cannot_run_it_the_node_is_given_back():
    here = village()
    here.gates.refuse["pacemaker.standby"] = "no_place"
    async with here.armed():
        await here.upkeeper.begin("s1", Kind.PERSON, "new fan", "root", 7200.0)
        await asyncio.sleep(60)
        upkeep = here.journal.board.planned.upkeeps["1"]
    assert (upkeep.phase, upkeep.failed) == (Phase.OVER, "no_place")
    assert done(here)[-1] == "gate s1 node.unlock"


async def test_where_something_would_run_nowhere_maintenance_does_not_begin():
    here = village()
    here.cluster.homeless["s1"] = ("nfs",)
    async with here.armed():
        with pytest.raises(Refused) as refused:
            await here.upkeeper.begin("s1", Kind.PERSON, "new fan", "root", 7200.0)
        verdicts, _ = await here.upkeeper.asked("s1", Kind.PERSON)
    assert refused.value.reason == "no_place"
    assert "no_place" in {one.reason for one in verdicts}
    assert done(here) == []


async def test_a_ladders_reboot_waits_until_all_that_runs_there_has_a_place():
    here = village()
    here.cluster.homeless["s1"] = ("nfs",)
    async with here.armed():
        here.fail("s1", name="NodeHung", heal="reboot-node", group="store")
        await asyncio.sleep(60)
        assert (here.hold(1), done(here)) == ("no_place", [])
        here.cluster.homeless.clear()
        await asyncio.sleep(30)
    assert done(here) == ["gate s1 node.reboot"]
