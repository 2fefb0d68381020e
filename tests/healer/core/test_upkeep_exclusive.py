"""Either node of a pair, of which one may run what they have in common, can be taken out for maintenance."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.look import PacemakerLook, PacemakerNode
from healer.core.order import Sight
from healer.core.topology import Pacemaker
from healer.core.upkeep_events import Kind
from healer.core.upkeep_guards import Wish, judge
from healer.core.verdict import Verdict
from tests.healer.core.guarded import opened
from tests.healer.core.test_fenced import pair
from tests.healer.core.world import NOW, World

CALM = Sight((), (), (), NOW)
HERE = PacemakerNode(online=True, standby=False, unclean=False, able=True)


def world(active: str = "web1") -> World:
    """One of web1 and web2 runs nginx."""
    made = World(topology=pair(), unit_state="inactive")
    made.down = {Target(one, "nginx") for one in ("web1", "web2") if one != active}
    return made


def says(made: World, node: str, kind: Kind = Kind.PERSON, verb: str = "node.lock") -> set[str]:
    """Return the reasons for which that may not be done."""
    return {one.reason or "" for one in said(made, node, kind, verb) if not one.allowed}


def said(made: World, node: str, kind: Kind, verb: str = "node.lock") -> tuple[Verdict, ...]:
    facts = made.facts(opened(made))
    return judge(Wish(node, verb, kind, "lock:upkeep-1", CALM), facts)


def test_the_one_that_stands_by_may_go_since_a_lock_starts_nothing():
    assert says(world(), "web2") == set()


def test_the_active_one_may_not_and_is_told_what_to_move_where():
    (held,) = (one for one in said(world(), "web1", Kind.PERSON) if not one.allowed)
    assert held.reason == "capacity"
    assert held.sentence == (
        "web cannot spare web1 now. web1 alone runs nginx, so move that first: stop nginx.service on web1, "
        "start it on web2, and ask again once it serves there."
    )


def test_once_it_was_moved_the_former_active_one_may_go():
    assert says(world(active="web2"), "web1") == set()


@pytest.mark.parametrize("kind", [Kind.LOCK, Kind.ROLL])
def test_what_ends_in_a_boot_is_refused_before_the_lock_and_told_who_may(kind):
    held = next(one for one in said(world(), "web2", kind) if one.guard == "fenced")
    assert (held.reason, held.have) == ("not_fenced", "nginx on web1: active")
    assert held.sentence.endswith("hale-healer maintenance start web2")


@pytest.mark.parametrize("verb", ["node.patch", "node.reboot"])
def test_a_boot_may_start_what_a_lock_does_not(verb):
    assert "not_fenced" in says(world(), "web2", Kind.ROLL, verb)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("verb", ["node.lock", "node.patch", "node.reboot"])
def test_what_pacemaker_runs_no_boot_starts(kind, verb):
    made = world()
    cluster = Pacemaker("store", "web", {"nfs": "nginx"})
    made.topology = replace(made.topology, pacemakers={"store": cluster})
    assert "not_fenced" not in says(made, "web2", kind, verb)


def test_where_pacemaker_moves_it_nobody_is_told_to_move_it_by_hand():
    made = world()
    cluster = Pacemaker("store", "web", {"nfs": "nginx"})
    made.topology = replace(made.topology, pacemakers={"store": cluster})
    nodes = {"web1": HERE, "web2": replace(HERE, able=False)}
    look = PacemakerLook(True, False, (), nodes, {"nfs": ("web1",)}, (), movable=frozenset({"nfs"}))
    facts = made.facts(opened(made))
    gates = {
        name: replace(heard, look=replace(heard.look, pacemakers={"store": look}))
        for name, heard in facts.gates.items()
        if heard.look is not None
    }
    verdicts = judge(
        Wish("web1", "node.lock", Kind.PERSON, "lock:upkeep-1", CALM), replace(facts, gates=gates)
    )
    held = next(one for one in verdicts if one.guard == "capacity")
    assert (held.reason, held.sentence) == ("capacity", "web cannot spare web1 now.")
