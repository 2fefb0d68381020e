"""Facts about what monitoring saw and whom it told."""

from dataclasses import dataclass

from lab.drills.facts.ruling import (
    Came,
    NotYet,
    Ruling,
    Spoiled,
    Watch,
    WatchQuery,
    named,
    newest,
    since,
)
from lab.drills.observation import Alert, Observation, Page, told_anew


@dataclass(frozen=True, slots=True)
class AlertFires:
    """An alert of Prometheus fires, for at least `count` targets."""

    name: str
    node: str = ""
    service: str = ""
    count: int = 1

    def judge(self, seen: Observation) -> Ruling:
        """Come true when enough alerts fire at the same time."""
        for at, entry in since(seen.alerts, seen.began):
            if sum(self._is_meant(alert) for alert in entry.alerts or ()) >= self.count:
                return Came(at)
        last = newest(seen.alerts)
        if last is None or last.alerts is None:
            return NotYet("Prometheus did not answer")
        firing = sorted({_name(alert) for alert in last.alerts if alert.firing})
        return NotYet(f"firing now: {', '.join(firing) or 'nothing'}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def _is_meant(self, alert: Alert) -> bool:
        return (
            alert.firing
            and alert.name == self.name
            and self.node in ("", alert.labels.get("node"))
            and self.service in ("", alert.labels.get("service"))
        )

    def __str__(self) -> str:
        many = f" for {self.count} targets" if self.count > 1 else ""
        return f"{self.name} {named(self.node, self.service)} fires{many}".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class AlertResolves:
    """An alert that fired does not fire any more."""

    name: str
    node: str = ""
    service: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true when it was seen firing and then was not, in an answer of Prometheus."""
        fires = AlertFires(self.name, self.node, self.service)
        fired = False
        for at, entry in since(seen.alerts, seen.began):
            if entry.alerts is None:
                continue
            now = isinstance(fires.judge(Observation(at, at, alerts=(entry,))), Came)
            if fired and not now:
                return Came(at)
            fired = fired or now
        return NotYet("it still fires" if fired else "it never fired")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"{self.name} {named(self.node, self.service)} resolves".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class QueryAnswers:
    """A PromQL expression has at least one sample as its answer."""

    expr: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the first answer that is not empty."""
        for at, entry in since([q for q in seen.queries if q.expr == self.expr], seen.began):
            if entry.samples:
                return Came(at)
        return NotYet("no sample")

    def watch(self) -> Watch | None:
        """Have the expression asked."""
        return WatchQuery(self.expr)

    def __str__(self) -> str:
        return f"`{self.expr}` has an answer"


@dataclass(frozen=True, slots=True)
class PageArrives:
    """The pager is told that an alert fires.

    Attributes:
        alert: The alert's name; empty means any.
        path: `page` (through Alertmanager), `second-path` (the healer itself) or empty for both.
    """

    alert: str = ""
    node: str = ""
    path: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the first page that is meant."""
        pages = [page for page in seen.pages if page.at >= seen.began and page.firing]
        for page in pages:
            if self._is_meant(page):
                return Came(page.at)
        heard = sorted({named(page.path, page.alert) for page in pages if page.path in _PEOPLE})
        return NotYet(f"paged: {', '.join(heard) or 'nothing'}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def _is_meant(self, page: Page) -> bool:
        return (
            page.path in ((self.path,) if self.path else _PEOPLE)
            and self.alert in ("", page.alert)
            and self.node in ("", page.labels.get("node"))
        )

    def __str__(self) -> str:
        way = f" by the {self.path} path" if self.path else ""
        return f"a person is paged{way}: {named(self.alert, self.node) or 'anything'}"


@dataclass(frozen=True, slots=True)
class TicketArrives:
    """A ticket says that an alert fires: something for working hours, which wakes nobody."""

    alert: str = ""
    node: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the first ticket that is meant."""
        tickets = [p for p in seen.pages if p.at >= seen.began and p.firing and p.path == "ticket"]
        for ticket in tickets:
            if self.alert in ("", ticket.alert) and self.node in ("", ticket.labels.get("node")):
                return Came(ticket.at)
        return NotYet(f"tickets: {', '.join(sorted({t.alert for t in tickets})) or 'none'}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"a ticket is written: {named(self.alert, self.node) or 'anything'}"


@dataclass(frozen=True, slots=True)
class DeadmanReports:
    """The dead man's receiver outside the cluster reports that the Watchdog went quiet."""

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the first report."""
        for page in seen.pages:
            if page.at >= seen.began and page.path == "deadman-report":
                return Came(page.at)
        beats = [page.at for page in seen.pages if page.path == "deadman"]
        last = f"{seen.now - beats[-1]:.0f} s ago" if beats else "never"
        return NotYet(f"no report; the last Watchdog came {last}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return "the dead man's receiver reports that monitoring is silent"


@dataclass(frozen=True, slots=True)
class PagesCounted:
    """Exactly so many pages reached people."""

    exactly: int

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the last one of them; one too many cannot be taken back."""
        pages = people_paged(seen)
        if len(pages) > self.exactly:
            return Spoiled(
                f"{len(pages)} pages: " + ", ".join(named(p.path, p.alert) for p in pages)
            )
        if len(pages) < self.exactly:
            return NotYet(f"{len(pages)} pages")
        return Came(pages[-1].at if pages else seen.began)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"exactly {self.exactly} pages reach people"


_PEOPLE = ("page", "second-path")


def people_paged(seen: Observation) -> list[Page]:
    """Return what rang at people since the fault, by either path: one alert for each notification.

    A notification with ten alerts rings once, and not at all if each of them was told before.
    """
    pages = [p for p in told_anew(seen.pages) if p.at >= seen.began and p.path in _PEOPLE]
    return list({(page.at, page.path): page for page in reversed(pages)}.values())[::-1]


def _name(alert: Alert) -> str:
    return named(alert.name, alert.labels.get("node", ""), alert.labels.get("service", ""))
