"""What explains what, on one node and across nodes."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.causes import Outages, depth
from healer.core.correlate import correlate
from healer.core.topology import Service
from healer.core.verdict import allow, hold
from tests.healer.core.correlating import (
    APP,
    DB1,
    DB2,
    DISK,
    EXPORTER,
    FULL,
    NGINX,
    NODE,
    SHORT,
    TOPOLOGY,
    changes,
    explains,
    incidents,
    on,
    tier,
)
from tests.healer.core.history import intent
from tests.healer.core.world import World, alert, glance, with_databases

# --- On one node ----------------------------------------------------------------------------


def test_a_node_lies_deeper_than_a_disk_than_a_filesystem_than_a_service() -> None:
    order = [NODE, DISK, FULL, NGINX]
    assert [depth(one) for one in order] == sorted({depth(one) for one in order})
    for index, deep in enumerate(order):
        assert all(explains(deep, shallow, TOPOLOGY) for shallow in order[index + 1 :])
    assert not any(explains(NGINX, deep, TOPOLOGY) for deep in order[:-1])


@pytest.mark.parametrize("name", ["DatabaseReplicaDown", "DatabaseReplicaOffTimeline"])
def test_what_patroni_says_of_a_member_explains_its_service_and_is_explained_by_a_full_disk(
    name: str,
) -> None:
    """So a broken copy is made anew by its own ladder, and one whose disk is full is not."""
    member = alert(name, "web1/nginx", severity="warning")
    assert explains(member, NGINX, TOPOLOGY)
    assert not explains(NGINX, member, TOPOLOGY)
    assert explains(FULL, member, TOPOLOGY)


def test_what_lies_deeper_is_never_swallowed_by_what_it_explains() -> None:
    assert not explains(DISK, NODE, TOPOLOGY)
    assert not explains(NGINX, alert("Oom", "web1/nginx", failure="oom"), TOPOLOGY)


@pytest.mark.parametrize(
    ("told", "broken"),
    [
        (NGINX, True),
        (NODE, True),
        (alert(severity="warning"), False),
        (alert("PoolMemberDown"), False),  # what others see of it
        (DISK, False),
        (alert("NodeSick", "web1"), False),
    ],
)
def test_what_an_alert_says_is_broken_is_a_dead_node_or_a_service_with_a_page(
    told: Alert, broken: bool
) -> None:
    assert Outages.seen(Board(), [told], TOPOLOGY).broken == ({told.target} if broken else set())


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_prometheus_sees_serving_is_broken_only_where_evidence_said_so(
    confirmed: bool,
) -> None:
    world = on(NGINX)
    world.journal(ie.IncidentHeld("1", SHORT, (allow("still_true", have=1, need=1),)[:confirmed]))
    seen = Outages.seen(world.board, [NGINX], TOPOLOGY, glance(serving=[NGINX.target]))
    assert seen.broken == ({NGINX.target} if confirmed else set())


def test_a_service_explains_those_that_depend_on_it_and_not_the_other_way_round() -> None:
    assert explains(NGINX, APP, TOPOLOGY)
    assert not explains(APP, NGINX, TOPOLOGY)


def test_dependence_goes_through_services_between_and_round_a_ring_without_an_end() -> None:
    ring = {
        name: Service(name, f"{name}.service", "web", depends_on=(other,))
        for name, other in {"a": "b", "b": "c", "c": "a"}.items()
    }
    cluster = replace(TOPOLOGY, services={**TOPOLOGY.services, **ring})
    a, c = alert(at="web1/a"), alert(at="web1/c")
    assert explains(c, a, cluster)
    assert not explains(NGINX, a, cluster)


def test_what_needs_nothing_of_a_node_is_not_explained_by_it() -> None:
    for one in (NODE, DISK, NGINX, EXPORTER):
        assert not explains(one, alert(at="web2/nginx"), TOPOLOGY)
        assert not explains(one, alert(at="web2/app"), TOPOLOGY)


def test_one_services_own_trouble_says_nothing_of_another_that_does_not_need_it() -> None:
    oom = alert("Oom", "web1/app", failure="oom")
    assert explains(oom, APP, TOPOLOGY)
    assert not explains(oom, NGINX, TOPOLOGY)


def test_a_link_that_is_down_explains_what_cannot_be_reached_behind_it_and_not_the_other_way_round() -> (
    None
):
    link = alert("LinkDown", "web1", failure="network_link")
    for one in (NODE, EXPORTER, NGINX):
        assert explains(link, one, TOPOLOGY)
        assert not explains(one, link, TOPOLOGY)
    assert not explains(link, alert("NodeDown", "web2", heal="none"), TOPOLOGY)


def test_an_exporter_that_is_gone_explains_nothing_and_only_a_dead_node_explains_it() -> None:
    """What it no longer tells is not known to be dead."""
    assert not explains(EXPORTER, NGINX, TOPOLOGY)
    assert not explains(DISK, EXPORTER, TOPOLOGY)
    assert explains(NODE, EXPORTER, TOPOLOGY)


def test_services_that_need_nothing_of_each_other_are_told_apart_without_more_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The short way says what all the questions would: of every pair, whatever else is broken."""
    cluster = with_databases(TOPOLOGY, 2)
    some = [
        alert(name, at, **{"failure": failure} if failure else {})
        for name in ("ServiceDown", "NodeDown", "ExporterDown", "PoolMemberDown")
        for at in ("web1/nginx", "web1/app", "web1/unknown", "web1", "web2/app", "db1/db", "db2/db")
        for failure in ("", "network_link", "disk")
    ]
    outages = [
        Outages.seen(Board(), broken, cluster)
        for broken in ([], [alert(at="db1/db"), alert(at="db2/db")], [alert(at="web1/nginx")])
    ]

    def all_pairs() -> list[bool]:
        return [one.explains(a, b) for one in outages for a in some for b in some]

    short = all_pairs()
    monkeypatch.setattr(Outages, "_strangers", lambda *_: False)
    assert short == all_pairs()
    assert any(short)


# --- Across nodes ---------------------------------------------------------------------------


def test_a_service_on_another_node_is_a_symptom_of_the_only_one_that_provides_what_it_needs() -> (
    None
):
    app2 = alert(at="web2/app")
    world = on(APP, app2, DB1, cluster=tier())
    assert incidents(world) == [("db1/db", ["web1/app", "web2/app"])]


@pytest.mark.parametrize("failure", ["disk", "filesystem"])
def test_what_is_wrong_with_a_provider_explains_its_users_too(failure: str) -> None:
    broken = alert("Broken", "db1", failure=failure)
    world = on(APP, DB1, broken, cluster=tier())
    assert incidents(world) == [("db1", ["db1/db", "web1/app"])]


def test_a_dead_node_explains_the_users_of_what_it_provided() -> None:
    world = on(APP, alert("NodeDown", "db1", heal="none"), cluster=tier(), world=on(APP))
    assert incidents(world) == [("db1", ["web1/app"])]
    assert world.board.incidents["1"].ladder == "none"


def test_one_dead_provider_of_two_explains_nobody_and_the_second_takes_what_it_explains_over() -> (
    None
):
    cluster = tier(databases=2)
    world = on(APP, DB1, cluster=cluster)
    assert sorted(incidents(world)) == [("db1/db", []), ("web1/app", [])]
    on(APP, DB1, DB2, cluster=cluster, world=world)
    assert sorted(incidents(world)) == [("db1/db", []), ("db2/db", ["web1/app"])]


def test_a_provider_that_prometheus_sees_serving_is_not_broken_because_an_alert_says_so() -> None:
    cluster, world = tier(databases=2), World()
    seen = glance(serving=[DB2.target])
    for found in correlate(world.board, [APP, DB1, DB2], cluster, frozenset(), seen):
        world.journal(*found)
    assert ("web1/app", []) in incidents(world)


def test_whoever_needs_a_provider_again_that_is_back_leaves_the_incident_of_the_other() -> None:
    cluster = tier(databases=2)
    world = on(APP, DB1, DB2, cluster=cluster)
    assert sorted(incidents(world)) == [("db1/db", ["web1/app"]), ("db2/db", [])]
    world.journal(ie.IncidentClosed("2", "healed", ""))
    on(APP, DB1, cluster=cluster, world=world)
    assert sorted(incidents(world)) == [("db1/db", []), ("web1/app", [])]


def test_a_cause_that_comes_late_takes_over_all_that_it_explains_and_keeps_what_was_tried() -> None:
    cluster, app2 = tier(), alert(at="web2/app")
    world = on(APP, app2, cluster=cluster)
    world.journal(intent(world.board.incidents["2"]))
    world.journal(ie.ActionEnded("2", "1.1.1", Outcome.FAILED, "start_failed", "", None))
    on(APP, app2, DB1, cluster=cluster, world=world)
    assert incidents(world) == [("db1/db", ["web2/app", "web1/app"])]
    kept, gone = world.board.incidents["2"], world.board.incidents["1"]
    assert [attempt.outcome for attempt in kept.attempts] == [Outcome.FAILED]
    assert gone.outcome == "merged"
    assert [past.incident for past in world.board.past] == ["2"]


def test_incidents_that_turn_out_to_be_one_trouble_become_one_once_the_deeper_is_confirmed() -> (
    None
):
    cluster, world = tier(), World()
    for word in (False, True):
        for found in correlate(world.board, [APP], cluster, frozenset()):
            world.journal(*found)
        for found in correlate(world.board, [APP, DB1], cluster, frozenset()):
            world.journal(*found)
        if not word:
            assert sorted(incidents(world)) == [("db1/db", []), ("web1/app", [])]
            seen = allow("still_true", have="true", need="true")
            world.journal(
                ie.IncidentHeld("2", hold("x", "x", have=1, need=2, sentence=""), (seen,))
            )
    assert incidents(world) == [("db1/db", ["web1/app"])]
    assert world.board.incidents["1"].outcome == "merged"


def test_what_is_found_true_leads_what_it_explains_beside_a_deeper_claim_that_nobody_confirmed() -> (
    None
):
    world = on(APP)
    world.journal(*changes(world.board, APP, DISK, true=False))
    assert incidents(world) == [("web1/app", []), ("web1", [])]
    found = correlate(world.board, [APP, DISK, NGINX], TOPOLOGY, frozenset({NGINX.fingerprint}))
    assert next(found) == [ie.CauseReplaced("1", NGINX, "restart-service")]


def test_a_persons_no_is_not_merged_away() -> None:
    world = on(APP, cluster=tier())
    world.journal(ie.ApprovalDenied("1", 0, "ann"))
    world.journal(ie.IncidentOpened("2", DB1, "restart-service", "d1"))
    world.journal(ie.CauseReplaced("2", DB1, "restart-service"))
    on(APP, DB1, cluster=tier(), world=world)
    assert [one.id for one in world.board.open] == ["1", "2"]
