"""Incidents that are over, in short, so that people can search them without reading the journal again. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from healer.core.alert import Target
from healer.core.incident import Incident

KEEP_ENDED = 10_000
"""Incidents that are over and can be searched; the journal keeps more of them."""

NAMES = 10
"""Names of symptoms that are kept of each."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An incident that is over.

    Attributes:
        incident: Its id.
        cause: Name of the alert that stood for it at its end.
        symptoms: Names of others, the first NAMES.
        outcome: How it ended, one word.
        detail: The same in words.
        opened_at, closed_at: Epoch seconds.
        actions: What was tried, in order.
    """

    incident: str
    target: Target
    cause: str
    symptoms: tuple[str, ...]
    ladder: str
    outcome: str
    detail: str
    opened_at: float
    closed_at: float
    actions: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of its words, in lower case."""
        said = (self.incident, self.target, self.cause, *self.symptoms, self.ladder, self.outcome)
        return " ".join(map(str, (*said, self.detail, *self.actions))).casefold()


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; empty means any.

    Attributes:
        text: Words that all have to be there, in any order and case.
        since, until: When it was closed, epoch seconds; None for any time.
    """

    text: str = ""
    node: str = ""
    service: str = ""
    outcome: str = ""
    since: float | None = None
    until: float | None = None

    def fits(self, one: Ended) -> bool:
        """Whether an incident is what is looked for."""
        return (
            self.node in ("", one.target.node)
            and self.service in ("", one.target.service)
            and self.outcome in ("", one.outcome)
            and (self.since is None or one.closed_at >= self.since)
            and (self.until is None or one.closed_at < self.until)
            and all(word in one.text for word in self.text.casefold().split())
        )


def ended(incident: Incident, detail: str, at: float) -> Ended:
    """Return a closed incident in short.

    Args:
        incident: After its end.
        detail: What was said of the end.
        at: When it was, epoch seconds.
    """
    return Ended(
        incident.id,
        incident.target,
        incident.cause.name,
        tuple(dict.fromkeys(one.name for one in incident.symptoms))[:NAMES],
        incident.ladder,
        incident.outcome,
        detail,
        incident.opened_at,
        at,
        tuple(one.action for one in incident.attempts[:NAMES]),
    )


def search(known: Iterable[Ended], query: Query) -> Iterator[Ended]:
    """Yield those that are looked for, in the order in which they are given."""
    return (one for one in known if query.fits(one))
