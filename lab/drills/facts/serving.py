"""Facts about services, units and nodes themselves."""

from dataclasses import dataclass

from lab.drills.facts.ruling import (
    Came,
    NotYet,
    Ruling,
    Spoiled,
    Unseen,
    Watch,
    WatchLog,
    WatchSnapshot,
    WatchUnit,
    WatchUrl,
    named,
    since,
)
from lab.drills.observation import Observation, UnitAt
from lab.load import outages

SNAPSHOT_DUE = NotYet("the second snapshot is not taken yet")
"""Said until then; it comes last, so nobody waits for it."""


@dataclass(frozen=True, slots=True)
class ServesAgain:
    """A URL of the load was lost and answers again."""

    url: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the end of the last time it was lost."""
        requests = [r for r in seen.requests if r.url == self.url and r.at >= seen.began]
        lost = outages(requests)
        if not lost:
            return NotYet("it was never lost")
        back = lost[-1].back
        return NotYet("requests fail") if back is None else Came(back)

    def watch(self) -> Watch | None:
        """Need nothing beyond the load."""
        return None

    def __str__(self) -> str:
        return f"{self.url} serves again"


@dataclass(frozen=True, slots=True)
class ServiceLost:
    """A request of the load to a URL failed."""

    url: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the first failed request."""
        requests = [r for r in seen.requests if r.url == self.url and r.at >= seen.began]
        for request in requests:
            if not request.ok:
                return Came(request.at)
        return NotYet("every request was answered") if requests else Unseen("no request was sent")

    def watch(self) -> Watch | None:
        """Need nothing beyond the load."""
        return None

    def __str__(self) -> str:
        return f"{self.url} is lost"


@dataclass(frozen=True, slots=True)
class UnitIs:
    """A unit is in a state, such as active or failed, at the end."""

    node: str
    unit: str
    state: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last change into the state."""
        came: float | None = None
        last = "nothing"
        for at, entry in since(_of(seen, self.node, self.unit), seen.began):
            last = entry.seen.active if entry.seen else "nothing: the node did not answer"
            came = None if last != self.state else at if came is None else came
        return NotYet(f"seen: {last}") if came is None else Came(came)

    def watch(self) -> Watch | None:
        """Have the unit looked at."""
        return WatchUnit(self.node, self.unit)

    def __str__(self) -> str:
        return f"{named(self.node, self.unit)} is {self.state}"


@dataclass(frozen=True, slots=True)
class UnitRestarts:
    """A unit was started anew after the fault: its InvocationID changed."""

    node: str
    unit: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the first other InvocationID."""
        known = ""
        for at, entry in since(_of(seen, self.node, self.unit), seen.began):
            invocation = entry.seen.invocation if entry.seen else ""
            if known and invocation and invocation != known:
                return Came(at)
            known = invocation or known
        return NotYet("the same InvocationID") if known else Unseen("no InvocationID")

    def watch(self) -> Watch | None:
        """Have the unit looked at."""
        return WatchUnit(self.node, self.unit)

    def __str__(self) -> str:
        return f"{named(self.node, self.unit)} restarts"


@dataclass(frozen=True, slots=True)
class Logged:
    """A node's journal holds a text that was not there before the fault.

    Attributes:
        unit: Whose lines.
        contains: The text, as it stands in the line.
    """

    node: str
    unit: str
    contains: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true when the text is there more often than before."""
        key = (self.node, self.unit, self.contains)
        before: int | None = None
        for at, entry in since(
            [e for e in seen.logs if (e.node, e.unit, e.text) == key], seen.began
        ):
            if entry.count is None:
                continue
            if before is not None and entry.count > before:
                return Came(at)
            before = entry.count if before is None else before
        return NotYet("no such line" if before is not None else "the journal could not be read")

    def watch(self) -> Watch | None:
        """Have the journal read."""
        return WatchLog(self.node, self.unit, self.contains)

    def __str__(self) -> str:
        return f"{named(self.node, self.unit)} logs '{self.contains}'"


@dataclass(frozen=True, slots=True)
class UrlAnswers:
    """A URL, asked from the lab host, answers with a status and a text in the body."""

    url: str
    status: int = 200
    contains: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the first such answer."""
        last = "nothing"
        for at, entry in since([e for e in seen.answers if e.url == self.url], seen.began):
            answer = entry.answer
            if answer.status == self.status and self.contains in answer.body:
                return Came(at)
            last = f"{answer.status}, {len(answer.body)} characters" if answer.status else "nothing"
        return NotYet(f"answered: {last}")

    def watch(self) -> Watch | None:
        """Have the URL asked."""
        return WatchUrl(self.url)

    def __str__(self) -> str:
        what = f" with '{self.contains}'" if self.contains else ""
        return f"{self.url} answers {self.status}{what}"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nodes are the same at the end as before: files, units, addresses, the gate's ledger."""

    nodes: tuple[str, ...]

    def judge(self, seen: Observation) -> Ruling:
        """Come true when the second snapshot differs in nothing."""
        if seen.differences is None:
            return SNAPSHOT_DUE
        found = [f"{d.node}: {d.what}" for d in seen.differences if d.node in self.nodes]
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            return Spoiled("; ".join(found[:5]) + more)
        return Came(seen.began)

    def watch(self) -> Watch | None:
        """Have snapshots taken."""
        return WatchSnapshot(self.nodes)

    def __str__(self) -> str:
        return f"nothing changed on {', '.join(self.nodes)}"


def _of(seen: Observation, node: str, unit: str) -> list[UnitAt]:
    return [entry for entry in seen.units if (entry.node, entry.unit) == (node, unit)]
