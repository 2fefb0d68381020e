"""What is told of a database: who takes writes, who follows, and which acknowledged rows are gone."""

import json
from dataclasses import asdict, replace

import pytest

from cluster.load import read
from lab.drills import databases, judgement, moments, report
from lab.drills.cast import played_by
from lab.drills.facts.databases import Primaries, PrimaryIs, ReplicaIs, Streaming
from lab.drills.facts.ruling import Came, Fact, NotYet, Unseen
from lab.drills.fleet import Serving, fleet
from lab.drills.gather import Gatherer
from lab.drills.model import Expected, Limits
from lab.drills.parse import parse_drill
from lab.drills.reading import Seconds
from lab.ports import Completed, LabError
from lab.roles import NOTHING, PRIMARY, REPLICA, Role, Twice, twice
from lab.roles import parse_line as role_of
from lab.writes import Write, lost, url_of
from lab.writes import parse_line as write_of
from tests.lab.drills.fakes import ROOT, FakeClock, FakeLab
from tests.lab.drills.stories import BEGAN, seen

CLUSTER = read(ROOT / "scenarios/postgres-ha/cluster.yml").cluster
PLACE = databases.place_of(CLUSTER)
DRILL = b"""
name: x
purpose: X.
load: {writes: true}
fault: [{kind: node.power_off, node: $primary}]
expected: [{primary: {other_than: $primary}, within: 30s}]
never: [{primaries: {at_least: 2}}]
limits: {acknowledged_lost: 0, two_primaries: 500ms}
"""


def role(at: float, node: str, word: str, streaming: bool = False, timeline: int = 1) -> Role:
    return Role(BEGAN + at, node, word, streaming, timeline)


def write(number: int, ok: bool = True, at: float = 1.0) -> Write:
    return Write(number, BEGAN + at, "10.77.0.100:5432", ok, 0.01)


SOUND = (
    role(-5, "db1", PRIMARY),
    role(-5, "db2", REPLICA, streaming=True),
    role(-5, "db3", REPLICA, streaming=True),
)
FAILED_OVER = (*SOUND, role(1, "db1", NOTHING), role(20, "db2", PRIMARY, timeline=2))
THAWED = (*FAILED_OVER, role(40, "db1", PRIMARY), role(41.5, "db1", NOTHING))


@pytest.mark.parametrize(
    ("fact", "roles", "after"),
    [
        pytest.param(PrimaryIs(), SOUND, 0, id="one all the time"),
        pytest.param(PrimaryIs(node="db1"), SOUND, 0, id="that one"),
        pytest.param(PrimaryIs(node="db2"), SOUND, None, id="another one"),
        pytest.param(PrimaryIs(other_than="db1"), SOUND, None, id="still the same"),
        pytest.param(PrimaryIs(other_than="db1"), FAILED_OVER, 20, id="taken over"),
        pytest.param(PrimaryIs(), FAILED_OVER[:-1], None, id="nobody"),
        pytest.param(PrimaryIs(), THAWED, 41.5, id="two for a while"),
        pytest.param(Primaries(2), FAILED_OVER, None, id="never two"),
        pytest.param(Primaries(2), THAWED, 40, id="two"),
        pytest.param(Streaming(2), SOUND, 0, id="both follow"),
        pytest.param(Streaming(2), FAILED_OVER, None, id="one follows"),
        pytest.param(Streaming(1), FAILED_OVER, 0, id="one is enough"),
        pytest.param(ReplicaIs("db2"), SOUND, 0, id="it follows"),
        pytest.param(ReplicaIs("db2"), FAILED_OVER, None, id="it leads now"),
        pytest.param(
            ReplicaIs("db1"),
            (*THAWED, role(50, "db1", REPLICA), role(55, "db1", REPLICA, streaming=True)),
            55,
            id="it came back and follows",
        ),
    ],
)
def test_a_fact_of_a_database(fact: Fact, roles: tuple[Role, ...], after: float | None) -> None:
    ruling = fact.judge(seen(*roles))
    assert (ruling.at - BEGAN if isinstance(ruling, Came) else None) == after
    assert fact.watch() is None


def test_nobody_can_say_of_members_that_were_not_asked_that_they_never_were_two_primaries() -> None:
    assert isinstance(Primaries(2).judge(seen()), Unseen)
    assert isinstance(PrimaryIs().judge(seen()), NotYet)


def test_two_primaries_are_counted_from_the_second_one_to_the_first_that_ends() -> None:
    history = (
        *SOUND,
        role(10, "db2", PRIMARY),
        role(10.5, "db3", PRIMARY),
        role(12, "db1", NOTHING),
    )
    spans = twice(history, BEGAN + 13)
    assert spans == [
        Twice(BEGAN + 10, BEGAN + 10.5, ("db1", "db2")),
        Twice(BEGAN + 10.5, BEGAN + 12, ("db1", "db2", "db3")),
        Twice(BEGAN + 12, BEGAN + 13, ("db2", "db3")),
    ]
    assert twice((), BEGAN) == []
    # What another member says in between ends nothing.
    between = (*SOUND, role(10, "db2", PRIMARY), role(11, "db3", NOTHING), role(12, "db1", NOTHING))
    assert twice(between, BEGAN + 20) == [Twice(BEGAN + 10, BEGAN + 12, ("db1", "db2"))]


def test_only_an_acknowledged_row_that_is_gone_is_lost() -> None:
    writes = [write(1), write(2), write(3, ok=False), write(4)]
    assert lost(writes, frozenset({1, 3})) == (2, 4)


def test_lines_are_read_back_and_one_that_was_cut_off_is_left_out() -> None:
    assert role_of(json.dumps(asdict(SOUND[0]))) == SOUND[0]
    assert write_of(json.dumps(asdict(write(7)))) == write(7)
    assert role_of('{"at": 1') is write_of('{"number": 1') is None
    assert write(7).request.url == url_of("10.77.0.100:5432") == "postgresql://10.77.0.100:5432"


def test_a_limit_is_broken_by_what_was_lost_and_by_what_nobody_could_see() -> None:
    limits = Limits(acknowledged_lost=0, two_primaries=Seconds(1.0))
    whole = replace(seen(*THAWED, write(1), write(2)), rows=frozenset({1}))
    figures = judgement.measure(whole)
    assert (figures.acknowledged, figures.acknowledged_lost, figures.two_primaries) == (2, 1, 1.5)
    assert judgement.broken_limits(limits, figures) == [
        "acknowledged rows lost: 1, limit 0",
        "two primaries: for 1.5 s, limit 1.0 s",
    ]
    blind = judgement.measure(seen())
    assert [text.rpartition(": ")[2] for text in judgement.broken_limits(limits, blind)] == [
        "nobody can say, the database was not asked",
        "nobody can say, no member was asked",
    ]
    assert report.about_rows(figures) == [
        "Rows acknowledged: 2; of these lost: 1. Two members answered as primary for 1.5 s. "
        "That proves replication, not fsync: the nodes share a kernel, "
        "so the page cache survives every power cut here."
    ]
    assert report.about_rows(blind) == []


def test_the_story_tells_who_leads_and_how_long_two_did() -> None:
    told = [(m.word, m.text) for m in moments.moments(seen(*THAWED))]
    assert told == [
        ("leads", "db2 takes writes, timeline 2"),
        ("leads", "db1 takes writes, timeline 1"),
        ("two lead", "db1, db2 for 1.5 s"),
    ]
    assert moments.actors(seen(*FAILED_OVER)) == (("Patroni", BEGAN + 20),)


def test_redundancy_lacks_a_primary_and_every_member_that_does_not_follow() -> None:
    whole = fleet(CLUSTER)
    now = Serving(roles={one.node: one for one in FAILED_OVER[:-1]})
    missing = [what for what in whole.missing(now) if "main" in what or "following" in what]
    assert missing == ["one primary of main", "db1 following"]
    now = Serving(roles={one.node: one for one in SOUND})
    assert not [what for what in whole.missing(now) if "main" in what or "following" in what]


def test_a_database_is_reached_by_the_balancers_shared_address() -> None:
    assert PLACE is not None
    assert (PLACE.to, PLACE.members["db2"]) == ("10.77.0.100:5432", ("10.77.0.32", 5432))
    assert databases.place_of(read(ROOT / "scenarios/first/cluster.yml").cluster) is None


def test_a_drill_is_played_by_the_nodes_that_have_its_parts() -> None:
    drill = played_by(parse_drill(DRILL, "x.yml"), {"$primary": "db2", "$standby": "db3"})
    assert drill.steps[0].fault.node == "db2"
    assert drill.expected == (Expected(PrimaryIs(other_than="db2"), Seconds(30.0)),)
    assert drill.limits.two_primaries == 0.5


def members(**roles: str) -> str:
    found = [{"name": node, "role": role, "state": "running"} for node, role in roles.items()]
    return json.dumps({"members": found})


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (
            members(db1="replica", db2="leader", db3="sync_standby"),
            {"$primary": "db2", "$standby": "db3", "$third": "db1"},
        ),
        (members(db1="replica", db2="leader", db3="replica"), "synchronous standby"),
        (members(db1="replica", db2="replica", db3="sync_standby"), "wanted a leader"),
        (members(db2="leader", db3="sync_standby"), "every other member following"),
        ("<html>", "no Patroni says who leads"),
    ],
)
def test_parts_are_taken_as_patroni_says(tmp_path, answer: str, parts: object) -> None:
    lab = FakeLab(tmp_path, wrong={"/cluster": Completed(0, answer, "")})
    assert PLACE is not None
    if isinstance(parts, dict):
        assert databases.parts(lab, PLACE) == parts
        return
    clock = FakeClock()
    with pytest.raises(LabError, match=str(parts)):
        databases.parts_in_time(lab, PLACE, clock, 5.0)
    assert clock.now() > 1005.0


def test_what_the_lab_reads_is_the_change_of_each_member_and_every_row(tmp_path) -> None:
    lab, clock = FakeLab(tmp_path), FakeClock(BEGAN)
    bare = replace(fleet(CLUSTER), nodes=(), members=(), addresses=(), balancers=())
    urls = (url_of("10.77.0.100:5432"),)
    gatherer = Gatherer(lab, bare, tmp_path, (), clock.now, urls)
    again = replace(SOUND[0], at=BEGAN + 1)
    lines = [json.dumps(asdict(one)) for one in (*SOUND, again, role(1.5, "db1", NOTHING))]
    (tmp_path / "roles.jsonl").write_text("\n".join(lines) + "\n")
    elsewhere = replace(write(9), to="10.77.0.99:5432")
    lines = [json.dumps(asdict(one)) for one in (write(7), write(8, ok=False), elsewhere)]
    (tmp_path / "writes.jsonl").write_text("\n".join(lines) + "\n")
    found = gatherer.look()
    assert found.roles == (*SOUND, role(1.5, "db1", NOTHING))
    assert [one.number for one in found.writes] == [7, 8]
    assert [(one.url, one.ok) for one in found.requests] == [(urls[0], True), (urls[0], False)]
    clock.sleep(60)
    with pytest.raises(LabError, match="nobody asks the database any more"):
        gatherer.look()
