"""Which alerts are one trouble: what explains what, what joins, what takes over, what opens nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core import events as ev
from healer.core.alert import Alert
from healer.core.board import Board
from healer.core.causes import Outages, depth
from healer.core.correlate import (
    MOST_SYMPTOMS,
    MOST_UNCONFIRMED,
    Place,
    claims,
    correlate,
    left_out,
    place_of,
    recurring,
)
from healer.core.incident import Outcome, State
from healer.core.topology import Service, Topology
from healer.core.verdict import allow, hold
from tests.healer.core.history import intent
from tests.healer.core.world import NOW, World, alert, glance, topology, with_databases

TOPOLOGY = topology()


def explains(cause: Alert, other: Alert, cluster: Topology, *broken: Alert) -> bool:
    return Outages.seen(Board(), broken, cluster).explains(cause, other)


def changes(
    board: Board, *alerts: Alert, cluster: Topology = TOPOLOGY, true: bool = True
) -> list[ev.Event]:
    """Return what these alerts, found true on evidence or not, change first."""
    found = frozenset(one.fingerprint for one in alerts if true)
    return next(correlate(board, alerts, cluster, found), [])


def on(*alerts: Alert, world: World | None = None, cluster: Topology = TOPOLOGY) -> World:
    """Let alerts fire until nothing changes any more, as the engine does."""
    world = world or World()
    for _ in range(100):
        found = changes(world.board, *alerts, cluster=cluster)
        if not found:
            return world
        world.journal(*found)
    raise AssertionError("it does not come to an end")


def incidents(world: World) -> list[tuple[str, list[str]]]:
    """Return each open incident's cause and symptoms, as targets."""
    return [
        (str(one.cause.target), [str(symptom.target) for symptom in one.symptoms])
        for one in world.board.open
    ]


# --- What explains what ---------------------------------------------------------------------

NODE = alert("NodeDown", "web1", heal="none")
DISK = alert("DiskFailing", "web1", failure="disk")
FULL = alert("FilesystemBroken", "web1", failure="filesystem")
NGINX = alert("ServiceDown", "web1/nginx")
APP = alert("ServiceDown", "web1/app")
EXPORTER = alert("ExporterDown", "web1", heal="restart-exporter")
SHORT = hold("capacity", "capacity", have=0, need=1, sentence="web is short.")


def test_a_node_lies_deeper_than_a_disk_than_a_filesystem_than_a_service() -> None:
    order = [NODE, DISK, FULL, NGINX]
    assert [depth(one) for one in order] == sorted({depth(one) for one in order})
    for index, deep in enumerate(order):
        assert all(explains(deep, shallow, TOPOLOGY) for shallow in order[index + 1 :])
    assert not any(explains(NGINX, deep, TOPOLOGY) for deep in order[:-1])


def test_what_lies_deeper_is_never_swallowed_by_what_it_explains() -> None:
    assert not explains(DISK, NODE, TOPOLOGY)
    assert not explains(NGINX, alert("Oom", "web1/nginx", failure="oom"), TOPOLOGY)


def test_a_flood_of_alerts_about_one_target_joins_its_incident_only_so_far() -> None:
    world = on(NGINX)
    flood = [replace(alert(f"Odd{number}"), began_at=NOW + number) for number in range(3000)]
    for found in correlate(world.board, flood, TOPOLOGY):
        world.journal(*found)
    (incident,) = world.board.open
    assert len(incident.symptoms) == MOST_SYMPTOMS
    assert world.seq == 1 + MOST_SYMPTOMS
    # Deeper trouble that is true is heard all the same.
    (deeper,) = changes(world.board, DISK)
    assert isinstance(deeper, ev.CauseReplaced)


def test_nobody_takes_an_incident_over_on_an_alerts_word_alone() -> None:
    world = on(NGINX)
    (opened,) = changes(world.board, DISK, true=False)
    assert isinstance(opened, ev.IncidentOpened)


def test_of_two_that_come_together_the_one_that_is_used_leads() -> None:
    """The user's fingerprint sorts first; its incident would restart the wrong one."""
    user = replace(APP, fingerprint="A")
    world = on(user, NGINX)
    assert incidents(world) == [("web1/nginx", ["web1/app"])]


def test_what_is_used_comes_first_on_the_alerts_word_alone_too() -> None:
    user = replace(APP, fingerprint="A")
    (opened,) = changes(Board(), user, NGINX, true=False)
    assert isinstance(opened, ev.IncidentOpened)
    assert opened.cause == NGINX


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
    world.journal(ev.IncidentHeld("1", SHORT, (allow("still_true", have=1, need=1),)[:confirmed]))
    seen = Outages.seen(world.board, [NGINX], TOPOLOGY, glance(serving=[NGINX.target]))
    assert seen.broken == ({NGINX.target} if confirmed else set())


def test_a_deeper_cause_gives_a_person_their_incident_back_to_the_healer_but_not_after_a_no() -> (
    None
):
    for word, state in (("ladder_exhausted", State.OPEN), ("denied", State.ESCALATED)):
        world = on(APP)
        if word == "denied":
            world.journal(ev.ApprovalDenied("1", 0, "ann"))
        else:
            world.journal(ev.IncidentEscalated("1", word, ""))
        on(APP, NGINX, world=world)
        assert str(world.board.incidents["1"].target) == "web1/nginx"
        assert world.board.incidents["1"].state is state
        assert world.board.incidents["1"].confirmed


def test_what_was_refused_is_not_refused_again_at_each_look() -> None:
    world = World()
    strange = alert(heal="gone")
    world.journal(*changes(world.board, strange))
    assert list(world.board.refused) == [strange.fingerprint]
    assert changes(world.board, strange) == []


def test_an_alert_that_asks_for_an_unknown_ladder_opens_nothing() -> None:
    world = World()
    (refused,) = changes(world.board, alert("ServiceDown", "web1/nginx", heal="bogus"))
    assert isinstance(refused, ev.AlertRefused)
    assert refused.reason == "unknown_ladder"


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


# --- Across nodes ---------------------------------------------------------------------------


def tier(databases: int = 1) -> Topology:
    return with_databases(TOPOLOGY, databases)


DB1, DB2 = alert(at="db1/db"), alert(at="db2/db")


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
    world.journal(ev.IncidentClosed("2", "healed", ""))
    on(APP, DB1, cluster=cluster, world=world)
    assert sorted(incidents(world)) == [("db1/db", []), ("web1/app", [])]


def test_a_cause_that_comes_late_takes_over_all_that_it_explains_and_keeps_what_was_tried() -> None:
    cluster, app2 = tier(), alert(at="web2/app")
    world = on(APP, app2, cluster=cluster)
    world.journal(intent(world.board.incidents["2"]))
    world.journal(ev.ActionEnded("2", "1.1.1", Outcome.FAILED, "start_failed", "", None))
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
                ev.IncidentHeld("2", hold("x", "x", have=1, need=2, sentence=""), (seen,))
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
    assert next(found) == [ev.CauseReplaced("1", NGINX, "restart-service")]


def test_a_persons_no_is_not_merged_away() -> None:
    world = on(APP, cluster=tier())
    world.journal(ev.ApprovalDenied("1", 0, "ann"))
    world.journal(ev.IncidentOpened("2", DB1, "restart-service", "d1"))
    world.journal(ev.CauseReplaced("2", DB1, "restart-service"))
    on(APP, DB1, cluster=tier(), world=world)
    assert [one.id for one in world.board.open] == ["1", "2"]


def test_an_exporter_that_is_gone_explains_nothing_and_only_a_dead_node_explains_it() -> None:
    """What it no longer tells is not known to be dead."""
    assert not explains(EXPORTER, NGINX, TOPOLOGY)
    assert not explains(DISK, EXPORTER, TOPOLOGY)
    assert explains(NODE, EXPORTER, TOPOLOGY)


# --- Opening --------------------------------------------------------------------------------


def test_an_alert_opens_an_incident_with_its_ladder_and_the_configuration_it_runs_under() -> None:
    (opened,) = changes(Board(), NGINX)
    assert opened == ev.IncidentOpened("1", NGINX, "restart-service", "d1")


@pytest.mark.parametrize("heal", ["none", ""])
def test_an_alert_without_a_ladder_is_a_persons_from_the_start(heal: str) -> None:
    assert on(alert(heal=heal)).board.incidents == {}


@pytest.mark.parametrize("name", ["HealerHolds", "HealerEscalation", "HealerDown"])
def test_alerts_about_the_healer_start_and_join_nothing(name: str) -> None:
    world = on(NGINX, alert(name, "web1/nginx", heal="restart-service"))
    assert incidents(world) == [("web1/nginx", [])]


def test_the_same_trouble_on_two_nodes_is_two_incidents() -> None:
    world = on(NGINX, alert(at="web2/nginx"))
    assert incidents(world) == [("web1/nginx", []), ("web2/nginx", [])]


def test_what_fires_together_is_one_incident_about_the_deepest_cause() -> None:
    assert incidents(on(APP, NGINX)) == [("web1/nginx", ["web1/app"])]


# --- Joining and taking over ----------------------------------------------------------------


def test_a_symptom_joins_the_incident_that_explains_it() -> None:
    world = on(NGINX, APP, world=on(NGINX))
    assert incidents(world) == [("web1/nginx", ["web1/app"])]


def test_a_deeper_cause_takes_the_incident_over_and_keeps_what_was_tried() -> None:
    world = on(APP)
    world.journal(intent(world.board.incidents["1"]))
    world.journal(ev.ActionEnded("1", "1.1.1", Outcome.FAILED, "start_failed", "", None))
    on(APP, NGINX, world=world)
    one = world.board.incidents["1"]
    assert incidents(world) == [("web1/nginx", ["web1/app"])]
    assert [attempt.outcome for attempt in one.attempts] == [Outcome.FAILED]


def test_a_deeper_cause_of_two_incidents_makes_them_one() -> None:
    other = replace(TOPOLOGY.services["app"], name="api", unit="api.service")
    cluster = replace(TOPOLOGY, services={**TOPOLOGY.services, "api": other})
    api = alert(at="web1/api")
    world = on(APP, api, cluster=cluster)
    assert len(world.board.open) == 2
    on(APP, api, NGINX, world=world, cluster=cluster)
    ((cause, symptoms),) = incidents(world)
    assert (cause, sorted(symptoms)) == ("web1/nginx", ["web1/api", "web1/app"])
    assert world.board.incidents["2"].outcome == "merged"


def test_an_action_under_way_ends_under_its_own_name() -> None:
    other = replace(TOPOLOGY.services["app"], name="api", unit="api.service")
    cluster = replace(TOPOLOGY, services={**TOPOLOGY.services, "api": other})
    api = alert(at="web1/api", began=NOW + 1)
    world = on(APP, api, cluster=cluster)
    world.journal(intent(world.board.incidents["2"]))
    on(APP, api, NGINX, world=world, cluster=cluster)
    assert [str(one.cause.target) for one in world.board.open] == ["web1/nginx", "web1/api"]


def test_what_an_action_takes_away_joins_it_while_it_is_not_settled() -> None:
    world = on(APP)
    footprint = replace(
        intent(world.board.incidents["1"]).footprint, targets=frozenset({NGINX.target, APP.target})
    )
    world.journal(replace(intent(world.board.incidents["1"]), footprint=footprint))
    on(APP, NGINX, world=world)
    assert incidents(world) == [("web1/app", ["web1/nginx"])]


# --- Episodes -------------------------------------------------------------------------------


def test_an_alert_that_is_known_changes_nothing() -> None:
    assert changes(on(NGINX).board, NGINX) == []


@pytest.mark.parametrize("change", [{"began_at": NOW + 60}, {"silenced": True}])
def test_a_newer_episode_or_a_silence_is_the_same_trouble(change: dict[str, float]) -> None:
    newer = replace(NGINX, **change)  # type: ignore[arg-type]
    world = on(newer, world=on(NGINX))
    assert len(world.board.incidents) == 1
    assert world.board.incidents["1"].cause == newer


def closed(*alerts: Alert) -> World:
    world = on(*alerts)
    world.journal(ev.IncidentClosed("1", "cleared", ""))
    return world


def test_a_closed_episode_opens_nothing_by_itself_and_may_be_a_recurrence() -> None:
    world = closed(NGINX)
    assert changes(world.board, NGINX, true=False) == []
    assert recurring(world.board, [NGINX]) == [NGINX]


def test_a_new_episode_of_a_closed_one_opens_an_incident() -> None:
    world = on(replace(NGINX, began_at=NOW + 60), world=closed(NGINX))
    assert [one.id for one in world.board.open] == ["2"]


def test_a_recurrence_that_is_already_looked_after_is_none() -> None:
    world = closed(NGINX)
    world.journal(ev.IncidentOpened("2", NGINX, "restart-service", "d1"))
    assert recurring(world.board, [NGINX]) == []


def test_a_closed_symptom_without_a_ladder_is_never_a_recurrence() -> None:
    note = alert("ServiceSlow", "web1/nginx", heal="none")
    world = closed(NGINX, note)
    assert note.episode in world.board.closed_episodes
    assert recurring(world.board, [note]) == []


# --- What is asked of the evidence, and what has no room -----------------------------------


@pytest.mark.parametrize(
    ("one", "place"),
    [
        (NGINX, Place.INCIDENT),
        (alert("HealerFrozen", "web1", heal="restart-service"), Place.OWN),
        (NODE, Place.PERSON),
        (alert("Odd", "web1", heal=""), Place.PERSON),
        (alert("Odd", "web1", heal="gone"), Place.REFUSED),
        (APP, Place.WAITING),
    ],
)
def test_each_firing_alert_is_in_its_place(one: Alert, place: Place) -> None:
    assert place_of(on(NGINX).board, one, TOPOLOGY) is place


def test_those_that_would_lead_are_asked_for_the_deepest_first() -> None:
    board = on(NGINX).board
    others = [
        alert("HealerDiskFailing", "web1", failure="disk"),  # about ourselves
        alert("DiskFailing", "web1", failure="disk", heal="none"),  # leads nothing
        alert("DiskFailing", "web2", failure="disk"),  # explains nothing
        NGINX,  # known already
        APP,
    ]
    assert claims(board, [FULL, *others, DISK], Outages.seen(board, [], TOPOLOGY)) == [DISK, FULL]
    world = on(NGINX)
    world.journal(replace(intent(world.board.incidents["1"]), action="pool.drain"))
    # One that took something away stays what it is.
    assert claims(world.board, [DISK], Outages.seen(world.board, [], TOPOLOGY)) == []


def flooded(confirmed: bool, count: int = MOST_SYMPTOMS) -> World:
    """nginx has trouble, and so many others that explain nothing are its symptoms."""
    world = World()
    world.journal(ev.IncidentOpened("1", NGINX, "restart-service", "d1"))
    if confirmed:
        world.journal(ev.IncidentHeld("1", SHORT, (allow("still_true", have=1, need=1),)))
    odd = (replace(NGINX, fingerprint=f"odd{number}") for number in range(count))
    world.journal(*(ev.AlertJoined("1", one) for one in odd))
    return world


@pytest.mark.parametrize(
    ("confirmed", "count", "waits", "joins"),
    [
        (False, MOST_SYMPTOMS, True, True),  # evidence may find it true, and then it has room
        (True, MOST_SYMPTOMS, False, False),
        (False, MOST_SYMPTOMS - 1, False, True),
    ],
)
def test_what_finds_no_room_beside_what_nothing_confirms_may_be_true_itself(
    confirmed: bool, count: int, waits: bool, joins: bool
) -> None:
    world = flooded(confirmed, count)
    outages = Outages.seen(world.board, [], TOPOLOGY)
    assert left_out(world.board, [APP, NODE, NGINX], outages) == ([APP] if waits else [])
    found = correlate(world.board, [APP], TOPOLOGY, frozenset({APP.fingerprint}))
    assert (next(found, []) == [ev.AlertJoined("1", APP)]) is joins
    world.board.closed_episodes[APP.episode] = NOW
    assert left_out(world.board, [APP], outages) == []  # that is a recurrence


def test_what_was_never_closed_does_not_recur() -> None:
    assert recurring(Board(), [NGINX]) == []


def test_only_what_is_claimed_of_the_node_itself_and_not_confirmed_crowds_it() -> None:
    cluster = tier()
    world = World()
    most = MOST_UNCONFIRMED + len(cluster.services_on("web1"))
    for number in range(most):
        cause = replace(alert("Full", "web1", mountpoint=f"/x{number}"), fingerprint=f"f{number}")
        world.journal(ev.IncidentOpened(str(number + 1), cause, "restart-service", "d1"))
    new = alert("Full", "web1", mountpoint="/new")
    assert changes(world.board, new, cluster=cluster, true=False) == []
    sure = (allow("still_true", have=1, need=1),)
    world.journal(ev.IncidentHeld("1", SHORT, sure))
    opened = [ev.IncidentOpened(str(most + 1), new, "restart-service", "d1")]
    assert changes(world.board, new, cluster=cluster, true=False) == opened
    # One that is about another node has only a symptom here.
    world.journal(ev.IncidentOpened(str(most + 1), DB1, "restart-service", "d1"))
    world.journal(ev.AlertJoined(str(most + 1), APP))
    (found,) = changes(world.board, new, cluster=cluster, true=False)
    assert isinstance(found, ev.IncidentOpened)


# --- Merging and leaving --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confirmed", "symptoms", "merges"),
    [
        (False, MOST_SYMPTOMS - 1, True),
        (False, MOST_SYMPTOMS, False),  # no room for what nothing confirms
        (True, MOST_SYMPTOMS, True),
    ],
)
def test_what_nothing_confirms_becomes_part_of_another_only_where_there_is_room(
    confirmed: bool, symptoms: int, merges: bool
) -> None:
    world = flooded(confirmed=True, count=symptoms)
    world.journal(ev.IncidentOpened("2", APP, "restart-service", "d1"))
    if confirmed:
        world.journal(ev.IncidentHeld("2", SHORT, (allow("still_true", have=1, need=1),)))
    found = changes(world.board, NGINX, APP, true=False)
    assert (ev.IncidentClosed("2", "merged", "into incident 1") in found) is merges


def test_the_evidence_of_this_look_is_enough_to_make_two_incidents_one() -> None:
    world = World()
    world.journal(ev.IncidentOpened("1", NGINX, "restart-service", "d1"))
    world.journal(ev.IncidentOpened("2", APP, "restart-service", "d1"))
    assert changes(world.board, NGINX, APP, true=False) == []
    assert changes(world.board, NGINX, APP) == [
        ev.AlertJoined("1", APP),
        ev.IncidentClosed("2", "merged", "into incident 1"),
    ]


def test_only_what_fires_elsewhere_and_could_lead_leaves_and_never_while_something_runs() -> None:
    cluster = tier(databases=2)
    note = alert("ServiceSlow", "web2/app", heal="none")
    gone, here, other = alert(at="web3/app"), alert("ServiceSlow", "db1/db"), alert(at="web3/nginx")
    world = World()
    world.journal(ev.IncidentOpened("1", alert(at="web2/nginx"), "restart-service", "d1"))
    world.journal(ev.AlertJoined("1", other))
    world.journal(ev.IncidentOpened("2", DB1, "restart-service", "d1"))
    world.journal(*(ev.AlertJoined("2", one) for one in (APP, note, gone, here)))
    firing = (DB1, APP, note, here, other)
    left = list(correlate(world.board, firing, cluster, frozenset()))
    assert left == [[ev.AlertLeft("1", other)], [ev.AlertLeft("2", APP)]]
    world.journal(intent(world.board.incidents["1"]))
    left = list(correlate(world.board, firing, cluster, frozenset()))
    assert left == [[ev.AlertLeft("2", APP)]]


# --- Any alerts -----------------------------------------------------------------------------

ANY = st.lists(
    st.builds(
        lambda name, at, heal, began: alert(name, at, heal=heal, began=NOW + began),
        st.sampled_from(["ServiceDown", "NodeDown", "ExporterDown", "ServiceSlow", "HealerHolds"]),
        st.sampled_from(["web1", "web1/nginx", "web1/app", "web2/nginx", "web2/app", "web9"]),
        st.sampled_from(["restart-service", "none"]),
        st.integers(0, 3),
    ),
    unique_by=lambda one: one.fingerprint,
    max_size=12,
)


@given(st.lists(ANY, max_size=4))
def test_it_ends_and_every_alert_is_in_one_incident_at_most(looks: list[list[Alert]]) -> None:
    world = World()
    for alerts in looks:
        on(*alerts, world=world)
        held = [known.fingerprint for one in world.board.open for known in one.alerts]
        assert len(held) == len(set(held))
        wanted = {
            one.fingerprint
            for one in alerts
            if one.label("heal") != "none" and not one.name.startswith("Healer")
        }
        closed_ones = {fingerprint for fingerprint, _ in world.board.closed_episodes}
        assert wanted <= set(held) | closed_ones


# --- Bounds ---------------------------------------------------------------------------------


def test_of_one_node_so_many_incidents_are_open_that_nothing_confirms_and_the_true_one_is_found() -> (
    None
):
    flood = [
        replace(alert("Full", "web1", mountpoint=f"/x{n}"), fingerprint=f"f{n:03}")
        for n in range(500)
    ]
    world = World()
    for found in correlate(world.board, flood, TOPOLOGY):
        world.journal(*found)
    most = MOST_UNCONFIRMED + len(TOPOLOGY.services_on("web1"))
    assert len(world.board.open) == most
    outages = Outages.seen(world.board, flood, TOPOLOGY)
    waiting = left_out(world.board, flood, outages)
    assert len(waiting) == 500 - most
    # The flood of one node keeps nothing of another out, and what evidence finds true has room.
    elsewhere, true = alert(at="web2/nginx"), waiting[-1]
    for found in correlate(
        world.board, [*flood, elsewhere], TOPOLOGY, frozenset({true.fingerprint})
    ):
        world.journal(*found)
    assert {elsewhere.fingerprint, true.fingerprint} <= set(world.board.known)


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


@given(st.lists(ANY, max_size=4), st.booleans())
def test_every_firing_alert_is_in_exactly_one_place(looks: list[list[Alert]], true: bool) -> None:
    world = World()
    for alerts in looks:
        found = frozenset(one.fingerprint for one in alerts if true)
        for changed in correlate(world.board, alerts, TOPOLOGY, found):
            world.journal(*changed)
        outages = Outages.seen(world.board, alerts, TOPOLOGY)
        held = {known.fingerprint for one in world.board.open for known in one.alerts}
        for one in alerts:
            place = place_of(world.board, one, TOPOLOGY)
            assert (place is Place.INCIDENT) == (one.fingerprint in held)
            assert (place is Place.REFUSED) == (one.fingerprint in world.board.refused)
            # Whoever waits is looked at again, for one reason or the other.
            again = {*left_out(world.board, alerts, outages), *recurring(world.board, alerts)}
            assert place is not Place.WAITING or one in again


NODES = ("web1", "web2", "db1", "db2")
MADE = [
    # With a ladder: one without opens nothing, so whether it leads hangs on what is open when it comes.
    *(alert("NodeDown", node) for node in NODES),
    *(alert("DiskFailing", node, failure="disk") for node in NODES),
    *(alert("FilesystemAlmostFull", node, mountpoint="/data") for node in NODES),
    *(alert(at=at) for at in ("web1/nginx", "web1/app", "web2/app", "db1/db", "db2/db")),
    alert("ServiceFlapping", "db1/db", heal="none"),
    alert("Oom", "web1/nginx", failure="oom"),
]
TIERS = st.lists(st.sampled_from(MADE), unique=True, max_size=8)


@given(TIERS, st.randoms(), st.integers(1, 2))
def test_the_order_in_which_alerts_arrive_means_nothing_for_what_is_the_cause_in_the_end(
    alerts: list[Alert], random: object, databases: int
) -> None:
    cluster = tier(databases)
    known = [one for one in alerts if one.target.node in cluster.nodes]
    late, shuffled = World(), list(known)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for count in range(len(shuffled)):
        on(*shuffled[: count + 1], cluster=cluster, world=late)
    once = on(*known, cluster=cluster)
    on(*known, cluster=cluster, world=late)
    assert sorted(cause for cause, _ in incidents(late)) == sorted(
        cause for cause, _ in incidents(once)
    )


@given(ANY, st.randoms())
def test_the_order_in_which_alerts_are_read_means_nothing(
    alerts: list[Alert], random: object
) -> None:
    shuffled = list(alerts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert incidents(on(*alerts)) == incidents(on(*shuffled))
