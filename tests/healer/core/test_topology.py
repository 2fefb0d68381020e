"""What cluster.yml says of who is where, and whose word counts."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.ladder import Mode
from healer.core.topology import EXPORTER, Group
from tests.healer.tier import tier

TIER = replace(tier(), wider={"both": frozenset({"lb1", "lb2"})})


@pytest.mark.parametrize(
    ("target", "known"),
    [
        (Target("web1"), True),
        (Target("web1", "nginx"), True),
        (Target("web1", EXPORTER), True),
        (Target("lb1", "nginx"), False),  # it stands elsewhere
        (Target("web1", "gone"), False),
        (Target("gone"), False),
        (Target("gone", EXPORTER), False),
        (Target("", domain="both"), True),
        (Target("", domain="rack-lb1"), False),  # of one node alone none can be lost
        (Target("", domain="gone"), False),
    ],
)
def test_a_target_is_known_where_the_cluster_file_places_it(target: Target, known: bool) -> None:
    assert TIER.knows(target) is known


def test_a_node_has_the_services_and_is_in_the_groups_that_name_it() -> None:
    assert TIER.services_on("web1").keys() == {"nginx", EXPORTER}
    assert TIER.services_on("lb1").keys() == {EXPORTER}
    assert [one.name for one in TIER.groups_of("web1")] == ["web"]
    assert TIER.groups_of("gone") == ()


@pytest.mark.parametrize(
    ("target", "pools"),
    [
        (Target("web1"), ["web"]),
        (Target("web1", "nginx"), ["web"]),
        (Target("web1", EXPORTER), []),
        (Target("lb1"), []),
    ],
)
def test_a_pool_loses_a_member_with_its_service_or_with_the_whole_node(
    target: Target, pools: list[str]
) -> None:
    assert [one.name for one in TIER.pools_of(target)] == pools


@pytest.mark.parametrize(
    ("ladder", "web", "healer", "groups", "mode"),
    [
        (Mode.ACT, Mode.APPROVE, Mode.EXPLAIN, ["web"], Mode.APPROVE),
        (Mode.APPROVE, Mode.ACT, Mode.ACT, ["web"], Mode.APPROVE),
        (Mode.ACT, Mode.EXPLAIN, Mode.ACT, ["lb", "web"], Mode.EXPLAIN),
        (Mode.ACT, Mode.EXPLAIN, Mode.APPROVE, [], Mode.APPROVE),
    ],
)
def test_the_most_cautious_owner_has_the_word_and_the_healer_only_where_there_is_none(
    ladder: Mode, web: Mode, healer: Mode, groups: list[str], mode: Mode
) -> None:
    owned: dict[str, Group] = {**TIER.groups, "web": replace(TIER.groups["web"], mode=web)}
    cluster = replace(TIER, groups=owned, healer_mode=healer)
    asked = replace(TIER.ladders["restart-service"], mode=ladder)
    assert cluster.mode(asked, groups) is mode


def test_every_mode_is_in_the_line_by_which_a_switch_is_noticed() -> None:
    modes = TIER.modes
    assert modes.startswith("healer act, ladder ")
    assert "group web act" in modes
    for other in (
        replace(TIER, healer_mode=Mode.EXPLAIN),
        replace(
            TIER, groups={**TIER.groups, "web": replace(TIER.groups["web"], mode=Mode.APPROVE)}
        ),
        replace(
            TIER,
            ladders={name: replace(one, mode=Mode.APPROVE) for name, one in TIER.ladders.items()},
        ),
    ):
        assert other.modes != modes
