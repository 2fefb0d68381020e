"""What every Alertmanager is to be told now. Pure: no I/O and no clock; times are monotonic seconds.

An alert is in the book from the moment its condition holds until every Alertmanager has taken its end.

- While the condition holds it is posted, and again and again: at first often, since until the rule has fired a late
  message of Prometheus about an earlier failure replaces it in Alertmanager (`Put` in provider/mem/mem.go merges only
  what overlaps), later well inside of any sensible resolve_timeout.
- While the condition is unknown nothing is said: Alertmanager's resolve_timeout runs.
- Once it is clear, its end waits until everybody who scrapes this exporter has been served the clear state, and a
  moment longer. Before that Prometheus would post the alert anew.
- Whoever cannot be told of an end has ended it by its own resolve_timeout long before it is given up here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from exporter.alerting.alert import Alert, Pairs

EARLY, EARLY_FOR = 2.0, 120.0
"""Seconds between two posts in the first while, and how long that is: four scrapes and evaluations of 15 s."""

SETTLE = 1.0
"""Seconds from a served scrape to the end: what Prometheus was sent is in its memory by then."""

FORGOTTEN = 300.0
"""Seconds after which one who scraped is not waited for: Prometheus looks back no further, so its alert is over."""

STRANGE = 60.0
"""Seconds from a start in which nobody knows yet who scrapes: what was kept of the last life ends no sooner."""

GIVE_UP = 900.0
"""Seconds from the clear state after which an end is not tried any more; the default resolve_timeout is 300."""

MOST = 1000
"""Alerts in the book; more are left to the rule. No node has that many services."""

AT_ONCE = 500
"""Alerts in one request; each is about a kilobyte."""

MOST_SCRAPERS = 32
"""Who scrape that are remembered."""

RETRY, MOST_RETRY = 1.0, 15.0
"""Seconds until an Alertmanager that failed is tried again, doubled each time up to the second."""


Cleared = frozenset[tuple[Pairs, float]]
"""Alerts by their labels, each with the time since which it is clear."""


@dataclass(slots=True)
class Entry:
    """One alert in the book.

    Attributes:
        since: When it began to hold.
        holds: Whether the condition holds; None for unknown.
        cleared_at: When it was seen clear; None while it is not.
        served: Who has been served a scrape since then.
        served_at: When that was everybody.
        not_before: When it may end at the earliest.
        due: When each Alertmanager is to be told next that it holds.
        owed: Who is to be told of its end.
        began: Each Alertmanager's own Date at the first post that it took, epoch seconds.
    """

    alert: Alert
    since: float
    due: dict[str, float]
    owed: set[str]
    not_before: float = -inf
    holds: bool | None = True
    cleared_at: float | None = None
    served: set[str] = field(default_factory=set)
    served_at: float | None = None
    began: dict[str, float] = field(default_factory=dict)

    def post_at(self, url: str) -> float:
        """Return when one is to be told that it holds; never while that is not so."""
        return self.due.get(url, inf) if self.holds else inf

    def end_at(self, url: str) -> float:
        """Return when one is to be told of the end; never while it may not be."""
        return self.served_at + SETTLE if self.served_at is not None and url in self.owed else inf


@dataclass(frozen=True, slots=True)
class Due:
    """What one Alertmanager is to be told now."""

    posts: tuple[Alert, ...] = ()
    ends: tuple[Alert, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.posts or self.ends)


class Book:
    """All alerts that are not over everywhere."""

    def __init__(
        self, urls: Sequence[str], repeat: float, kept: Iterable[Alert] = (), now: float = 0.0
    ) -> None:
        """Begin with what was kept of the exporter's last life, of which nothing is known yet.

        Args:
            urls: Every Alertmanager.
            repeat: Seconds between two posts of what holds.
            kept: See `alerts`.
            now: The present.
        """
        self._urls = tuple(urls)
        self._repeat = repeat
        self._entries: dict[Pairs, Entry] = {}
        self._scrapers: dict[str, float] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        for alert in kept:
            entry = self._open(alert, now)
            entry.holds, entry.not_before = None, now + STRANGE

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What an exporter that starts anew has to know: everything whose end somebody may have to be told."""
        return tuple(entry.alert for entry in self._entries.values())

    def look(self, seen: Iterable[tuple[Alert, bool | None]], now: float) -> None:
        """Take in how every condition stands.

        Args:
            seen: Every alert there could be. One in the book that is not among them is clear.
            now: The present.
        """
        rest = dict(self._entries)
        for alert, holds in seen:
            entry = rest.pop(alert.labels, None)
            if entry is not None:
                entry.alert = alert
                self._turn(entry, holds, now)
            elif holds and len(self._entries) < MOST:
                self._open(alert, now)
        for entry in rest.values():
            self._turn(entry, False, now)
        for entry in list(self._entries.values()):
            if entry.cleared_at is not None and now - entry.cleared_at > GIVE_UP:
                del self._entries[entry.alert.labels]

    def _open(self, alert: Alert, now: float) -> Entry:
        due = dict.fromkeys(self._urls, now)
        entry = Entry(alert, since=now, due=due, owed=set(self._urls))
        self._entries[alert.labels] = entry
        return entry

    def _turn(self, entry: Entry, holds: bool | None, now: float) -> None:
        if holds is entry.holds:
            return
        entry.holds = holds
        entry.cleared_at = now if holds is False else None
        entry.served, entry.served_at = set(), None
        if holds:
            entry.since = now
            # Whoever was told of its end already has to be told anew.
            for url in set(self._urls) - entry.owed:
                entry.due[url] = now
                entry.began.pop(url, None)
            entry.owed = set(self._urls)

    @property
    def cleared(self) -> Cleared:
        """What a scrape that is made at this moment tells to be clear."""
        entries = self._entries.values()
        return frozenset(
            (e.alert.labels, e.cleared_at) for e in entries if e.cleared_at is not None
        )

    def served(self, by: str, told: Cleared, now: float) -> None:
        """Take in that a scrape has reached whoever asked for it.

        Args:
            by: Who that is.
            told: What was `cleared` when it was made.
            now: The present.
        """
        self._scrapers.pop(by, None)
        if len(self._scrapers) >= MOST_SCRAPERS:
            del self._scrapers[next(iter(self._scrapers))]  # the one that is silent for longest
        self._scrapers[by] = now
        awaited = {one for one, at in self._scrapers.items() if now - at < FORGOTTEN}
        for entry in self._entries.values():
            if (entry.alert.labels, entry.cleared_at) not in told or entry.served_at is not None:
                continue
            entry.served.add(by)
            if awaited <= entry.served and now >= entry.not_before:
                entry.served_at = now

    def due(self, url: str, now: float) -> Due:
        """Return what one Alertmanager is to be told now; nothing while it rests after a failure."""
        if now < self._rested_at(url):
            return Due()
        entries = self._entries.values()
        ends = [entry.alert for entry in entries if entry.end_at(url) <= now][:AT_ONCE]
        posts = [entry.alert for entry in entries if entry.post_at(url) <= now][:AT_ONCE]
        return Due(tuple(posts), tuple(ends))

    def next_at(self, url: str) -> float:
        """Return when `due` has something next, as far as is known now; infinity for never."""
        times = [min(one.post_at(url), one.end_at(url)) for one in self._entries.values()]
        return max(min(times, default=inf), self._rested_at(url))

    def _rested_at(self, url: str) -> float:
        return self._failures[url][1] if url in self._failures else -inf

    def past(self, url: str, ends: Sequence[Alert], date: float, now: float) -> tuple[Alert, ...]:
        """Return of these ends those that come after their alert's beginning; the others wait a moment longer.

        Args:
            url: Which Alertmanager.
            ends: What it was due to be told.
            date: Its own clock, epoch seconds, cut to whole ones: an end before the beginning would belong to no alert.
            now: The present.
        """
        found: list[Alert] = []
        for entry in [self._entries[a.labels] for a in ends if a.labels in self._entries]:
            if date > entry.began.get(url, -inf):
                found.append(entry.alert)
            elif entry.served_at is not None:
                entry.served_at = now
        return tuple(found)

    def taken(self, url: str, done: Due, date: float | None, now: float) -> None:
        """Take in that an Alertmanager took this.

        Args:
            url: Which one.
            done: What it took.
            date: Its own clock then, epoch seconds; None where it did not tell.
            now: The present.
        """
        self._failures.pop(url, None)
        for alert in done.posts:
            if (entry := self._entries.get(alert.labels)) is not None:
                young = now - entry.since < EARLY_FOR
                entry.due[url] = now + (min(EARLY, self._repeat) if young else self._repeat)
                if date is not None:
                    entry.began.setdefault(url, date)
        for alert in done.ends:
            self._ended(url, alert)

    def _ended(self, url: str, alert: Alert) -> None:
        entry = self._entries.get(alert.labels)
        if entry is None:
            return
        entry.owed.discard(url)
        if entry.cleared_at is None:  # holds again: what was told of its end is not true any more
            entry.due[url], entry.owed = 0.0, set(self._urls)
            entry.began.pop(url, None)
        elif not entry.owed:
            del self._entries[alert.labels]

    def failed(self, url: str, now: float) -> None:
        """Take in that an Alertmanager took nothing, or that nobody knows what it took."""
        count = self._failures.get(url, (0, 0.0))[0] + 1
        self._failures[url] = count, now + min(RETRY * 2 ** min(count - 1, 10), MOST_RETRY)
