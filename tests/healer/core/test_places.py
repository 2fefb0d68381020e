"""Where each firing alert is, what finds no room, and what holds for any alerts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.board import Board
from healer.core.causes import Outages
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
from healer.core.verdict import allow
from tests.healer.core.correlating import (
    APP,
    DB1,
    DISK,
    FULL,
    NGINX,
    NODE,
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

# --- What is asked of the evidence, and what has no room ------------------------------------


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
    assert (next(found, []) == [ie.AlertJoined("1", APP)]) is joins
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
        world.journal(ie.IncidentOpened(str(number + 1), cause, "restart-service", "d1"))
    new = alert("Full", "web1", mountpoint="/new")
    assert changes(world.board, new, cluster=cluster, true=False) == []
    sure = (allow("still_true", have=1, need=1),)
    world.journal(ie.IncidentHeld("1", SHORT, sure))
    opened = [ie.IncidentOpened(str(most + 1), new, "restart-service", "d1")]
    assert changes(world.board, new, cluster=cluster, true=False) == opened
    # One that is about another node has only a symptom here.
    world.journal(ie.IncidentOpened(str(most + 1), DB1, "restart-service", "d1"))
    world.journal(ie.AlertJoined(str(most + 1), APP))
    (found,) = changes(world.board, new, cluster=cluster, true=False)
    assert isinstance(found, ie.IncidentOpened)


# --- Bounds ---------------------------------------------------------------------------------


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
    assert isinstance(deeper, ie.CauseReplaced)


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
