"""Observations made of a few words, for judges."""

from collections.abc import Iterable

from lab.drills.observation import (
    Alert,
    AlertsAt,
    Answer,
    AnswerAt,
    Entry,
    FreezesAt,
    Incident,
    IncidentsAt,
    LedgerAt,
    LogAt,
    Mark,
    MarksAt,
    Observation,
    OwnersAt,
    Page,
    QueryAt,
    RedundancyAt,
    ServersAt,
    Step,
    Unit,
    UnitAt,
)
from lab.load import Request
from lab.roles import Role
from lab.writes import Write

BEGAN = 100.0
URL = "http://10.77.0.11:80/"


def fires(name: str, node: str = "", service: str = "", state: str = "firing") -> Alert:
    labels = {"alertname": name, "node": node, "service": service}
    return Alert(name, state, {key: value for key, value in labels.items() if value})


def alerts(at: float, *found: Alert) -> AlertsAt:
    return AlertsAt(BEGAN + at, found)


def incident(state: str = "OPEN", **more: object) -> Incident:
    fields = {"id": "1", "cause": "ServiceDown", "node": "web1", "service": "nginx"} | more
    return Incident(state=state, **fields)  # type: ignore[arg-type]


def incidents(at: float, *found: Incident) -> IncidentsAt:
    return IncidentsAt(BEGAN + at, found)


def step(at: float, word: str) -> Step:
    return Step(BEGAN + at, word)


def ledger(at: float, *found: Entry, node: str = "web1") -> LedgerAt:
    return LedgerAt(BEGAN + at, node, found)


def restart(
    number: int = 1, state: str = "done", reason: str = "restarted", began: float = 5.0
) -> Entry:
    return Entry(
        f"1.1.{number}", "service.restart", state, reason, BEGAN + began, BEGAN + began + 1
    )


def unit(at: float, active: str, invocation: str = "i1", name: str = "nginx.service") -> UnitAt:
    return UnitAt(BEGAN + at, "web1", name, Unit(active, invocation))


def requests(pattern: str, start: float = 0.0, every: float = 0.1, url: str = URL) -> list[Request]:
    """Make a request for each character: `.` was answered, `x` was lost."""
    return [
        Request(BEGAN + start + n * every, url, c == ".", 200 if c == "." else 0, 0.01)
        for n, c in enumerate(pattern)
    ]


def seen(*entries: object, now: float = 60.0, more: Iterable[Request] = ()) -> Observation:
    """Put entries where their type belongs."""
    kinds: dict[type, str] = {
        AlertsAt: "alerts",
        IncidentsAt: "incidents",
        LedgerAt: "ledgers",
        UnitAt: "units",
        QueryAt: "queries",
        AnswerAt: "answers",
        LogAt: "logs",
        RedundancyAt: "redundancy",
        FreezesAt: "freezes",
        OwnersAt: "owners",
        MarksAt: "marks",
        ServersAt: "servers",
        Page: "pages",
        Request: "requests",
        Role: "roles",
        Write: "writes",
    }
    found: dict[str, list[object]] = {}
    for entry in (*entries, *more):
        found.setdefault(kinds[type(entry)], []).append(entry)
    parts = {name: tuple(values) for name, values in found.items()}
    return Observation(began=BEGAN, now=BEGAN + now, **parts)  # type: ignore[arg-type]


def page(at: float, path: str = "page", alert: str = "HealerHolds", firing: bool = True) -> Page:
    return Page(BEGAN + at, path, alert, firing, {"node": "web1"})


def missing(at: float, *names: str) -> RedundancyAt:
    return RedundancyAt(BEGAN + at, names)


def query(at: float, samples: int | None, expr: str = "up == 1") -> QueryAt:
    return QueryAt(BEGAN + at, expr, samples)


def answer(at: float, status: int, body: str = "") -> AnswerAt:
    return AnswerAt(BEGAN + at, URL, Answer(status, body))


def log(at: float, count: int | None) -> LogAt:
    return LogAt(BEGAN + at, "mon1", "hale-healer.service", "alert.refused", count)


def freezes(at: float, *reasons: str) -> FreezesAt:
    return FreezesAt(BEGAN + at, reasons)


def owners(at: float, *nodes: str) -> OwnersAt:
    return OwnersAt(BEGAN + at, "10.77.0.100", nodes)


def servers(at: float, balancer: str, state: str) -> ServersAt:
    return ServersAt(BEGAN + at, balancer, {"web/web1": state})


def marks(at: float, *found: Mark, node: str = "lb1") -> MarksAt:
    return MarksAt(BEGAN + at, node, found)
