"""What people see of ladders, groups and marks: as the journal knows it, and as the nodes tell it."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.picture import Picture, SeenMark
from healer.progress import group_views, mark_views, rung_views
from healer.standing import SHOWN_FOR
from healer.text import status
from healer.views import status_view
from tests.healer.fakes import NOW
from tests.healer.tier import tier
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


@pytest.fixture
def village() -> Village:
    """A tier in which nginx cannot be restarted, since its configuration is broken."""
    made = Village(tier())
    made.gates.refuse["service.restart"] = "config_check"
    return made


def picture(*marks: SeenMark) -> Picture:
    return Picture(NOW, {}, {}, frozenset(marks))


def drained(node: str, kind: str, since: float = NOW) -> SeenMark:
    return SeenMark("pool.drain", "web/web1", node, kind, since)


async def test_marks_are_shown_with_the_incident_that_they_stand_for(village: Village) -> None:
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        shown = status_view(village.watch, village.topology, "test")
    assert [
        (one["mark"], one["subject"], one["node"], one["owners"]) for one in shown["marks"]
    ] == [
        ("pool.drain", "web/web1", "lb1", ["incident:1"]),
        ("pool.drain", "web/web1", "lb2", ["incident:1"]),
    ]
    assert "pool.drain of web/web1 at the gate of lb2, for incident 1" in status(shown)


async def test_what_nodes_tell_is_laid_over_what_the_journal_knows(village: Village) -> None:
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        ours = village.journal.board.open
        told = picture(
            drained("lb1", "incident"),
            drained("lb1", "person", NOW - 60),
            SeenMark("address.decline", "vip", "lb2", "person", NOW - 3600),
            SeenMark("pool.drain", "web/web3", "lb2", "incident", NOW - 30),
        )
        shown = {
            (one["subject"], one["node"]): (one["owners"], one["seen"])
            for one in mark_views(ours, told)
        }
        unknown = mark_views(ours, None)
    assert shown == {
        ("vip", "lb2"): (["person"], True),
        ("web/web1", "lb1"): (["incident:1", "person"], True),
        ("web/web3", "lb2"): (["incident"], True),
        ("web/web1", "lb2"): (["incident:1"], False),
    }
    assert next(iter(shown)) == ("vip", "lb2"), "the oldest first"
    assert [one["seen"] for one in unknown] == [None, None]


def test_a_mark_of_a_hostile_exporter_is_shown_as_it_is() -> None:
    odd = SeenMark("<b>", "", "\u202e", "king", float("nan"))
    (shown,) = mark_views((), picture(odd))
    assert (shown["mark"], shown["owners"], shown["since"]) == ("<b>", ["king"], None)


async def test_the_ladder_says_which_rung_was_tried_and_which_one_it_stands_on(
    village: Village,
) -> None:
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        shown = rung_views(village.incident(), village.topology)
    assert [(one["action"], one["tried"], one["outcome"], one["place"]) for one in shown] == [
        ("service.restart", 1, "refused", "past"),
        ("pool.drain", 2, "verified", "last"),
        ("person.call", 0, "", "later"),
    ]


async def test_an_incident_of_an_unknown_ladder_has_no_rungs(village: Village) -> None:
    cause = village.fail()
    await village.journal.write(ie.IncidentOpened("9", cause, "gone", "d1"))
    assert rung_views(village.journal.board.incidents["9"], village.topology) == []


async def test_groups_say_how_many_more_they_can_spare(village: Village) -> None:
    async with village.armed():
        village.fail("web2/nginx")
        await asyncio.sleep(5)
        standing, now = village.watch.standing(), village.clock.wall()
        shown = group_views(village.topology, village.watch.latest, standing, now)
        groups = {one["group"]: one for one in shown}
        web = groups["web"]
        assert (web["serving"], web["min_available"], web["redundancy"]) == (2, 2, 0)
        health = {one["node"]: one["health"] for one in web["members"]}
        assert health == {"web1": "serving", "web2": "down", "web3": "serving"}
        assert groups["lb"]["redundancy"] == 1
        nothing = group_views(village.topology, None, standing, now)
    assert {one["redundancy"] for one in nothing} == {None}
    assert {one["serving"] for one in nothing} == {None}


async def test_an_old_look_at_the_cluster_is_not_shown_as_how_it_is_now(village: Village) -> None:
    async with village.armed():
        await asyncio.sleep(5)
        assert village.watch.latest is not None
        village.prometheus.silent = True
        await asyncio.sleep(5)
        assert village.watch.latest is None
    watch = village.watch
    watch.look_at_nodes(picture(), village.topology)
    assert watch.latest is not None
    watch.clock = replace(village.clock, up=village.clock.up + SHOWN_FOR + 1)
    assert watch.latest is None
