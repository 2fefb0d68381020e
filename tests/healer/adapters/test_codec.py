"""What is written can be read, by this version and no other."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healer.adapters.codec import KINDS, decode, encode, incident_of
from healer.core.alert import Alert
from healer.core.events import (
    AlertsReceived,
    Armed,
    Frozen,
    NodeHeld,
    NodeReleased,
    SeenClear,
    StormBegan,
    StormEnded,
    Unfrozen,
)
from healer.errors import ConfigError, Malformed

numbers = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, numbers)
st.register_type_strategy(str, st.text(max_size=12))
events = st.one_of([st.from_type(known) for known in KINDS.values()])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(events)
def test_every_event_is_read_back_as_it_was_written(event):
    assert decode(*encode(event)) == event


@pytest.mark.parametrize("known", KINDS.values(), ids=KINDS)
def test_the_events_that_change_an_incident_name_it(known):
    fields = {field.name for field in dataclasses.fields(known)}
    assert ("incident" in fields) == (known.__name__ in NAMES_AN_INCIDENT)


NAMES_AN_INCIDENT = {
    "IncidentOpened",
    "AlertJoined",
    "AlertRenewed",
    "AlertLeft",
    "CauseReplaced",
    "IncidentHeld",
    "ActionIntended",
    "ActionEnded",
    "VerificationEnded",
    "RungFinished",
    "IncidentEscalated",
    "IncidentMitigated",
    "IncidentAdopted",
    "IncidentRetried",
    "NodeAdmitted",
    "IncidentSettled",
    "ApprovalGiven",
    "ApprovalDenied",
    "LastLinesRead",
    "IncidentClosed",
}


def test_the_kind_is_the_class_name_in_snake_case():
    assert encode(Armed("first start", ()))[:2] == ("armed", 1)
    assert "incident_opened" in KINDS
    assert incident_of(SeenClear("f")) is None


def test_hostile_label_text_is_kept_to_the_letter():
    alert = Alert("f", "A", (("node", 'a"\\\n\x00\u2028😀'),), 1.5)
    event = AlertsReceived((alert,))
    assert decode(*encode(event)) == event


def test_an_event_that_json_cannot_say_is_not_stored():
    for broken in (
        AlertsReceived((Alert("f", "A", (), float("nan")),)),
        Unfrozen("half a pair \ud800"),
    ):
        with pytest.raises(Malformed, match="cannot be written as JSON"):
            encode(broken)


@pytest.mark.parametrize(
    ("kind", "version", "body"),
    [
        ("gate_opened", 1, "{}"),
        ("unfrozen", 2, '{"by":"ann"}'),
        ("unfrozen", 1, '{"by":"ann","why":"new field"}'),
        ("unfrozen", 1, '{"by":1}'),
        ("unfrozen", 1, "{}"),
        ("unfrozen", 1, "null"),
        ("unfrozen", 1, "{"),
        ("frozen", 1, "[]"),
    ],
)
def test_what_another_version_wrote_is_an_error_that_says_what_to_do(kind, version, body):
    with pytest.raises(ConfigError, match=r"start .*version|Start the version"):
        decode(kind, version, body)


def test_a_stored_body_of_today_is_read_tomorrow():
    """A change that makes this fail needs a new version, and a reader for the old one."""
    assert decode("frozen", 1, '{"reason":"migration","by":"ann"}') == Frozen("migration", "ann")
    held = '{"node":"web1","reason":"fan","by":"ann","until":1.5}'
    assert decode("node_held", 1, held) == NodeHeld("web1", "fan", "ann", 1.5)
    assert decode("node_held", 1, held.replace("1.5", "null")).until is None
    assert decode("node_released", 1, '{"node":"web1","by":"ann"}') == NodeReleased("web1", "ann")
    assert decode("storm_began", 1, '{"nodes":["web1","web2"]}') == StormBegan(("web1", "web2"))
    assert decode("storm_ended", 1, "{}") == StormEnded()
