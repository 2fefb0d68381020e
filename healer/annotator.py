"""Tells Grafana of each action, in the background: nothing waits for it, and what it cannot tell is only counted."""

import asyncio
import html
from collections import deque

import structlog

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Attempt, Outcome
from healer.core.board import Board
from healer.core.incident import Incident
from healer.errors import Unreachable
from healer.metrics import Metrics
from healer.plain import printable
from healer.ports import Annotation, Grafana

log = structlog.get_logger()

MOST = 500
"""Annotations that wait; beyond that the oldest is dropped."""

TRIES = 5
"""For one annotation, then it is dropped."""

AGAIN = 30.0
"""Seconds between two tries: a Grafana that restarts is back by then."""

LONGEST = 500
"""Characters of what the gate or the proof said."""

PROVED_LATER = (Outcome.DONE, Outcome.UNKNOWN)
"""Ends whose proof is awaited, since only that says whether it helped."""


class Annotator:
    """Listens to the journal and keeps what is to be told until it was told."""

    def __init__(
        self,
        board: Board,
        grafana: Grafana,
        metrics: Metrics,
        cluster: str,
        external_url: str,
        again: float = AGAIN,
    ) -> None:
        self._board = board
        self._grafana = grafana
        self._metrics = metrics
        self._cluster = cluster
        self._external_url = external_url
        self._again = again
        self._waiting: deque[Annotation] = deque()
        self._news = asyncio.Event()

    def follow(self, before: "Annotator") -> None:
        """Go on where another configuration's annotator stopped: what waits there is told by this one."""
        self._waiting.extend(before._waiting)  # noqa: SLF001  # one of us
        self._news.set()

    def __call__(self, record: ev.Record) -> None:
        """Take note of a record of the journal."""
        match record.event:
            case ie.ActionEnded(outcome=outcome) if outcome in PROVED_LATER:
                return
            case ie.ActionEnded(incident=name) | ie.VerificationEnded(incident=name):
                incident = self._board.incidents[name]
                self._keep(self._told(incident, incident.attempts[-1], record.at_wall))
            case _:
                return

    async def run(self) -> None:
        """Tell what waits, one after the other, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._tell(self._waiting[0])

    def _keep(self, annotation: Annotation) -> None:
        if len(self._waiting) == MOST:
            self._waiting.popleft()
            self._metrics.annotations.labels("dropped").inc()
        self._waiting.append(annotation)
        self._news.set()

    async def _tell(self, annotation: Annotation) -> None:
        for number in range(1, TRIES + 1):
            try:
                await self._grafana.annotate(annotation)
            except Unreachable as exc:
                self._metrics.annotations.labels("failed").inc()
                log.warning("annotation.failed", tried=number, error=printable(str(exc), LONGEST))
                if number < TRIES:
                    await asyncio.sleep(self._again)
            else:
                self._metrics.annotations.labels("placed").inc()
                self._done(annotation)
                return
        self._metrics.annotations.labels("dropped").inc()
        self._done(annotation)

    def _done(self, annotation: Annotation) -> None:
        # While it was told it may have been dropped for want of room.
        if self._waiting and self._waiting[0] is annotation:
            self._waiting.popleft()

    def _told(self, incident: Incident, attempt: Attempt, now: float) -> Annotation:
        outcome = attempt.outcome.value if attempt.outcome is not None else "running"
        about = f"incident {incident.id}"
        if self._external_url:
            href = html.escape(f"{self._external_url}/incidents/{incident.id}")
            about = f'<a href="{href}">{about}</a>'
        said = html.escape(printable(attempt.detail or attempt.reason, LONGEST))
        what = html.escape(printable(f"{attempt.action} on {attempt.target}", LONGEST))
        tags = {
            "cluster": self._cluster,
            "node": attempt.target.node,
            "service": attempt.target.service or "",
            "action": attempt.action,
            "outcome": outcome,
        }
        return Annotation(
            attempt.began_at,
            attempt.ended_at if attempt.ended_at is not None else now,
            ("hale", *(f"{name}:{value}" for name, value in tags.items() if value)),
            f"{what}: {outcome.replace('_', ' ')}, {about}. {said}".strip(),
        )
