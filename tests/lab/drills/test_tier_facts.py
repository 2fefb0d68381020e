"""Facts about a load-balanced tier: owners, marks, members, freezes, and many alerts as one."""

from dataclasses import replace

import pytest

from lab.drills.facts.deciding import Frozen, LastLinesShown, OneIncident, OneLoss, Thawed
from lab.drills.facts.monitoring import PagesCounted, TicketArrives
from lab.drills.facts.ruling import Came, Fact, NotYet, Spoiled
from lab.drills.facts.tier import MarkIs, OwnerIs, Owners, ServerBecomes, ServerIs
from lab.drills.observation import FreezesAt, Incident, LoggedLine, Mark, MarksAt, Page, ServersAt
from lab.drills.reading import Seconds
from tests.lab.drills.stories import (
    BEGAN,
    freezes,
    incident,
    incidents,
    marks,
    owners,
    page,
    seen,
    servers,
)

VIP = "10.77.0.100"
BOTH = Owners(VIP, 2)
ALONE = OwnerIs(VIP)
OURS = Mark("pool.drain", "web/web1", ("incident:1.7",))
THEIRS = Mark("pool.drain", "web/web1", ("person:ada",))
DRAINED = MarkIs("lb1", "pool.drain", "web/web1")
RETURNED = MarkIs("lb1", "pool.drain", "web/web1", present=False)
BACK_LATER = ServerBecomes("lb1", "web/web1", "up", after=Seconds(3.0))
DOWN = ServerIs("lb1", "web/web1", "DOWN")
JOINED = OneIncident("web1", ("NodeDown", "ServiceDown"))
FIRST = incident(opened=BEGAN + 1, alerts=("ServiceDown",))
WHOLE = incident(opened=BEGAN + 1, cause="NodeDown", alerts=("NodeDown", "ServiceDown"))
OTHER = incident(id="2", opened=BEGAN + 5, cause="NodeDown", alerts=("NodeDown",))
LOSS = OneLoss("rack-b", ("web1", "lb2"))
LOST = incident(id="3", node="", service="", domain="rack-b", cause="DomainLost", opened=BEGAN + 4)
LOST_WHOLE = replace(LOST, alerts=("DomainLost", "NodeDown"))
WORDS = LastLinesShown("web1", "on battery", "thermal_power")
LINE = LoggedLine("web1", BEGAN + 1, "UPS rack-a on battery", "thermal_power")
CUT = replace(WHOLE, last_lines=(LINE,))
BEFORE = incident(id="0", opened=BEGAN - 50, alerts=("ServiceDown",))


@pytest.mark.parametrize(
    ("fact", "observation", "after"),
    [
        pytest.param(ALONE, seen(owners(-5, "lb1")), 0, id="an owner all the time"),
        pytest.param(
            OwnerIs(VIP, "lb2"),
            seen(owners(-5, "lb1"), owners(2), owners(2.5, "lb2")),
            2.5,
            id="an address that moved",
        ),
        pytest.param(
            BOTH, seen(owners(1, "lb1", "lb2"), owners(9, "lb1")), 3, id="a split brain that heals"
        ),
        pytest.param(Owners(VIP, 0), seen(owners(50), now=60), 52, id="no owner up to now"),
        pytest.param(DRAINED, seen(marks(-1), marks(3, OURS)), 3, id="a mark is set"),
        pytest.param(
            MarkIs("lb1", "pool.drain", "web/web1", "person:"),
            seen(marks(3, OURS), marks(5, THEIRS)),
            5,
            id="by the one who is asked about",
        ),
        pytest.param(
            LOSS,
            seen(incidents(2, FIRST), incidents(5, replace(FIRST, state="CLOSED"), LOST_WHOLE)),
            5,
            id="a loss that has taken a node's incident in",
        ),
        pytest.param(RETURNED, seen(marks(1, OURS), marks(6)), 6, id="a mark is taken back"),
        pytest.param(DOWN, seen(servers(1, "lb1", "UP"), servers(4, "lb1", "DOWN")), 4, id="down"),
        pytest.param(
            ServerBecomes("lb1", "web/web1", "drain"),
            seen(servers(2, "lb1", "DRAIN"), servers(4, "lb1", "UP")),
            2,
            id="a state that passed",
        ),
        pytest.param(
            BACK_LATER,
            seen(servers(-1, "lb1", "UP"), servers(2, "lb1", "DRAIN"), servers(5, "lb1", "UP")),
            5,
            id="a state that came again later",
        ),
        pytest.param(
            BACK_LATER, seen(servers(-1, "lb1", "UP")), 3, id="a state that is still there later"
        ),
        pytest.param(Frozen("storm"), seen(freezes(-1), freezes(4, "storm")), 4, id="frozen"),
        pytest.param(
            Thawed("storm"), seen(freezes(4, "storm"), freezes(9, "store")), 9, id="thawed"
        ),
        pytest.param(TicketArrives("A"), seen(page(7, "ticket", "A")), 7, id="a ticket"),
        pytest.param(
            JOINED, seen(incidents(2, FIRST), incidents(4, WHOLE)), 4, id="two alerts are one"
        ),
        pytest.param(
            JOINED, seen(incidents(2, BEFORE, WHOLE)), 2, id="what was before does not count"
        ),
        pytest.param(
            WORDS, seen(incidents(4, WHOLE), incidents(6, CUT)), 6, id="a dead node's last lines"
        ),
    ],
)
def test_comes_true(fact: Fact, observation: object, after: float) -> None:
    ruling = fact.judge(observation)  # type: ignore[arg-type]
    assert isinstance(ruling, Came), ruling
    assert ruling.at == pytest.approx(BEGAN + after)


@pytest.mark.parametrize(
    ("fact", "observation", "saw"),
    [
        pytest.param(ALONE, seen(), "nobody", id="never looked at"),
        pytest.param(ALONE, seen(owners(1, "lb1"), owners(2, "lb1", "lb2")), "lb1, lb2", id="two"),
        pytest.param(OwnerIs(VIP, "lb2"), seen(owners(1, "lb1")), "held by lb1", id="another"),
        pytest.param(
            BOTH, seen(owners(1, "lb1", "lb2"), owners(1.5, "lb2")), "no time", id="a takeover"
        ),
        pytest.param(DRAINED, seen(marks(1)), "nothing", id="no mark"),
        pytest.param(DRAINED, seen(marks(1, OURS, node="lb2")), "nothing", id="on another node"),
        pytest.param(
            RETURNED,
            seen(MarksAt(BEGAN, "lb1", None)),
            "could not be read",
            id="an unread mark is not known to be gone",
        ),
        pytest.param(DOWN, seen(servers(1, "lb1", "UP")), "seen: UP", id="up"),
        pytest.param(
            BACK_LATER,
            seen(servers(-1, "lb1", "UP"), servers(2, "lb1", "DRAIN")),
            "it never did",
            id="what was said earlier does not count",
        ),
        pytest.param(DOWN, seen(ServersAt(BEGAN, "lb1", None)), "nothing", id="no answer"),
        pytest.param(Frozen("storm"), seen(freezes(1, "store")), "store", id="another reason"),
        pytest.param(Thawed("storm"), seen(freezes(1)), "never frozen", id="never frozen"),
        pytest.param(
            Thawed("storm"),
            seen(freezes(1, "storm"), FreezesAt(BEGAN + 3, None)),
            "it is frozen",
            id="silence is no thaw",
        ),
        pytest.param(TicketArrives(), seen(page(7)), "none", id="a page is no ticket"),
        pytest.param(JOINED, seen(incidents(2, FIRST)), "joined: ServiceDown", id="one of two"),
        pytest.param(LOSS, seen(incidents(5, LOST)), "joined: none", id="a loss without its nodes"),
        pytest.param(LOSS, seen(incidents(5, FIRST)), "joined: none", id="a node of it alone"),
        pytest.param(JOINED, seen(incidents(2, BEFORE)), "joined: none", id="an older incident"),
        pytest.param(
            OneIncident("web1", ("ServiceDown",), "NodeDown"),
            seen(incidents(2, FIRST)),
            "its cause is ServiceDown",
            id="the symptom is still taken for the cause",
        ),
        pytest.param(WORDS, seen(incidents(4, OTHER)), "0 lines", id="nothing is shown"),
        pytest.param(
            WORDS,
            seen(incidents(4, replace(WHOLE, lines_trouble="There is no line of web1."))),
            "There is no line of web1.",
            id="the healer says why nothing is shown",
        ),
        pytest.param(
            WORDS,
            seen(incidents(4, replace(CUT, state="CLOSED"))),
            "no open incident",
            id="an incident that is over shows nobody anything",
        ),
        pytest.param(
            WORDS,
            seen(incidents(4, replace(CUT, opened=BEGAN - 50))),
            "no open incident",
            id="an incident of before",
        ),
        *(
            pytest.param(
                WORDS,
                seen(incidents(4, replace(WHOLE, last_lines=(replace(LINE, **other),)))),
                "1 lines",
                id=id,
            )
            for id, other in {  # noqa: A001 - what pytest calls it
                "a line of before the fault": {"at": BEGAN - 1},
                "a line without its time": {"at": None},
                "another line": {"text": "UPS rack-a on line power"},
                "another type": {"failure": "benign"},
                "a line of another node": {"node": "web2"},
            }.items()
        ),
    ],
)
def test_is_not_true_yet(fact: Fact, observation: object, saw: str) -> None:
    ruling = fact.judge(observation)  # type: ignore[arg-type]
    assert isinstance(ruling, NotYet), ruling
    assert saw in ruling.saw


@pytest.mark.parametrize("other", [FIRST, replace(LOST, id="4")])
def test_an_incident_beside_that_of_the_loss_cannot_be_taken_back(other: Incident) -> None:
    ruling = LOSS.judge(seen(incidents(5, LOST_WHOLE), incidents(6, LOST_WHOLE, other)))
    assert isinstance(ruling, Spoiled)


def test_a_second_incident_cannot_be_taken_back() -> None:
    ruling = JOINED.judge(seen(incidents(2, FIRST), incidents(6, WHOLE, OTHER)))
    assert isinstance(ruling, Spoiled)
    assert ruling.saw.startswith("2 incidents")


def test_a_notification_with_many_alerts_rings_once() -> None:
    group = [Page(BEGAN + 4, "page", "NodeDown", labels={"node": n}) for n in ("web1", "web2")]
    assert PagesCounted(2).judge(seen(*group, page(9))) == Came(BEGAN + 9)


def test_a_notification_that_tells_nothing_new_does_not_ring() -> None:
    one, two = ({"node": n} for n in ("web1", "web2"))
    told = [Page(BEGAN + 4, "page", "NodeDown", labels=labels) for labels in (one, two)]
    ended = [Page(BEGAN + 6, "page", "NodeDown", labels=one),
             Page(BEGAN + 6, "page", "NodeDown", firing=False, labels=two)]  # fmt: skip
    again = Page(BEGAN + 8, "page", "NodeDown", labels=two)
    assert PagesCounted(1).judge(seen(*told, *ended)) == Came(BEGAN + 4)
    assert PagesCounted(2).judge(seen(*told, *ended, again)) == Came(BEGAN + 8)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (ALONE, "10.77.0.100 is held by exactly one node"),
        (BOTH, "10.77.0.100 has 2 owners for 2 s"),
        (RETURNED, "lb1 has no mark pool.drain web/web1"),
        (MarkIs("lb1", "pool.drain", "web/web1", "person:"),
         "lb1 has mark pool.drain web/web1 of person:"),
        (DOWN, "HAProxy on lb1 calls web/web1 DOWN"),
        (ServerBecomes("lb1", "web/web1", "drain"), "HAProxy on lb1 comes to call web/web1 DRAIN"),
        (BACK_LATER, "HAProxy on lb1 comes to call web/web1 UP later than 3 s"),
        (Frozen("storm"), "the healer is frozen with reason storm"),
        (Thawed("storm"), "the healer thaws from storm"),
        (JOINED, "NodeDown, ServiceDown about web1 are one incident"),
        (TicketArrives("A", "web1"), "a ticket is written: A/web1"),
    ],
)  # fmt: skip
def test_a_fact_reads_as_a_clause(fact: Fact, text: str) -> None:
    assert str(fact) == text
