"""Whoever claims something is asked for within a bounded number of looks, whatever else is claimed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core.alert import Alert
from healer.lanes import Lanes

TARGETS = ("web1", "web2", "web3", "web4", "web5")
MOST = 2


def claim(name: str, node: str) -> Alert:
    return Alert(f"{name}:{node}", name, (("alertname", name), ("node", node)), 0.0)


def many(count: int, node: str, name: str = "Forged") -> list[Alert]:
    return [claim(f"{name}{number}", node) for number in range(count)]


TRUE = claim("True", "web1")


def test_where_they_are_few_all_are_asked_for_at_each_look_and_none_twice():
    lanes, few = Lanes(), [*many(3, "web2"), TRUE]
    for _ in range(3):
        assert sorted(one.name for one in lanes.next(few, 10)) == sorted(one.name for one in few)
    assert lanes.next([], 10) == []


def test_what_is_claimed_of_one_target_keeps_no_other_waiting():
    assert TRUE in Lanes().next([*many(1000, "web2"), TRUE], MOST)


@pytest.mark.parametrize("first", [True, False])
def test_of_one_target_the_one_that_waited_longest_is_next(first):
    lanes = Lanes()
    old = many(5, "web1")
    assert lanes.next([TRUE, *old] if first else [*old, TRUE], 3) == (
        [TRUE, *old[:2]] if first else old[:3]
    )
    newer = many(100, "web1", "Newer")
    assert lanes.next([*newer, TRUE, *old], 3) == (old[2:] if first else [*old[3:], TRUE])


def test_who_claims_the_same_since_another_time_keeps_its_place():
    lanes = Lanes()
    assert lanes.next([*many(3, "web1"), TRUE], 2) == many(2, "web1")
    again = Alert(TRUE.fingerprint, TRUE.name, TRUE.labels, -5.0)
    assert lanes.next([again, *many(2, "web1", "Newer"), *many(3, "web1")], 2) == [
        many(3, "web1")[2],
        again,
    ]


FORGED = st.lists(
    st.builds(claim, st.sampled_from([f"F{n}" for n in range(20)]), st.sampled_from(TARGETS)),
    unique=True,
)


@given(st.lists(FORGED, min_size=1, max_size=5), st.lists(FORGED, min_size=60, max_size=60))
def test_whatever_is_forged_a_claim_is_asked_for_once_those_of_its_target_were(before, after):
    lanes = Lanes()
    for one in before:
        lanes.next(one, MOST)
    ahead = sum(one.target == TRUE.target for one in {*before[-1], *after[0]})
    bound = math.ceil(len(TARGETS) / MOST) * (ahead + 1)
    asked = [TRUE in lanes.next([*forged, TRUE], MOST) for forged in after]
    assert any(asked[:bound])
