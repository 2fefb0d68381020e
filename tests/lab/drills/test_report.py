"""The story, the figures and the report of a drill, from one made-up observation."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.drills.chart import chart
from lab.drills.facts.databases import Primaries
from lab.drills.facts.healing import IncidentReaches, VerbsCounted
from lab.drills.facts.monitoring import AlertFires
from lab.drills.facts.ruling import Fact
from lab.drills.facts.serving import ServiceLost, UnitRestarts
from lab.drills.judgement import Figures, broken_limits, is_settled, judge, measure
from lab.drills.model import Drill, Expected, Given, Limits, Load, Step
from lab.drills.moments import Moment, moments
from lab.drills.observation import Mark, Observation, ServersAt
from lab.drills.reading import Seconds
from lab.drills.report import as_json, line, markdown, table, write
from lab.faults.service_kill import ServiceKill
from lab.roles import PRIMARY, Role
from tests.lab.drills.stories import (
    BEGAN,
    URL,
    alerts,
    fires,
    freezes,
    incident,
    incidents,
    ledger,
    marks,
    missing,
    owners,
    page,
    requests,
    restart,
    seen,
    servers,
    step,
)

GOLDEN = Path(__file__).parent / "golden"
FIRING = fires("ServiceDown", "web1", "nginx")
PROVED = (step(4, "OPEN"), step(12, "VERIFIED"))
STORY = seen(
    alerts(-10, fires("Watchdog")),
    alerts(3.2, fires("Watchdog"), FIRING),
    alerts(10, fires("Watchdog")),
    incidents(-10),
    incidents(4, incident("OPEN", states=PROVED[:1])),
    incidents(4.5, incident("HELD", holding="owner_settling", states=PROVED[:1])),
    incidents(5, incident("ACTING", states=PROVED[:1])),
    incidents(13, incident("CLOSED", states=PROVED)),
    ledger(0),
    ledger(6, restart(began=5.1)),
    missing(-10),
    missing(2.5, "web1/nginx"),
    missing(9.5),
    page(-20, "deadman", "Watchdog"),
    page(14, "page", "HealerHolds"),
    now=20.0,
    more=requests("." * 25 + "x" * 50 + "." * 125),
)
DRILL = Drill(
    name="nginx-killed",
    purpose="A service that systemd has given up on is started again.",
    given=Given(),
    load=Load((URL,), 10),
    steps=(Step("service.kill", ServiceKill("web1", "nginx.service")),),
    expected=(
        Expected(AlertFires("ServiceDown", "web1", "nginx"), Seconds(10)),
        Expected(IncidentReaches("ServiceDown", state="verified"), Seconds(11)),
        Expected(VerbsCounted(2), Seconds(20)),
    ),
    never=(AlertFires("NodeDown"), ServiceLost(URL)),
    limits=Limits(Seconds(5), Seconds(5), Seconds(8), Seconds(10), 40, 0),
    watch=Seconds(10),
)
FAULTS = (Moment(BEGAN, "fault", "web1: SIGKILL to nginx.service, process 77"),)


def test_the_story_is_told_in_order() -> None:
    """Each thing once, with the gate's own times, and no beat of the Watchdog."""
    told = [(round(m.at - BEGAN, 1), m.word) for m in moments(STORY)]
    assert told == [
        (2.5, "lost"),
        (2.5, "reduced"),
        (3.2, "detected"),
        (4.0, "open"),
        (4.5, "held"),
        (5.0, "acting"),
        (5.1, "acted"),
        (6.1, "done"),
        (7.5, "serving"),
        (9.5, "redundancy"),
        (10.0, "resolved"),
        (12.0, "verified"),
        (13.0, "closed"),
        (14.0, "paged"),
    ]


def test_a_moment_is_one_line() -> None:
    """Time, word, text: in columns, so that the eye can follow."""
    assert line(Moment(103.2, "detected", "ServiceDown web1/nginx fires"), 100.0) == (
        "   +3.2 s  detected    ServiceDown web1/nginx fires"
    )


def test_what_was_firing_before_is_not_detected() -> None:
    """Only what the fault brought counts."""
    observation = seen(alerts(-5, FIRING), alerts(2, FIRING, fires("Other")))
    assert measure(observation).detected == pytest.approx(2)


def test_everything_of_a_tier_is_told_once() -> None:
    """An address that moves, a member that goes, a mark, a freeze, a ticket."""
    observation = seen(
        owners(-1, "lb1"),
        owners(2, "lb1", "lb2"),
        owners(2.1, "lb2"),
        servers(-1, "lb1", "UP"),
        servers(-1, "lb2", "UP"),
        servers(3, "lb1", "DOWN"),
        servers(3.2, "lb2", "DOWN"),
        ServersAt(BEGAN + 3.5, "lb1", None),
        marks(-1),
        marks(4, Mark("pool.drain", "web/web1", ("incident:1.2",))),
        marks(9),
        freezes(-1),
        freezes(5, "storm"),
        freezes(8),
        page(6, "ticket", "PoolMemberDown"),
    )
    assert [(round(m.at - BEGAN, 1), m.word, m.text) for m in moments(observation)] == [
        (2.1, "moved", "10.77.0.100: lb1 -> lb2"),
        (3.2, "pool", "web/web1 is DOWN"),
        (4.0, "marked", "pool.drain web/web1 on lb1, owner incident:1.2"),
        (5.0, "frozen", "storm"),
        (6.0, "ticket", "PoolMemberDown web1"),
        (8.0, "thawed", "storm"),
        (9.0, "unmarked", "pool.drain web/web1 on lb1, owner incident:1.2"),
    ]
    assert measure(observation).actors == (
        ("VRRP", pytest.approx(2.1)),
        ("HAProxy", pytest.approx(3.2)),
    )
    assert measure(observation).pages == 0


def test_a_service_that_is_not_back_has_no_time() -> None:
    """Nor has one that was never lost, but the two are told apart."""
    gone = measure(seen(more=requests("..xxxx")))
    fine = measure(seen(more=requests("......")))
    assert (gone.serving, gone.service_lost) == (None, True)
    assert (fine.serving, fine.service_lost) == (None, False)


def test_redundancy_that_is_lost_again_is_not_back() -> None:
    """The last loss counts."""
    assert measure(seen(missing(1, "a"), missing(2), missing(3, "a"))).redundancy is None
    assert measure(seen(missing(1, "a"), missing(2), missing(3, "a"), missing(4))).redundancy == 4


NOTHING = Figures(None, None, None, None, 0, 0, 0, service_lost=False, redundancy_lost=False)


@pytest.mark.parametrize(
    ("limits", "figures", "said"),
    [
        (Limits(), NOTHING, []),
        (Limits(serving=Seconds(5), redundancy=Seconds(5)), NOTHING, []),
        (Limits(detected=Seconds(5)), NOTHING, ["detected: never, limit 5.0 s"]),
        (
            Limits(serving=Seconds(5)),
            replace(NOTHING, service_lost=True),
            ["serving again: never, limit 5.0 s"],
        ),
        (
            Limits(acted=Seconds(5)),
            replace(NOTHING, acted=5.04),
            ["acted: after 5.0 s, limit 5.0 s"],
        ),
        (Limits(lost_requests=0), replace(NOTHING, lost_requests=1), ["requests lost: 1, limit 0"]),
        (Limits(pages=0), replace(NOTHING, pages=2), ["pages: 2, limit 0"]),
    ],
)
def test_a_limit_is_a_promise(limits: Limits, figures: Figures, said: list[str]) -> None:
    """Without a limit nothing is promised; what was not lost need not come back."""
    assert broken_limits(limits, figures) == said


TWICE = seen(ledger(0), ledger(9, restart(1), restart(2)))
WROTE_TWICE = (Role(BEGAN, "a", PRIMARY), Role(BEGAN, "b", PRIMARY))


@pytest.mark.parametrize(
    ("drill", "observation", "said"),
    [
        pytest.param(
            {"expected": (Expected(VerbsCounted(1), Seconds(20)),)},
            TWICE,
            "ran exactly 1 verbs: no, 2: ",
            id="one act too many",
        ),
        pytest.param(
            {"never": (VerbsCounted(2),)},
            TWICE,
            "ran exactly 2 verbs: it did",
            id="a forbidden act",
        ),
        pytest.param(
            {"never": (Primaries(),)}, seen(*WROTE_TWICE), "answer as primary", id="two that write"
        ),
        pytest.param(
            {"limits": Limits(two_primaries=Seconds(0))},
            seen(*WROTE_TWICE, now=9.0),
            "two primaries: for 9.0 s, limit 0.0 s",
            id="a promise",
        ),
    ],
)
def test_what_hale_did_and_must_never_do_is_harm(
    drill: dict[str, Any], observation: Observation, said: str
) -> None:
    bare = replace(DRILL, expected=(), never=(), limits=Limits())
    report = judge(replace(bare, **drill), observation, ())
    (harm,) = report.harm
    assert said in harm
    assert report.broken == (harm,)


def test_what_is_late_or_was_never_seen_is_no_harm() -> None:
    report = judge(DRILL, seen(alerts(9, fires("NodeDown"))), ())
    assert report.broken
    assert report.harm == ()


@pytest.mark.parametrize("fact", [ServiceLost(URL), UnitRestarts("web1", "nginx.service")])
def test_what_nobody_watched_is_not_said_to_have_never_happened(fact: Fact) -> None:
    blind = Observation(BEGAN, BEGAN + 5)
    (broken,) = judge(replace(DRILL, expected=(), never=(fact,), limits=Limits()), blind, ()).broken
    assert broken.startswith(f"never: {fact}: nobody can say")


@pytest.mark.parametrize(
    ("change", "settled"),
    [
        ({}, False),
        ({"expected": DRILL.expected[:2]}, True),
        ({"expected": DRILL.expected[:2], "watch": Seconds(30)}, False),
        ({"expected": ()}, True),
    ],
)
def test_when_there_is_nothing_left_to_wait_for(change: dict[str, object], settled: bool) -> None:
    """Everything expected has come and the watch is over."""
    assert is_settled(replace(DRILL, **change), STORY) is settled  # type: ignore[arg-type]


def test_redundancy_is_waited_for_where_it_is_promised() -> None:
    """But not where it is not."""
    promised = replace(DRILL, expected=(), watch=Seconds(1))
    lost = seen(missing(1, "web1/nginx"), now=5)
    assert not is_settled(promised, lost)
    assert is_settled(replace(promised, limits=Limits()), lost)


def compare(name: str, text: str, rewrite: bool) -> None:
    file = GOLDEN / name
    if rewrite:
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize(
    ("name", "make"),
    [("report.md", markdown), ("report.json", as_json), ("report.svg", chart)],
)
def test_the_report_is_as_it_was_read_and_accepted(
    name: str, make: object, request: pytest.FixtureRequest
) -> None:
    """Markdown, JSON and the chart, byte for byte."""
    report = judge(DRILL, STORY, FAULTS, ("a fault could not be undone",))
    compare(name, make(report), request.config.getoption("--rewrite"))  # type: ignore[operator]


def test_the_chart_is_well_formed_whatever_a_drill_is_called() -> None:
    """A name from a file is text, never markup."""
    report = judge(replace(DRILL, name="<b>&"), STORY, FAULTS)
    root = ElementTree.fromstring(chart(report))  # noqa: S314 - our own text
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "<b>&"


@pytest.mark.parametrize("now", [0.0, 0.5, 100_000.0])
def test_a_chart_has_room_for_any_length(now: float) -> None:
    """Interrupted at once, or left alone for a day; and without any load."""
    observation = Observation(began=BEGAN, now=BEGAN + now)
    text = chart(judge(replace(DRILL, load=Load()), observation, FAULTS))
    assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own text
    assert text.count("<text") <= 20


def test_the_table_has_a_row_for_each_drill() -> None:
    """In the columns that the demo promises."""
    good = judge(DRILL, STORY, FAULTS)
    calm = judge(replace(DRILL, name="calm"), Observation(BEGAN, BEGAN + 5), FAULTS)
    assert table([good, calm]).splitlines() == [
        "drill         who acted  detected  acted   serving again  redundancy back  requests lost"
        "  people called",
        "------------  ---------  --------  ------  -------------  ---------------  -------------"
        "  -------------",
        "nginx-killed  Hale       +3.2 s    +5.1 s  +7.5 s         +9.5 s           50 of 200    "
        "  once",
        "calm          nobody     never     never   not lost       not lost         no load      "
        "  no",
    ]


def test_a_report_is_three_files(tmp_path: Path) -> None:
    """Named after the drill, in a directory that is made."""
    made = write(judge(DRILL, STORY, FAULTS), tmp_path / "a" / "b")
    assert [file.name for file in made] == [
        "nginx-killed.md",
        "nginx-killed.json",
        "nginx-killed.svg",
    ]
