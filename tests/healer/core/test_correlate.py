"""Which alerts are one trouble: what opens, what joins, what takes over, what leaves."""

from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.correlate import MOST_SYMPTOMS, correlate, recurring
from healer.core.states import State
from healer.core.verdict import allow
from tests.healer.core.correlating import (
    APP,
    DB1,
    DISK,
    NGINX,
    SHORT,
    TOPOLOGY,
    changes,
    flooded,
    incidents,
    on,
    tier,
)
from tests.healer.core.history import intent
from tests.healer.core.world import NOW, World, alert

# --- Opening --------------------------------------------------------------------------------


def test_an_alert_opens_an_incident_with_its_ladder_and_the_configuration_it_runs_under() -> None:
    (opened,) = changes(Board(), NGINX)
    assert opened == ie.IncidentOpened("1", NGINX, "restart-service", "d1")


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


# --- Joining and taking over ----------------------------------------------------------------


def test_a_symptom_joins_the_incident_that_explains_it() -> None:
    world = on(NGINX, APP, world=on(NGINX))
    assert incidents(world) == [("web1/nginx", ["web1/app"])]


def test_a_deeper_cause_takes_the_incident_over_and_keeps_what_was_tried() -> None:
    world = on(APP)
    world.journal(intent(world.board.incidents["1"]))
    world.journal(ie.ActionEnded("1", "1.1.1", Outcome.FAILED, "start_failed", "", None))
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


def test_nobody_takes_an_incident_over_on_an_alerts_word_alone() -> None:
    world = on(NGINX)
    (opened,) = changes(world.board, DISK, true=False)
    assert isinstance(opened, ie.IncidentOpened)


def test_of_two_that_come_together_the_one_that_is_used_leads() -> None:
    """The user's fingerprint sorts first; its incident would restart the wrong one."""
    user = replace(APP, fingerprint="A")
    world = on(user, NGINX)
    assert incidents(world) == [("web1/nginx", ["web1/app"])]


def test_what_is_used_comes_first_on_the_alerts_word_alone_too() -> None:
    user = replace(APP, fingerprint="A")
    (opened,) = changes(Board(), user, NGINX, true=False)
    assert isinstance(opened, ie.IncidentOpened)
    assert opened.cause == NGINX


def test_a_deeper_cause_gives_a_person_their_incident_back_to_the_healer_but_not_after_a_no() -> (
    None
):
    for word, state in (("ladder_exhausted", State.OPEN), ("denied", State.ESCALATED)):
        world = on(APP)
        if word == "denied":
            world.journal(ie.ApprovalDenied("1", 0, "ann"))
        else:
            world.journal(ie.IncidentEscalated("1", word, ""))
        on(APP, NGINX, world=world)
        assert str(world.board.incidents["1"].target) == "web1/nginx"
        assert world.board.incidents["1"].state is state
        assert world.board.incidents["1"].confirmed


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
    world.journal(ie.IncidentClosed("1", "cleared", ""))
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
    world.journal(ie.IncidentOpened("2", NGINX, "restart-service", "d1"))
    assert recurring(world.board, [NGINX]) == []


def test_a_closed_symptom_without_a_ladder_is_never_a_recurrence() -> None:
    note = alert("ServiceSlow", "web1/nginx", heal="none")
    world = closed(NGINX, note)
    assert note.episode in world.board.closed_episodes
    assert recurring(world.board, [note]) == []


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
    world.journal(ie.IncidentOpened("2", APP, "restart-service", "d1"))
    if confirmed:
        world.journal(ie.IncidentHeld("2", SHORT, (allow("still_true", have=1, need=1),)))
    found = changes(world.board, NGINX, APP, true=False)
    assert (ie.IncidentClosed("2", "merged", "into incident 1") in found) is merges


def test_the_evidence_of_this_look_is_enough_to_make_two_incidents_one() -> None:
    world = World()
    world.journal(ie.IncidentOpened("1", NGINX, "restart-service", "d1"))
    world.journal(ie.IncidentOpened("2", APP, "restart-service", "d1"))
    assert changes(world.board, NGINX, APP, true=False) == []
    assert changes(world.board, NGINX, APP) == [
        ie.AlertJoined("1", APP),
        ie.IncidentClosed("2", "merged", "into incident 1"),
    ]


def test_only_what_fires_elsewhere_and_could_lead_leaves_and_never_while_something_runs() -> None:
    cluster = tier(databases=2)
    note = alert("ServiceSlow", "web2/app", heal="none")
    gone, here, other = alert(at="web3/app"), alert("ServiceSlow", "db1/db"), alert(at="web3/nginx")
    world = World()
    world.journal(ie.IncidentOpened("1", alert(at="web2/nginx"), "restart-service", "d1"))
    world.journal(ie.AlertJoined("1", other))
    world.journal(ie.IncidentOpened("2", DB1, "restart-service", "d1"))
    world.journal(*(ie.AlertJoined("2", one) for one in (APP, note, gone, here)))
    firing = (DB1, APP, note, here, other)
    left = list(correlate(world.board, firing, cluster, frozenset()))
    assert left == [[ie.AlertLeft("1", other)], [ie.AlertLeft("2", APP)]]
    world.journal(intent(world.board.incidents["1"]))
    left = list(correlate(world.board, firing, cluster, frozenset()))
    assert left == [[ie.AlertLeft("2", APP)]]
