"""What fired before the arming, and what a person closed: for how long it is so, and by what it is known again."""

from dataclasses import replace

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from tests.healer.core.test_board import Play, opened
from tests.healer.core.world import alert


def test_what_a_person_settled_is_theirs_through_every_arming_until_somebody_adopts_it() -> None:
    play = opened("web1/nginx")
    (one,) = play.board.incidents["1"].alerts
    play.write(ie.IncidentSettled("1", "ann", "replaced the disk"))
    assert (*play.board.pre_existing, *play.board.by_hand) == (one.fingerprint, one.fingerprint)
    # Its node may be dark when stock is taken: nothing fires, and nothing was seen clear.
    for firing in ((one,), ()):
        play.write(ev.Armed("unfrozen", firing))
        assert (*play.board.pre_existing, *play.board.by_hand) == (one.fingerprint, one.fingerprint)
    play.write(ie.IncidentAdopted("1", "bob"))
    assert (play.board.pre_existing, play.board.by_hand) == ({}, {})


def test_what_was_firing_before_the_arming_is_ours_once_it_was_seen_clear() -> None:
    play = Play()
    before = alert(at="web3/nginx")
    play.write(ev.Armed("first_look", (before,)), ev.SeenClear("of another"))
    assert list(play.board.pre_existing.values()) == [before]
    play.write(ev.SeenClear(before.fingerprint))
    assert play.board.pre_existing == {}


def with_labels(one: Alert, fingerprint: str, **labels: str) -> Alert:
    """The same alert under another fingerprint, with these labels besides or instead."""
    return replace(
        one,
        fingerprint=fingerprint,
        labels=tuple(sorted((dict(one.labels) | labels).items())),
    )


def test_what_is_kept_is_known_again_by_its_fingerprint_or_by_what_evidence_compares() -> None:
    play = opened("web1/nginx")
    (one,) = play.board.incidents["1"].alerts
    assert not play.board.is_theirs(one)
    play.write(ie.IncidentSettled("1", "ann", "replaced the disk"))
    same = [
        one,
        with_labels(one, "another", note="x"),
        with_labels(one, one.fingerprint, group="moved"),  # relabelled since
    ]
    others = [
        with_labels(one, "other", service="app"),
        with_labels(one, "other", failure="disk"),
        with_labels(one, "other", severity="warning"),
        with_labels(one, "other", heal="none"),
        replace(one, fingerprint="other", name="ServiceSlow"),
    ]
    assert [play.board.is_theirs(each) and play.board.is_before(each) for each in same] == [
        True
    ] * 3
    assert [play.board.is_theirs(each) or play.board.is_before(each) for each in others] == [
        False
    ] * 5
    play.write(ev.Armed("unfrozen", (others[0],)))
    assert play.board.is_before(others[0])
    assert not play.board.is_theirs(others[0])
    assert play.board.is_theirs(one)
    play.write(ev.SeenClear(one.fingerprint))
    assert not play.board.is_before(same[1])


def test_an_adoption_takes_along_whatever_is_the_same_trouble() -> None:
    play = opened("web1/nginx")
    (one,) = play.board.incidents["1"].alerts
    play.write(ev.Armed("first_look", (with_labels(one, "another", note="x"),)))
    assert play.board.is_before(one)
    play.write(ie.IncidentAdopted("1", "ann"))
    assert play.board.pre_existing == {}
    assert not play.board.is_before(one)
