"""Every kind of fact: when it comes true, when it does not yet, when it cannot any more."""

from dataclasses import replace

import pytest

from lab.drills.facts import FACTS
from lab.drills.facts.healing import (
    ActedBefore,
    Explained,
    Held,
    IncidentReaches,
    VerbsCounted,
)
from lab.drills.facts.monitoring import (
    AlertFires,
    AlertResolves,
    DeadmanReports,
    PageArrives,
    PagesCounted,
    QueryAnswers,
)
from lab.drills.facts.ruling import Came, Fact, NotYet, Spoiled
from lab.drills.facts.serving import (
    Logged,
    ServesAgain,
    ServiceLost,
    Unchanged,
    UnitIs,
    UnitRestarts,
    UrlAnswers,
)
from lab.drills.observation import AlertsAt, Difference, IncidentsAt, LedgerAt, UnitAt, Verdict
from lab.drills.reading import Seconds
from tests.lab.drills.stories import (
    BEGAN,
    URL,
    alerts,
    answer,
    fires,
    incident,
    incidents,
    ledger,
    log,
    page,
    query,
    requests,
    restart,
    seen,
    step,
    unit,
)

DOWN = AlertFires("ServiceDown", "web1", "nginx")
GONE = AlertResolves("ServiceDown", "web1", "nginx")
ANY = IncidentReaches("ServiceDown", "web1", "nginx")
VERIFIED = IncidentReaches("ServiceDown", "web1", "nginx", "verified")
ONE = VerbsCounted(1, "web1", "service.restart", "done")
NONE = VerbsCounted(0)
REFUSED = Logged("mon1", "hale-healer.service", "alert.refused")
FIRING = fires("ServiceDown", "web1", "nginx")
CLOSED = incident("CLOSED", states=(step(3, "OPEN"), step(9, "VERIFIED"), step(9.5, "CLOSED")))
OVER = IncidentReaches("ServiceDown", "web1", "nginx", "closed")
OVER_BEFORE = incident("CLOSED", opened=BEGAN - 60, states=(step(-50, "CLOSED"),))
OLD = incident("CLOSED", states=(step(-50, "VERIFIED"),))
HELD = incident("HELD", holding="capacity")
ASKED = (Verdict("capacity", "1", "2"), Verdict("armed", "yes", "yes"))


@pytest.mark.parametrize(
    ("fact", "observation", "after"),
    [
        pytest.param(DOWN, seen(alerts(2, FIRING)), 2, id="an alert fires"),
        pytest.param(DOWN, seen(alerts(-5, FIRING)), 0, id="an alert fired already"),
        pytest.param(AlertFires("A"), seen(alerts(1, fires("A", "web2"))), 1, id="on any node"),
        pytest.param(
            AlertFires("A", count=2),
            seen(alerts(1, fires("A", "web1")), alerts(4, fires("A", "web1"), fires("A", "web2"))),
            4,
            id="for as many targets as wanted",
        ),
        pytest.param(GONE, seen(alerts(2, FIRING), alerts(8)), 8, id="an alert resolves"),
        pytest.param(QueryAnswers("up == 1"), seen(query(1, 0), query(3, 2)), 3, id="a query"),
        pytest.param(PageArrives(), seen(page(4)), 4, id="any page"),
        pytest.param(
            PageArrives(path="second-path"),
            seen(page(2), page(6, "second-path")),
            6,
            id="a page by the second path",
        ),
        pytest.param(DeadmanReports(), seen(page(40, "deadman-report", "")), 40, id="dead man"),
        pytest.param(PagesCounted(0), seen(page(3, firing=False)), 0, id="resolved is no page"),
        pytest.param(
            PagesCounted(2), seen(page(3), page(5, alert="A")), 5, id="as many pages as wanted"
        ),
        pytest.param(ANY, seen(incidents(3, incident())), 3, id="an incident is opened"),
        pytest.param(VERIFIED, seen(incidents(12, CLOSED)), 9, id="a state passed between looks"),
        pytest.param(Held("capacity"), seen(incidents(2, HELD)), 2, id="held now"),
        pytest.param(
            Held("config_check"),
            seen(incidents(5, incident("ESCALATED", reasons=(step(4, "config_check"),)))),
            5,
            id="a reason given on the way",
        ),
        pytest.param(
            Explained(("capacity", "armed")),
            seen(incidents(2, incident(guards=ASKED))),
            2,
            id="every guard is named",
        ),
        pytest.param(ONE, seen(ledger(7, restart())), 7, id="exactly one verb"),
        pytest.param(NONE, seen(ledger(7)), 0, id="no verb at all"),
        pytest.param(
            ONE,
            seen(ledger(5, restart(state="begun", reason="")), ledger(7, restart())),
            5,
            id="a verb counts once, by its newest state",
        ),
        pytest.param(ActedBefore(Seconds(90)), seen(ledger(7, restart())), 5, id="acted early"),
        pytest.param(ServesAgain(URL), seen(more=requests("..xx......")), 0.4, id="serves again"),
        pytest.param(ServiceLost(URL), seen(more=requests("...x..")), 0.3, id="a request is lost"),
        pytest.param(
            UnitIs("web1", "nginx.service", "active"),
            seen(unit(-1, "active"), unit(2, "failed"), unit(8, "active", "i2")),
            8,
            id="a unit is active again",
        ),
        pytest.param(
            UnitRestarts("web1", "nginx.service"),
            seen(unit(-1, "active"), unit(2, "failed"), unit(8, "active", "i2")),
            8,
            id="a unit was started anew",
        ),
        pytest.param(REFUSED, seen(log(-1, 2), log(3, 2), log(5, 3)), 5, id="a new log line"),
        pytest.param(
            UrlAnswers(URL, 200, "web9"),
            seen(answer(1, 200), answer(2, 200, "no web9 here")),
            2,
            id="a page says so",
        ),
    ],
)
def test_comes_true(fact: Fact, observation: object, after: float) -> None:
    """A fact is true since the moment at which it was first seen, counted from the fault."""
    ruling = fact.judge(observation)  # type: ignore[arg-type]
    assert isinstance(ruling, Came), ruling
    assert ruling.at == pytest.approx(BEGAN + after)


@pytest.mark.parametrize(
    ("fact", "observation", "saw"),
    [
        pytest.param(DOWN, seen(), "Prometheus did not answer", id="no answer is no alert"),
        pytest.param(DOWN, seen(AlertsAt(BEGAN + 1, None)), "did not answer", id="Prometheus gone"),
        pytest.param(
            DOWN,
            seen(alerts(2, fires("ServiceDown", "web1", "nginx", "pending"))),
            "nothing",
            id="pending is not firing",
        ),
        pytest.param(
            DOWN, seen(alerts(2, fires("ServiceDown", "web2", "nginx"))), "web2", id="another node"
        ),
        pytest.param(GONE, seen(alerts(2)), "never fired", id="what never fired cannot resolve"),
        pytest.param(
            GONE,
            seen(alerts(2, FIRING), AlertsAt(BEGAN + 3, None)),
            "still fires",
            id="silence of Prometheus is no recovery",
        ),
        pytest.param(QueryAnswers("up == 1"), seen(query(1, None)), "no sample", id="unknown"),
        pytest.param(PageArrives(), seen(page(-4)), "nothing", id="a page before the fault"),
        pytest.param(PageArrives(), seen(page(4, "deadman", "Watchdog")), "nothing", id="a beat"),
        pytest.param(
            DeadmanReports(), seen(page(9, "deadman", "Watchdog")), "51 s ago", id="beats"
        ),
        pytest.param(DeadmanReports(), seen(), "never", id="no beat ever"),
        pytest.param(PagesCounted(2), seen(page(1)), "1 pages", id="too few pages"),
        pytest.param(ANY, seen(), "did not answer", id="no healer"),
        pytest.param(ANY, seen(IncidentsAt(BEGAN, None)), "did not answer", id="a healer gone"),
        pytest.param(VERIFIED, seen(incidents(-9, OLD)), "CLOSED", id="an old incident's success"),
        pytest.param(OVER, seen(incidents(-9, OVER_BEFORE)), "CLOSED", id="an old incident's end"),
        pytest.param(ANY, seen(incidents(-9, OVER_BEFORE)), "CLOSED", id="an old incident"),
        pytest.param(Held("capacity"), seen(incidents(2, incident())), "none", id="not held"),
        pytest.param(
            Held("capacity", count=2), seen(incidents(2, HELD)), "none", id="too few are held"
        ),
        pytest.param(
            Explained(("capacity", "quorum")),
            seen(incidents(2, incident(guards=ASKED))),
            "quorum",
            id="a guard is missing",
        ),
        pytest.param(
            Explained(("armed",)),
            seen(incidents(2, incident(guards=(Verdict("armed", "", ""),)))),
            "armed",
            id="a guard without numbers",
        ),
        pytest.param(ONE, seen(ledger(4)), "0", id="no verb yet"),
        pytest.param(NONE, seen(LedgerAt(BEGAN, "web1", None)), "no ledger", id="unread ledger"),
        pytest.param(
            ActedBefore(Seconds(3)), seen(ledger(7, restart())), "nothing", id="acted late enough"
        ),
        pytest.param(
            ActedBefore(Seconds(90)),
            seen(ledger(7, restart(state="refused"))),
            "nothing",
            id="a refusal is no action",
        ),
        pytest.param(ServesAgain(URL), seen(more=requests("......")), "never lost", id="served on"),
        pytest.param(ServesAgain(URL), seen(more=requests("..xxx.")), "fail", id="still lost"),
        pytest.param(ServiceLost(URL), seen(more=requests("....")), "answered", id="no loss"),
        pytest.param(
            UnitIs("web1", "nginx.service", "active"),
            seen(unit(1, "active"), unit(2, "failed")),
            "failed",
            id="a unit that was active",
        ),
        pytest.param(
            UnitRestarts("web1", "nginx.service"),
            seen(unit(-1, "active"), UnitAt(BEGAN + 2, "web1", "nginx.service", None)),
            "same",
            id="a node that does not answer has not restarted its unit",
        ),
        pytest.param(REFUSED, seen(log(-1, 2), log(3, 2)), "no such line", id="an old log line"),
        pytest.param(REFUSED, seen(log(3, None)), "could not be read", id="no journal"),
        pytest.param(UrlAnswers(URL), seen(answer(1, 0)), "nothing", id="nothing listens"),
        pytest.param(Unchanged(("web1",)), seen(), "not taken yet", id="no second snapshot"),
    ],
)
def test_is_not_true_yet(fact: Fact, observation: object, saw: str) -> None:
    """What is not known to be true is not true, and the ruling says what was seen."""
    ruling = fact.judge(observation)  # type: ignore[arg-type]
    assert isinstance(ruling, NotYet), ruling
    assert saw in ruling.saw


@pytest.mark.parametrize(
    ("fact", "observation"),
    [
        pytest.param(PagesCounted(0), seen(page(3)), id="one page too many"),
        pytest.param(NONE, seen(ledger(3, restart())), id="one verb too many"),
        pytest.param(
            ONE, seen(ledger(3, restart(1), restart(2))), id="a second restart of the same service"
        ),
    ],
)
def test_cannot_be_taken_back(fact: Fact, observation: object) -> None:
    """One too many stays one too many."""
    assert isinstance(fact.judge(observation), Spoiled)  # type: ignore[arg-type]


def test_settling_is_no_action() -> None:
    """A gate that was only asked to settle an id has done nothing."""
    settle = replace(restart(), verb="action.settle")
    voided = replace(restart(2), state="voided")
    assert isinstance(NONE.judge(seen(ledger(3, settle, voided))), Came)


def test_a_change_on_another_node_does_not_spoil_it() -> None:
    """Only the named nodes have to stay as they are."""
    changed = (Difference("web1", "/etc/hosts (a -> b)"),)
    observation = replace(seen(), differences=changed)
    assert isinstance(Unchanged(("web1",)).judge(observation), Spoiled)
    assert isinstance(Unchanged(("web2",)).judge(observation), Came)


def test_every_fact_has_one_word() -> None:
    """No kind stands in the registry twice."""
    assert len(set(FACTS.values())) == len(FACTS)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (DOWN, "ServiceDown web1/nginx fires"),
        (AlertFires("ServiceDown", count=10), "ServiceDown fires for 10 targets"),
        (VERIFIED, "an incident for ServiceDown/web1/nginx reaches VERIFIED"),
        (ONE, "the gate of web1 ran exactly 1 service.restart ended done"),
        (NONE, "the gates together ran exactly 0 verbs"),
        (Unchanged(("web1", "web2")), "nothing changed on web1, web2"),
    ],
)
def test_a_fact_reads_as_a_clause(fact: Fact, text: str) -> None:
    """The report prints facts as they are."""
    assert str(fact) == text
