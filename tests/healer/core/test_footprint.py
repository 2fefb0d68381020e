"""What an action takes away: services, groups, nodes and failure domains."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.footprint import NOTHING, as_of_now, disrupts, footprint, of_unit
from healer.core.ladder import Mode
from healer.core.topology import EXPORTER, Group, Pool, Topology, VirtualAddress
from tests.healer.core.world import VIP
from tests.healer.tier import tier

NGINX = Target("web1", "nginx")


def cluster() -> Topology:
    """web1 also serves an app of a group of its own, and may hold an address of a third."""
    plain = tier()
    groups = {
        "apps": Group("apps", ("web1",), 0, control=False, mode=Mode.ACT),
        "holders": Group("holders", ("web1", "web2"), 0, control=False, mode=Mode.ACT),
    }
    app = replace(plain.services["nginx"], name="app", unit="app.service", group="apps")
    return replace(
        plain,
        groups={**plain.groups, **groups},
        services={**plain.services, "app": app},
        addresses={
            "vip": VirtualAddress("vip", VIP, "holders"),
            "other": VirtualAddress("other", "10.0.0.200", "lb"),
        },
        pools={**plain.pools, "apps": Pool("apps", "lb", "apps", "app")},
    )


@pytest.mark.parametrize(
    ("verb", "target", "with_it", "targets", "groups"),
    [
        ("service.restart", NGINX, (), {"web1/nginx"}, {"web"}),
        ("service.restart", NGINX, ("app.service",), {"web1/nginx", "web1/app"}, {"web", "apps"}),
        ("service.restart", NGINX, ("stranger.service",), {"web1/nginx"}, {"web"}),
        ("service.restart", Target("web1", EXPORTER), (), {f"web1/{EXPORTER}"}, set()),
        ("service.reload", NGINX, ("app.service",), {"web1/nginx"}, set()),
        ("pool.drain", NGINX, (), {"web1/nginx"}, {"web"}),
        ("pool.drain", Target("web1"), (), {"web1/nginx", "web1/app"}, {"web", "apps"}),
        ("pool.return", NGINX, (), {"web1/nginx"}, set()),
        ("address.decline", Target("web1"), (), set(), {"holders"}),
        ("address.decline", Target("web3"), (), set(), set()),
        ("disk.free", Target("web1", None, "/var"), (), {"web1:/var"}, set()),
        (
            "node.reboot",
            NGINX,
            (),
            {"web1", "web1/nginx", "web1/app", f"web1/{EXPORTER}"},
            {"web", "apps", "holders"},
        ),
        ("node.reboot", Target("mon1"), (), {"mon1", f"mon1/{EXPORTER}"}, {"control"}),
    ],
)
def test_a_footprint_is_all_that_goes_while_the_action_runs(
    verb: str, target: Target, with_it: tuple[str, ...], targets: set[str], groups: set[str]
) -> None:
    taken = footprint(verb, target, with_it, cluster())
    assert {str(one) for one in taken.targets} == targets
    assert taken.groups == groups
    assert taken.nodes == {target.node}
    assert taken.failure_domains == {cluster().nodes[target.node].failure_domain}


@pytest.mark.parametrize(
    ("verb", "target", "noticed"),
    [
        ("service.restart", NGINX, True),
        ("service.restart", Target("web1", EXPORTER), False),
        ("service.reload", NGINX, False),
        ("node.reboot", Target("web1"), True),
        ("disk.free", Target("web1", None, "/var"), False),
    ],
)
def test_nobody_notices_what_takes_no_group_a_member_and_no_node_away(
    verb: str, target: Target, noticed: bool
) -> None:
    assert disrupts(verb, footprint(verb, target, (), cluster())) is noticed
    assert disrupts("node.reboot", NOTHING)


def test_trouble_on_a_node_that_goes_is_explained_and_elsewhere_not() -> None:
    unit, node = (
        footprint(verb, NGINX, (), cluster()) for verb in ("service.restart", "node.reboot")
    )
    assert [
        unit.covers(one) for one in (NGINX, Target("web1", "app"), Target("web2", "nginx"))
    ] == [
        True,
        False,
        False,
    ]
    assert node.covers(Target("web1", "anything"))
    assert not node.covers(Target("web2", "nginx"))


def test_what_is_under_way_takes_what_it_took_and_what_that_is_called_now() -> None:
    begun = of_unit(NGINX, ("app.service",), cluster())
    now = cluster()
    renamed = {**now.groups, "front": replace(now.groups["web"], name="front")}
    services = {**now.services, "nginx": replace(now.services["nginx"], group="front")}
    nodes = {**now.nodes, "web1": replace(now.nodes["web1"], failure_domain="rack-new")}
    other = replace(now, groups=renamed, services=services, nodes=nodes)
    taken = as_of_now("service.restart", NGINX, begun, other)
    assert taken.groups == {"web", "apps", "front"}
    assert taken.failure_domains == begun.failure_domains | {"rack-new"}
    assert taken.targets == begun.targets
    assert as_of_now("service.reload", NGINX, NOTHING, other).groups == set()


def test_a_service_that_is_called_otherwise_now_may_be_any_that_is_there() -> None:
    now = cluster()
    begun = of_unit(NGINX, (), now)
    services = {name: one for name, one in now.services.items() if name != "nginx"}
    taken = as_of_now("service.restart", NGINX, begun, replace(now, services=services))
    assert taken.groups == {"web", "apps", "holders"}


def test_a_node_that_is_gone_adds_nothing_and_hides_nothing_of_the_others() -> None:
    now = cluster()
    gone = [f"gone{number}" for number in range(1, 40)]
    begun = replace(
        NOTHING,
        targets=frozenset({NGINX, *(Target(node, "nginx") for node in gone)}),
        nodes=frozenset({"web1", *gone}),
    )
    taken = as_of_now("service.restart", Target("gone1", "nginx"), begun, now)
    assert taken.groups == {"web"}
    assert taken.failure_domains == {now.nodes["web1"].failure_domain}
