"""What was seen during a drill, as plain values with their times.

Every time is wall time in epoch seconds of the one kernel that host and nodes share. Rule: nothing
here judges; histories are oldest first, and an entry is made only when something changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lab.load import Request
from lab.roles import Role
from lab.writes import Write


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as Prometheus has it."""

    name: str
    state: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def firing(self) -> bool:
        """Whether it fires, rather than waits for its `for`."""
        return self.state == "firing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one guard said, with what it had and what it needed."""

    guard: str
    have: str
    need: str


@dataclass(frozen=True, slots=True)
class Step:
    """One moment in an incident's life: a word (a state, or a reason) and its time."""

    at: float
    word: str


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """A line of a missed node's journal as the healer shows it; `failure` is the type that it is taken for."""

    node: str
    at: float | None
    text: str
    failure: str


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as the healer's HTTP API shows it.

    Attributes:
        state: The present one, upper case, e.g. `VERIFYING`.
        cause: Name of the alert that is its cause.
        holding: The reason word for which it is held now; empty when it is not.
        states: Every state it reached, oldest first.
        reasons: Every reason word given for a hold, a refusal or an escalation.
        guards: Guards that its newest explanation names, with have and need.
        alerts: Its cause and its symptoms as they are now, as NAME, and as NAME/SERVICE where they are about one.
        opened: When it was opened, epoch seconds; None where the healer does not say.
        domain: The failure domain that it is about as a whole; empty where it is about a node.
        last_lines: What its missed nodes wrote last, as the copies of their journals have it.
        lines_trouble: Why there is none of a node, or why nobody said what they tell of.
    """

    id: str
    state: str
    cause: str
    node: str = ""
    service: str = ""
    domain: str = ""
    alerts: tuple[str, ...] = ()
    opened: float | None = None
    holding: str = ""
    states: tuple[Step, ...] = ()
    reasons: tuple[Step, ...] = ()
    guards: tuple[Verdict, ...] = ()
    last_lines: tuple[LoggedLine, ...] = ()
    lines_trouble: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a gate's ledger; times are None where the verb never began or ended."""

    id: str
    verb: str
    state: str
    reason: str = ""
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as the node's systemd shows it."""

    active: str
    invocation: str


@dataclass(frozen=True, slots=True)
class Page:
    """Something that reached the pager.

    Attributes:
        path: `page`, `ticket`, `second-path` or `deadman`, or `deadman-report` when the last one stopped.
        alert: The alert's name; empty for a report.
        firing: False for the news that it resolved.
    """

    at: float
    path: str
    alert: str = ""
    firing: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)


def told_anew(pages: Iterable[Page]) -> Iterator[Page]:
    """Yield the news that something fires, once until it resolves.

    A notification that only says what is already known, since another alert of its group has ended, rings nowhere.
    """
    firing = set()
    for page in pages:
        alert = (page.path, page.alert, frozenset(page.labels.items()))
        if not page.firing:
            firing.discard(alert)
        elif alert not in firing:
            if page.labels:
                firing.add(alert)
            yield page


@dataclass(frozen=True, slots=True)
class Answer:
    """What one watched URL answered; `status` 0 means nothing did."""

    status: int
    body: str = ""


@dataclass(frozen=True, slots=True)
class AlertsAt:
    """All alerts of Prometheus from `at` on; None: Prometheus did not answer."""

    at: float
    alerts: tuple[Alert, ...] | None


@dataclass(frozen=True, slots=True)
class IncidentsAt:
    """All incidents from `at` on; None: the healer did not answer."""

    at: float
    incidents: tuple[Incident, ...] | None


@dataclass(frozen=True, slots=True)
class FreezesAt:
    """Why the healer would do nothing anywhere from `at` on; None: it did not answer."""

    at: float
    reasons: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class LedgerAt:
    """A gate's whole ledger from `at` on; None: it could not be read."""

    at: float
    node: str
    entries: tuple[Entry, ...] | None


@dataclass(frozen=True, slots=True)
class UnitAt:
    """A unit from `at` on; None: the node did not answer."""

    at: float
    node: str
    unit: str
    seen: Unit | None


@dataclass(frozen=True, slots=True)
class QueryAt:
    """Whether a PromQL expression had an answer from `at` on; None: Prometheus did not answer."""

    at: float
    expr: str
    samples: int | None


@dataclass(frozen=True, slots=True)
class AnswerAt:
    """What a watched URL answered from `at` on."""

    at: float
    url: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class LogAt:
    """How often a node's journal held a text, at `at`; None: the node did not answer."""

    at: float
    node: str
    unit: str
    text: str
    count: int | None


@dataclass(frozen=True, slots=True)
class OwnersAt:
    """Nodes that hold a virtual address from `at` on, as their own kernels say."""

    at: float
    address: str
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something taken away on purpose, such as `pool.drain` of `web/web1`."""

    kind: str
    subject: str
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarksAt:
    """What a node's gate has marked from `at` on; None: it could not be read."""

    at: float
    node: str
    marks: tuple[Mark, ...] | None


@dataclass(frozen=True, slots=True)
class ServersAt:
    """HAProxy's word for each server of a balancer, by `pool/member`; None: it did not answer."""

    at: float
    balancer: str
    states: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class RedundancyAt:
    """What was missing for full redundancy from `at` on; empty: nothing."""

    at: float
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What two snapshots of one node do not share: a path, a unit, an address, the ledger."""

    node: str
    what: str


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known of a drill at `now`.

    Attributes:
        began: When the first fault was injected.
        broke: When the last one was; it and `began` are one where there is one.
        ledgers: Only entries that were not there before the drill.
        units: The first entry of each unit is from before the fault.
        roles: Of the members of a database; each member's first entry is from before the fault.
        writes: The rows that the load wrote since the drill began, before the fault too.
        rows: Those numbers that the database has at the end; None where nobody could be asked.
        differences: None until the second snapshot was taken.
    """

    began: float
    now: float
    broke: float = 0.0
    alerts: tuple[AlertsAt, ...] = ()
    incidents: tuple[IncidentsAt, ...] = ()
    freezes: tuple[FreezesAt, ...] = ()
    ledgers: tuple[LedgerAt, ...] = ()
    units: tuple[UnitAt, ...] = ()
    queries: tuple[QueryAt, ...] = ()
    answers: tuple[AnswerAt, ...] = ()
    logs: tuple[LogAt, ...] = ()
    owners: tuple[OwnersAt, ...] = ()
    marks: tuple[MarksAt, ...] = ()
    servers: tuple[ServersAt, ...] = ()
    redundancy: tuple[RedundancyAt, ...] = ()
    pages: tuple[Page, ...] = ()
    requests: tuple[Request, ...] = ()
    roles: tuple[Role, ...] = ()
    writes: tuple[Write, ...] = ()
    rows: frozenset[int] | None = None
    differences: tuple[Difference, ...] | None = None
