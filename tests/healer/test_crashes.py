"""Kill the healer before and after each commit of an action: one effect, nothing twice, nothing forgotten."""

from collections import Counter

import pytest

from healer.core import incident_events as ie
from healer.core.events import Record
from tests.healer.lives import Healer

COMMITS = 6
"""Commits of one heal: start, arming, opening, intent, end, proof with close. See the first test."""


@pytest.fixture
def healer(tmp_path) -> Healer:
    made = Healer(tmp_path)
    made.break_nginx()
    return made


def kinds(records: list[Record]) -> list[str]:
    return [type(record.event).__name__ for record in records]


async def test_a_heal_is_six_commits(healer):
    """What the other tests kill at; if this changes, so must COMMITS."""
    records = await healer.live()
    assert kinds(records) == [
        "HealerStarted",
        "Armed",
        "IncidentOpened",
        "ActionIntended",
        "ActionEnded",
        "VerificationEnded",
        "IncidentClosed",
    ]
    assert healer.node.read("effects") == ["nginx.service"]


@pytest.mark.parametrize(
    ("commit", "after_commit"),
    [(2, True), *((commit, after) for commit in range(3, COMMITS + 1) for after in (False, True))],
)
async def test_killed_at_a_commit_it_heals_once_in_its_next_life(healer, commit, after_commit):
    await healer.live(commit, after_commit=after_commit)
    records = await healer.live()
    assert healer.node.read("effects") == ["nginx.service"], kinds(records)
    closed = [one.event for one in records if isinstance(one.event, ie.IncidentClosed)]
    assert [one.outcome for one in closed] == ["healed"]
    intents = Counter(
        one.event.action_id for one in records if isinstance(one.event, ie.ActionIntended)
    )
    assert set(intents.values()) == {1}


@pytest.mark.parametrize(("commit", "after_commit"), [(1, False), (1, True), (2, False)])
async def test_killed_before_it_was_armed_it_finds_the_failure_pre_existing(
    healer, commit, after_commit
):
    """Nobody can tell any more whether it failed before or after; then it is a person's to say."""
    await healer.live(commit, after_commit=after_commit)
    records = await healer.live()
    held = [one.event for one in records if isinstance(one.event, ie.IncidentHeld)]
    assert [one.hold.reason for one in held] == ["pre_existing"]
    assert healer.node.read("effects") == []


async def test_killed_twice_at_the_worst_places_it_still_heals_once(healer):
    """After the intent, and again in the next life before the end is written."""
    await healer.live(4, after_commit=True)
    await healer.live(2)
    await healer.live()
    assert healer.node.read("effects") == ["nginx.service"]


async def test_a_gate_killed_in_the_middle_is_unknown_goes_to_verify_and_is_never_sent_again(
    healer,
):
    """The gate's process dies with systemctl in its hands; PID 1 goes on with the job."""
    healer.break_nginx(kill_gate="yes")
    records = await healer.live()
    ended = [one.event for one in records if isinstance(one.event, ie.ActionEnded)]
    assert [one.outcome.value for one in ended] == ["unknown"]
    assert healer.node.read("effects") == ["nginx.service"]
    assert kinds(records)[-1] == "IncidentClosed"
