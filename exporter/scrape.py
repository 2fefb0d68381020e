"""Puts one exposition together: runs what may run in a scrape, and takes the rest as it lies."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import structlog

from exporter.about import NAMES, About, Result
from exporter.clock import Clock
from exporter.collector import Absent, Background, Latest, Malformed, OnScrape, State
from exporter.cutting import MOST_SERIES, cut
from exporter.guests import admitted

log = structlog.get_logger()

MOST_TOLD = 100
TELL_EVERY = 60.0
"""Seconds between two lines about what was left out: whoever may scrape says how long it waits, and may say nothing."""

WHY = "the name is the exporter's own, or as hale_* kept for it, or there are too many series"


class UnknownCollector(Exception):
    """The scrape asked for a collector that is not enabled here; nothing was run."""


class Scraper:
    """Every enabled collector, and what is known of each one's runs."""

    def __init__(
        self,
        collectors: Iterable[OnScrape | Background],
        own: Callable[[], bytes],
        clock: Clock,
        most_series: int = MOST_SERIES,
    ) -> None:
        """Run nothing yet.

        Args:
            collectors: What is enabled; names are unique.
            own: Returns the series about the exporter itself.
            clock: For durations and times of success.
            most_series: What one collector may serve; what is more is cut off and counted.
        """
        self._most_series = most_series
        # Of those that are cut: the body, what is left of it, and how many series are not.
        self._cut: dict[str, tuple[bytes, bytes, int]] = {}
        self._told: set[str] = set()  # the families of guests whose refusal is in the log
        self._collectors = sorted(collectors, key=lambda c: c.name)
        self._late: list[str] = []  # of this scrape: those whose turn did not come
        self._told_at = -math.inf
        self._own = own
        self._clock = clock
        self._about = About()
        self._last: dict[str, Latest] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The enabled collectors, in the order of the exposition."""
        return tuple(c.name for c in self._collectors)

    def scrape(self, only: frozenset[str] | None = None, within: float | None = None) -> bytes:
        """Return one exposition, as `parts` has it.

        Raises:
            UnknownCollector: A name is not that of an enabled collector; nothing was run.
        """
        return b"".join(self.parts(only, within))

    def parts(
        self, only: frozenset[str] | None = None, within: float | None = None
    ) -> Sequence[bytes]:
        """Return one exposition in parts of whole families; a collector that fails costs only its own series.

        Args:
            only: The names of the collectors wanted; None for all.
            within: Seconds after which no further collector is run; those left out are `TIMED_OUT`. None for no bound.

        Raises:
            UnknownCollector: A name is not that of an enabled collector; nothing was run.
        """
        if only is not None and (unknown := sorted(only - set(self.names))):
            known = ", ".join(self.names)
            raise UnknownCollector(f"no collector {', '.join(unknown)} here. Enabled: {known}")
        wanted = [c for c in self._collectors if only is None or c.name in only]
        until = math.inf if within is None else self._clock.monotonic() + within
        self._late = []
        results = [self._bounded(c.name, self._latest(c, until)) for c in wanted]
        self._tell_of_late()
        bodies, own, guests = [result.latest.body for result in results], self._own(), b""
        if any(result.latest.guests for result in results):
            results, guests = self._admit(results, b"".join((*bodies, own)))
        return *bodies, *self._about(results), own, guests

    def overview(self) -> list[tuple[str, Latest]]:
        """Return each collector's newest known result for people to look at; runs nothing."""
        return [
            (c.name, c.latest() if isinstance(c, Background) else self._last[c.name])
            for c in self._collectors
            if isinstance(c, Background) or c.name in self._last
        ]

    def _bounded(self, name: str, latest: Latest) -> Result:
        """Return what may be served of a collector's series."""
        before = self._cut.get(name)
        if before is not None and before[0] is latest.body:  # the background has nothing new
            return Result(name, latest._replace(body=before[1]), before[2])
        left, out = cut(latest.body, self._most_series)
        if out:
            if before is None:  # once, not at every scrape
                log.warning("collector.cut", collector=name, served=self._most_series, left_out=out)
            self._cut[name] = latest.body, left, out
            return Result(name, latest._replace(body=left), out)
        if before is not None:
            del self._cut[name]
        return Result(name, latest)

    def _admit(self, results: list[Result], ours: bytes) -> tuple[list[Result], bytes]:
        """Return the guests that contradict nothing of ours, and what is cut with those that do."""
        guests = [(one.name, guest) for one in results for guest in one.latest.guests]
        text, refused = admitted(guests, NAMES + ours, self._most_series)
        self._tell(family for _, family in refused)
        out = Counter[str]()
        for (name, _), series in refused.items():
            out[name] += series
        return [one._replace(cut=one.cut + out[one.name]) for one in results], text

    def _tell(self, refused: Iterable[str]) -> None:
        """Log each family that is left out once, and of very many only some."""
        for family in sorted(set(refused) - self._told)[: MOST_TOLD - len(self._told)]:
            log.warning("guest.refused", family=family, reason=WHY)
            self._told.add(family)

    def _tell_of_late(self) -> None:
        now = self._clock.monotonic()
        if self._late and now - self._told_at >= TELL_EVERY:
            self._told_at = now
            late = ",".join(self._late)
            log.warning("collector.left_out", collector=late, reason="the scrape's time is up")

    def _latest(self, collector: OnScrape | Background, until: float) -> Latest:
        if isinstance(collector, Background):
            return collector.latest()
        if self._clock.monotonic() < until:
            return self._run(collector)
        return self._leave_out(collector)

    def _leave_out(self, collector: OnScrape) -> Latest:
        before = self._last.get(collector.name)
        self._late.append(collector.name)
        result = Latest(b"", State.TIMED_OUT, None, before.last_success if before else None)
        self._last[collector.name] = result
        return result

    def _run(self, collector: OnScrape) -> Latest:
        before = self._last.get(collector.name)
        began = self._clock.monotonic()
        body = b""
        reason = ""
        try:
            body = collector.collect()
            state = State.OK
        except Absent:
            state = State.ABSENT
        except (Malformed, OSError) as error:
            state, reason = State.FAILED, str(error)
        except Exception:  # a collector's bug may not take the others down
            log.exception("collector.failed", collector=collector.name)
            state = State.FAILED
        if reason and (before is None or before.state is not state):  # once, not at every scrape
            log.warning("collector.failed", collector=collector.name, reason=reason)
        success = before.last_success if before else None
        if state is State.OK:
            success = self._clock.wall()
        result = Latest(body, state, self._clock.monotonic() - began, success)
        self._last[collector.name] = result
        return result
