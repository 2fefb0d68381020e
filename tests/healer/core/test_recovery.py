"""When the trouble of an incident counts as gone, and when it only fell silent."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.facts import Evidence
from healer.core.incident import Incident
from healer.core.recovery import fell_silent, seen_gone, wants_word
from tests.healer.core.guarded import broken, evidence, intent, opened
from tests.healer.core.world import World


@pytest.mark.parametrize(
    ("given", "outside", "gone"),
    [
        (evidence(False, 1.0), None, True),
        (evidence(False, 60.0), True, True),
        (evidence(False, 60.1), True, False),  # older than evidence may be
        (evidence(False, None), True, False),
        (evidence(False, 1.0), False, False),  # nobody outside can use it
        (evidence(True, 1.0), True, False),
        (evidence(None, 1.0), True, False),
        (None, True, False),
    ],
)
def test_trouble_is_gone_where_a_fresh_sample_says_so_and_nobody_outside_denies_it(
    given: Evidence | None, outside: bool | None, gone: bool
) -> None:
    world = World()
    incident = opened(world)
    facts = replace(world.facts(incident), evidence=given, outside=outside)
    assert seen_gone(incident, facts) is gone


def test_what_still_fires_did_not_fall_silent() -> None:
    disk = opened(World(), failure="disk")
    facts = replace(World().facts(disk), told=None)
    assert fell_silent(disk, facts)
    assert not fell_silent(disk, replace(facts, evidence=evidence(True, 1.0)))


def marked() -> Incident:
    """An incident whose member is drained."""
    world = broken()
    one = opened(world)
    world.journal(
        replace(intent(one.id, one.target), action="pool.drain", gate="lb1"),
        ie.ActionEnded(one.id, "1.1.1", Outcome.DONE, "", "", None),
    )
    return world.board.incidents[one.id]


@pytest.mark.parametrize(
    ("incident", "wanted"),
    [
        (opened(World()), False),
        (opened(World(), failure="oom"), False),
        (opened(World(), failure="disk"), True),
        (marked(), True),
        (replace(marked(), settled_by="ann"), False),
        (replace(opened(World(), failure="disk"), settled_by="ann"), False),
    ],
    ids=["service", "oom", "disk", "marked", "marked and settled", "disk and settled"],
)
def test_what_would_be_given_back_and_failing_hardware_want_the_word_of_what_told_of_it(
    incident: Incident, wanted: bool
) -> None:
    assert wants_word(incident) is wanted
    facts = World().facts(incident)
    for told in (True, False, None):
        seen = replace(facts, told=told)
        assert seen_gone(incident, seen) is (told is True or not wanted)
        assert fell_silent(incident, seen) is (told is not True and wanted)
