"""The success record: what has not helped is not done again, here or against the same trouble of the others."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.facts import Past
from healer.core.footprint import NOTHING
from healer.core.topology import Numbers
from tests.healer.core.guarded import acted, broken, history, opened, said
from tests.healer.core.world import World, topology

FAR = 20_000.0
"""Seconds ago; longer than any window of budgets and flapping."""


def tried(world: World, *outcomes: Outcome, at: str = "web2/nginx", name: str = "ServiceDown"):
    """Journal closed incidents of another member, one attempt each, oldest first."""
    for place, outcome in enumerate(outcomes):
        number = str(200 + place)
        opened(world, at, int(number), name=name)
        acted(world, number, ended=outcome, age=FAR - place)
        world.journal(ie.IncidentClosed(number, "healed", ""))


GOOD, BAD = Outcome.VERIFIED, Outcome.NOT_VERIFIED


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ([BAD] * 7, None),
        ([BAD] * 8, "rarely_helps"),
        ([BAD] * 7 + [GOOD] * 3, None),
        ([BAD] * 8 + [GOOD] * 2, "rarely_helps"),
        ([BAD] * 8 + [GOOD] * 3, None),
        ([GOOD] * 9 + [BAD] * 8, "rarely_helps"),
        ([Outcome.FAILED] * 8, "rarely_helps"),
        ([Outcome.NOT_SENT] * 9, None),
    ],
)
def test_an_action_that_rarely_helped_the_group_holds(outcomes, reason):
    world = broken()
    tried(world, *outcomes)
    verdict = said(world, opened(world), "attempts")
    assert verdict.reason == reason
    assert not verdict.passing


def test_it_says_how_often_it_did_not_help():
    world = broken()
    tried(world, *[BAD] * 8, GOOD)
    verdict = said(world, opened(world), "attempts")
    assert verdict.have == "8 of the last 9 did not help"
    assert verdict.need == "fewer than 8 of the last 10"


def test_another_alert_has_another_record():
    world = broken()
    tried(world, *[BAD] * 8, name="ServiceFlapping")
    assert said(world, opened(world), "attempts").reason is None


def test_another_action_has_another_record():
    world = broken()
    tried(world, *[BAD] * 8)
    incident = opened(world)
    other = [
        Past(one.incident, one.alert_name, replace(one.attempt, action="node.reboot"))
        for one in world.board.past
    ]
    world.board.past[:] = other
    assert said(world, incident, "attempts").reason is None


def test_another_group_has_another_record():
    world = broken()
    tried(world, *[BAD] * 8)
    incident = opened(world)
    world.board.past[:] = [
        replace(
            one,
            attempt=replace(
                one.attempt, footprint=replace(one.attempt.footprint, groups=frozenset({"db"}))
            ),
        )
        for one in world.board.past
    ]
    assert said(world, incident, "attempts").reason is None


def test_whoever_adopts_an_incident_says_that_it_be_tried_again():
    world = broken()
    tried(world, *[BAD] * 8)
    opened(world)
    world.journal(ie.IncidentAdopted("1", "ann"))
    assert said(world, world.board.incidents["1"], "attempts").reason is None


@pytest.mark.parametrize(("later", "reason"), [(0.0, "rarely_helps"), (0.1, None)])
def test_what_was_tried_since_the_adoption_counts(later, reason):
    world = broken()
    history(world, 8, "web2/nginx", BAD, FAR)
    opened(world)
    incident = replace(world.board.incidents["1"], adopted_at=world.now - FAR + later)
    world.board.incidents["1"] = incident
    assert said(world, incident, "attempts").reason == reason


def test_a_target_in_no_group_has_its_own_record():
    world = broken()
    history(world, 8, "web1/nginx", BAD, FAR)
    world.board.past[:] = [
        replace(one, attempt=replace(one.attempt, gate="web2", footprint=NOTHING))
        for one in world.board.past
    ]
    assert said(world, opened(world), "attempts").reason == "rarely_helps"
    assert said(world, opened(world, "web3/nginx", 2), "attempts").reason is None


def test_the_numbers_are_the_owners():
    world = broken(topology=topology(record=4, record_failed=2))
    tried(world, BAD, BAD, GOOD, GOOD)
    assert said(world, opened(world), "attempts").reason == "rarely_helps"
    world.topology = replace(world.topology, numbers=replace(Numbers(), record=3, record_failed=2))
    assert said(world, world.board.incidents["1"], "attempts").reason is None


def test_what_is_not_proved_yet_says_nothing_against_an_action():
    """Three attempts, of which the last is being looked at: it may well have helped."""
    world = broken(topology=topology(flapping=100, cooldown=0.0))
    history(world, 2, "web1/nginx", BAD, FAR)
    opened(world)
    acted(world, "1", ended=Outcome.DONE, age=100.0)
    assert said(world, opened(world, number=2), "attempts").reason is None
    world.journal(
        ie.VerificationEnded("1", world.board.past[-1].attempt.action_id, False, False, "", "")
    )
    world.now += 1000
    assert said(world, world.board.incidents["2"], "attempts").reason == "poor_record"
