"""What each verb works on, and where its proof is looked for."""

from dataclasses import replace

import pytest

from healer.core.actions import Args, proof_place, steps, subject_of
from healer.core.alert import Target
from healer.core.topology import EXPORTER, VirtualAddress
from tests.healer.core.world import VIP
from tests.healer.tier import candidates, tier

ADDRESSED = replace(
    candidates(),
    addresses={
        "vip": VirtualAddress("vip", VIP, "lb"),
        "other": VirtualAddress("other", "10.0.0.200", "web"),
    },
)
DRAIN_AT = (("member", "web1"), ("owner", "me"), ("pool", "web"))


@pytest.mark.parametrize(
    ("verb", "at", "done"),
    [
        ("service.restart", Target("web1", "nginx"), [("web1", "nginx.service")]),
        ("service.reload", Target("web1", EXPORTER), [("web1", "hale-exporter.service")]),
        ("service.restart", Target("web1", "gone"), [("web1", "")]),  # the guards refuse it
        ("service.restart", Target("web1"), []),
        ("pool.drain", Target("web1", "nginx"), [("lb1", "pool:web"), ("lb2", "pool:web")]),
        ("pool.return", Target("web1"), [("lb1", "pool:web"), ("lb2", "pool:web")]),
        ("pool.drain", Target("web1", EXPORTER), []),
        ("pool.drain", Target("mon1"), []),
        ("address.decline", Target("lb1"), [("lb1", "vip")]),
        ("address.accept", Target("web1"), [("web1", "other")]),
        ("address.decline", Target("mon1"), []),
        ("disk.free", Target("web1", None, "/var"), [("web1", "/var")]),
        ("disk.free", Target("web1"), []),
        ("node.reboot", Target("web1", "nginx"), [("web1", "")]),
        ("node.explode", Target("web1"), [("web1", "")]),  # unknown: as wide as there is
    ],
)
def test_a_verb_has_one_step_for_each_gate_that_has_to_do_it(
    verb: str, at: Target, done: list[tuple[str, str]]
) -> None:
    found = steps(verb, at, ADDRESSED, "me")
    assert isinstance(found, tuple)
    assert [(one.gate, one.look) for one in found] == done


def test_a_gate_is_told_what_a_step_is_about_and_whose_mark_it_is() -> None:
    told = [
        steps(verb, at, ADDRESSED, "me")[0].args
        for verb, at in (
            ("service.restart", Target("web1", "nginx")),
            ("pool.drain", Target("web1", "nginx")),
            ("address.decline", Target("lb1")),
            ("disk.free", Target("web1", None, "/var")),
            ("node.reboot", Target("web1")),
        )
    ]
    assert told == [
        (("unit", "nginx.service"),),
        DRAIN_AT,
        (("address", "vip"), ("owner", "me")),
        (("mountpoint", "/var"),),
        (),
    ]
    assert [subject_of(args) for args in told] == ["", "web/web1", "vip", "", ""]


@pytest.mark.parametrize(
    ("verb", "args", "place"),
    [
        ("service.restart", (("unit", "nginx.service"),), (Target("web1", "nginx"), ())),
        ("pool.drain", DRAIN_AT, (Target("lb1"), (("member", "web1"), ("pool", "web")))),
        ("address.decline", (("address", "vip"),), (Target("lb1"), (("address", VIP),))),
        ("address.accept", (("address", "gone"),), (Target("lb1"), (("address", ""),))),
    ],
)
def test_a_mark_is_proved_where_it_stands_and_all_else_on_what_the_alert_is_about(
    verb: str, args: Args, place: tuple[Target, Args]
) -> None:
    assert proof_place(verb, Target("web1", "nginx"), "lb1", args, ADDRESSED) == place


def test_without_pools_nothing_is_drained() -> None:
    assert steps("pool.drain", Target("web1", "nginx"), replace(tier(), pools={}), "me") == ()
