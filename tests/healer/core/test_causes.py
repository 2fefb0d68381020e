"""What explains what across nodes: a chain of services, a ring of them, and who else still provides."""

from dataclasses import replace
from itertools import product

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Alert, Target
from healer.core.board import Board
from healer.core.causes import Outages
from healer.core.fold import begun
from healer.core.ladder import Mode
from healer.core.topology import Group, Node, Service, Topology
from tests.healer.core.domains import lost
from tests.healer.core.world import World, alert, glance, topology


def chain(*ring: str) -> Topology:
    """The app of each web node needs db1's database, and that one of st1 and st2. `ring` is what a store needs."""
    plain = topology()
    stands = {"db1": "rack-d", "st1": "rack-s", "st2": "rack-s"}
    services = {
        "app": replace(plain.services["app"], depends_on=("nginx", "gone", "agent", "db")),
        "db": Service("db", "db.service", "db", depends_on=("store",)),
        "store": Service("store", "store.service", "store", depends_on=ring),
        "agent": Service("agent", "agent.service", None, depends_on=("store",)),
    }
    groups = {
        "db": Group("db", ("db1",), 0, control=False, mode=Mode.ACT),
        "store": Group("store", ("st1", "st2"), 0, control=False, mode=Mode.ACT),
    }
    return replace(
        plain,
        nodes={**plain.nodes, **{one: Node(one, one, rack) for one, rack in stands.items()}},
        services={**plain.services, **services},
        groups={**plain.groups, **groups},
    )


def down(at: str) -> Alert:
    return alert("ServiceDown", at)


APP, DB, ST1, ST2 = down("web1/app"), down("db1/db"), down("st1/store"), down("st2/store")
SLOW = {"name": "ServiceSlow", "severity": "warning"}


def outages(
    *broken: Alert, cluster: Topology | None = None, missed: str = "", present: str = ""
) -> Outages:
    seen = glance(missed=missed.split(), present=present.split())
    return Outages.seen(Board(), broken, cluster or chain(), seen)


@pytest.mark.parametrize(
    ("cause", "other", "broken", "explained"),
    [
        (DB, APP, [DB], True),
        (ST1, APP, [ST1, ST2], True),  # through the database, of which nothing was told
        (ST1, APP, [ST1], False),  # the other store provides
        (APP, DB, [APP, DB], False),
        (DB, alert("Oom", "web1/app", failure="oom"), [DB], False),  # that lies deeper
        (alert("DiskFailing", "db1", failure="disk"), APP, [DB], True),
        (alert("NodeSick", "db1"), APP, [DB], False),  # nobody says that it broke anything
        (alert("PoolMemberDown", "db1/db"), APP, [DB], False),  # what others see of it
        (alert(at="db1/db", **SLOW), APP, [], False),  # it may serve all the same
        (alert(at="db1/db", **SLOW), APP, [DB], True),
        (alert(at="web1/nginx", **SLOW), APP, [], True),  # on its own node that is enough
        (alert(at="web2/nginx", **SLOW), APP, [], False),
        (alert("NodeSick", "web1"), APP, [], False),
        (DB, down("web1/nginx"), [DB], False),  # it needs no database
        (alert("ExporterDown", "db1"), APP, [DB], False),
    ],
)
def test_trouble_of_what_nobody_else_provides_is_the_trouble_of_its_users(
    cause: Alert, other: Alert, broken: list[Alert], explained: bool
) -> None:
    assert outages(*broken).explains(cause, other) is explained


def test_the_same_trouble_told_twice_is_one() -> None:
    for one in (alert("ExporterDown", "web1", heal="restart-exporter"), DB):
        assert outages().explains(one, replace(one, fingerprint="another"))


@pytest.mark.parametrize(
    ("at", "broken", "nodes"),
    [
        (APP, [], ["web1", ""]),
        (APP, [DB], ["web1", "", "db1"]),
        (APP, [ST1], ["web1", ""]),
        (APP, [DB, ST1], ["web1", "", "db1"]),  # the other store provides
        (APP, [ST1, ST2], ["web1", "", "db1", "st1", "st2"]),
        (ST1, [ST1, ST2], ["st1", ""]),
    ],
)
def test_what_explains_an_alert_is_looked_for_where_what_it_waits_for_stands(
    at: Alert, broken: list[Alert], nodes: list[str]
) -> None:
    assert list(outages(*broken).above(at)) == nodes


@pytest.mark.parametrize(
    ("at", "nodes"),
    [
        (ST1, ["st1", "db1", "web1", "web2", "web3"]),
        (DB, ["db1", "web1", "web2", "web3"]),
        (APP, ["web1"]),
        (alert("NodeDown", "db1"), ["db1", "web1", "web2", "web3"]),
        (lost("rack-s"), ["", "st1", "st2", "db1", "web1", "web2", "web3"]),
        (down("web1/agent"), ["web1", "web2", "web3"]),
    ],
)
def test_what_an_alert_explains_is_looked_for_where_its_users_stand(
    at: Alert, nodes: list[str]
) -> None:
    assert list(outages().beneath(at)) == nodes


def test_services_that_need_each_other_explain_one_another_and_nothing_goes_round_for_ever() -> (
    None
):
    ring = chain("db")
    whole, broken = outages(cluster=ring), outages(ST1, ST2, cluster=ring)
    assert not whole.explains(ST1, APP)
    assert broken.explains(ST1, APP)
    assert broken.explains(ST1, DB)
    elsewhere = alert("DiskFailing", "web3", failure="disk")
    assert not outages(DB, ST1, ST2, cluster=ring).explains(elsewhere, APP)
    assert list(whole.above(APP)) == ["web1", ""]
    assert list(broken.above(APP)) == ["web1", "", "db1", "st1", "st2"]


def test_a_lost_domain_strikes_what_stood_in_it_and_is_missed() -> None:
    for dead, missed, present, explained in (
        ([ST1, ST2], "st1 st2", "", True),
        ([ST1, ST2], "", "st1 st2", False),  # they run again, and are broken in themselves
        ([ST1, ST2], "", "", False),  # nobody can tell
        ([DB], "st1 st2", "", False),  # what is needed stood elsewhere
        ([DB], "db1 st1 st2", "", False),  # and is lost there
    ):
        known = outages(*dead, missed=missed, present=present)
        assert known.explains(lost("rack-s"), APP) is explained
    assert not outages(ST1, ST2, missed="st1 st2").explains(
        lost("rack-s"), alert("Oom", "web1/app", failure="oom")
    )
    assert not outages(ST1, ST2).explains(ST1, lost("rack-s"))
    assert not outages().explains(alert("NodeDown", "st1"), lost("rack-s"))


def test_of_a_domain_that_is_lost_what_is_missed_is_broken_and_nothing_elsewhere() -> None:
    world = World(topology=chain())
    world.journal(ie.IncidentOpened("1", lost("rack-s"), "none", ""))
    missed = glance(missed=["st1", "db1"], present=["st2"])
    assert Outages.seen(world.board, [], chain(), missed).broken == {Target("st1")}


def test_what_nobody_told_of_is_not_out_for_standing_beside_its_user() -> None:
    """The database's own store stands on web1, and serves."""
    near = Group("store", ("web1",), 0, control=False, mode=Mode.ACT)
    cluster = replace(chain(), groups={**chain().groups, "store": near})
    slow = alert(at="db1/db", **SLOW)
    assert not outages(cluster=cluster).explains(slow, APP)
    assert outages(DB, cluster=cluster).explains(slow, APP)


def test_of_two_domains_with_the_same_nodes_the_first_by_name_explains_both() -> None:
    both = replace(chain(), wider={"power-1": frozenset({"st1", "st2"})})
    seen = outages(cluster=both)
    rack, power = lost("rack-s"), lost("power-1")
    assert [seen.explains(*pair) for pair in product((power, rack), repeat=2)] == [
        True,
        True,
        False,
        True,
    ]


def test_whoever_explains_an_alert_is_a_suspect() -> None:
    places = ("web1", "web1/nginx", "web1/app", "web2/app", "db1", "db1/db", "st1/store", "web1/x")
    names = ("ServiceDown", "NodeDown", "ExporterDown", "ServiceFlapping", "Failure")
    whys = ("", "disk", "network_link")
    told = [alert(name, at, failure=why) for name in names for at in places for why in whys]
    told += [lost("rack-b"), lost("rack-s")]
    opened = [begun(ie.IncidentOpened("1", one, "none", ""), 0.0) for one in told]
    for cluster in (chain(), chain("app")):
        for broken in ([], [DB], [APP, DB, ST1, ST2]):
            seen = outages(*broken, cluster=cluster)
            for other in told:
                suspects = {id(one) for one in seen.suspects(other, opened)}
                explaining = {id(one) for one in opened if seen.explains(one.cause, other)}
                assert explaining <= suspects


def test_a_service_of_which_one_needs_nothing_is_no_suspect() -> None:
    opened = [begun(ie.IncidentOpened("1", one, "none", ""), 0.0) for one in (DB, ST1, APP)]
    assert outages().suspects(down("web1/nginx"), opened) == []
    assert outages().suspects(down("db1/db"), opened) == opened[:2]
