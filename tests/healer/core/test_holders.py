"""Who holds each virtual address, and for how long that was seen."""

from dataclasses import replace

import pytest

from healer.core.holders import Held, Holders
from healer.core.picture import NodeHealth, Picture
from healer.core.topology import VirtualAddress
from tests.healer.core.world import NOW, VIP
from tests.healer.tier import tier

CLUSTER = replace(tier(), addresses={"vip": VirtualAddress("vip", VIP, "lb")})


def seen(*pictures: tuple[float, dict[str, bool]]) -> Held | None:
    """Return who is said to hold the address after pictures at these times."""
    holders = Holders()
    for at, said in pictures:
        picture = Picture(NOW + at, {}, {}, addresses={VIP: said} if said else {})
        holders = holders.after(picture, CLUSTER)
    assert holders.at == NOW + pictures[-1][0]
    return holders.held.get("vip")


ONE, TWO, NOBODY = {"lb1": True, "lb2": False}, {"lb1": True, "lb2": True}, {"lb1": False}


@pytest.mark.parametrize(
    ("pictures", "held"),
    [
        ([(0, ONE)], Held(frozenset({"lb1"}), 0.0)),
        ([(0, ONE), (2, ONE), (7, ONE)], Held(frozenset({"lb1"}), 7.0)),
        ([(0, ONE), (2, ONE), (7, TWO)], Held(frozenset({"lb1", "lb2"}), 0.0)),
        ([(0, TWO), (2, NOBODY), (5, NOBODY)], Held(frozenset(), 3.0)),
        ([(0, ONE), (-50, ONE), (-48, ONE)], Held(frozenset({"lb1"}), 2.0)),  # set back
        ([(0, ONE), (2, {}), (5, ONE)], Held(frozenset({"lb1"}), 0.0)),  # nobody said in between
        ([(0, {})], None),
        ([(0, {"web1": True})], None),  # it is no candidate
        ([(0, {"web1": True, "lb2": True})], Held(frozenset({"lb2"}), 0.0)),
    ],
)
def test_a_holder_has_held_for_as_long_as_every_picture_says_so(
    pictures: list[tuple[float, dict[str, bool]]], held: Held | None
) -> None:
    assert seen(*pictures) == held


def test_a_picture_that_can_not_be_read_changes_nothing() -> None:
    known = Holders(NOW, {"vip": Held(frozenset({"lb1"}), 5.0)})
    assert known.after(None, CLUSTER) is known


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (Held(frozenset({"lb2", "lb1"}), 5.4), "lb1, lb2 for 5 s"),
        (Held(frozenset()), "nobody for 0 s"),
    ],
)
def test_it_is_said_who_holds_it(held: Held, said: str) -> None:
    assert str(held) == said


def test_a_picture_tells_who_is_missed_and_who_is_heard_of() -> None:
    health = {
        "dead": NodeHealth(False, False),
        "half": NodeHealth(False, None),
        "blind": NodeHealth(None, None),
        "cut": NodeHealth(False, True),
        "well": NodeHealth(True, None),
    }
    picture = Picture(NOW, health, {})
    assert picture.missed == {"dead"}
    assert picture.present == {"cut", "well"}
    assert picture.seen(["dead", "cut", "well", "gone"]) == 2
