"""Places what fires: refuses what can never be ours, arms, puts alerts into incidents, lets go of what is over.

Every change that it makes is an event; whether to act is decided elsewhere (healer.engine).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

import structlog

from healer.allowance import Allowance
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.actions import mark_of, subject_of
from healer.core.alert import Alert
from healer.core.attempt import Attempt
from healer.core.board import Board
from healer.core.causes import Outages, may_lead
from healer.core.correlate import Place, claims, correlate, left_out, place_of, recurring
from healer.core.facts import Evidence
from healer.core.guards.grounds import confirmed
from healer.core.incident import NOT_RETURNED, NOT_TRUE, Incident
from healer.core.order import Sight
from healer.core.states import UNSETTLED, IllegalMove, State
from healer.core.topology import Topology
from healer.errors import Unreachable
from healer.gatherer import Gatherer
from healer.journal import MOST_TOGETHER, Journal
from healer.lanes import Lanes
from healer.metrics import Metrics
from healer.ports import Clock, Prometheus
from healer.standing import Watch

log = structlog.get_logger()

REFUSE_AGAIN = 3600.0
"""Seconds after which an alert that can never be taken is refused anew, if it still fires."""

REFUSALS = 100
"""Refusals journalled within REFUSE_AGAIN; more are only counted, since anyone can post alerts."""

KEPT_LABELS = (
    *("alertname", "cluster", "node", "group", "failure_domain", "service"),
    *("mountpoint", "failure", "severity", "heal"),
)
"""Labels that are kept of an alert that is none of ours; of a refused one cut to KEPT_LENGTH characters."""

KEPT_LENGTH = 200

STOCK_BYTES = 1024 * 1024
"""Of the labels that one arming keeps. What has no room in it began before the arming, and holds for that."""

SEEN_EVERY = 60.0
"""Seconds between two notes that we see the cluster; each is a write to disk."""

RECHECK = 10.0
"""Seconds between two looks at the evidence for an alert that no open incident is about."""

AT_ONCE = 20
"""Alerts whose evidence is read in one cycle, besides that of open incidents."""

IN_TURN = AT_ONCE // 2
"""So many of those that claim to be a deeper cause are asked for by turn; the others are the deepest."""


class Intake:
    """What fires, as incidents."""

    def __init__(
        self,
        topology: Topology,
        journal: Journal,
        watch: Watch,
        gatherer: Gatherer,
        prometheus: Prometheus,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._topology = topology
        self._journal = journal
        self._watch = watch
        self._gatherer = gatherer
        self._prometheus = prometheus
        self._metrics = metrics
        self._clock = clock
        self._allowance = Allowance()
        self._claims = Lanes()
        self._waiting = Lanes()
        self._again = Lanes()
        self._quiet = Lanes()
        self._symptoms: dict[str, Lanes] = {}
        self._spared: set[str] = set()
        self._rechecked: dict[tuple[str, float], float] = {}
        self._refusals: deque[float] = deque(maxlen=REFUSALS)
        self._outages = Outages.seen(journal.board, (), topology)

    def follow(self, before: "Intake") -> None:
        """Go on where another configuration's intake stopped: what strangers have used up is used up."""
        self._allowance, self._refusals = before._allowance, before._refusals  # noqa: SLF001  # one of us

    async def take(self, sight: Sight) -> None:
        """Take one reading of the Alertmanagers in.

        Raises:
            StoreFull: There was no room for all of it; the next reading brings the rest again.
        """
        await self._refuse(sight)
        await self._arm(sight)
        board = self._journal.board
        if board.armed_at is None:
            return
        outages = Outages.seen(board, sight.alerts, self._topology, self._watch.picture)
        self._outages = outages
        for over in self._symptoms.keys() - {one.id for one in board.open}:
            del self._symptoms[over]
        true = await self._true(self._claiming(claims(board, sight.alerts, outages)))
        waiting = left_out(board, sight.alerts, outages)
        waiting += [one for one in sight.alerts if one.fingerprint in self._spared]
        true |= await self._true(self._due(waiting, self._waiting))
        again = await self._true(self._due(await self._recurring(sight), self._again))
        await self._place(sight, true | again)
        places = [place_of(board, one, self._topology) for one in sight.alerts]
        self._metrics.waiting.set(places.count(Place.WAITING))
        await self._see_clear(sight)
        await self._let_go(sight)

    async def _place(self, sight: Sight, true: frozenset[str]) -> None:
        """Put what fires into incidents: on a draft first, so that thousands need few writes."""
        draft, now = self._journal.board.draft(), self._clock.wall()
        uptime = self._clock.boot_id, self._clock.boottime()
        self._spared = set()
        together: list[ev.Event] = []
        try:
            for changes in correlate(
                draft, sight.alerts, self._topology, true, self._watch.picture
            ):
                match changes:
                    case [ev.AlertRefused(alert, reason, sentence)]:
                        await self._refuse_one(alert, reason, sentence)
                        continue
                if not self._afford(changes, draft, true):
                    continue
                if len(together) + len(changes) > MOST_TOGETHER:
                    await self._journal.write(*together)
                    together = []
                together += changes
                for event in changes:
                    draft.apply(ev.Record(draft.seq + 1, now, *uptime, event))
            await self._journal.write(*together)
        except IllegalMove as error:
            # A person's word came while this was drawn up; the next look begins with it.
            log.info("intake.overtaken", error=str(error))

    def _afford(self, changes: list[ev.Event], draft: Board, true: frozenset[str]) -> bool:
        """Whether a change may be written: beyond its allowance, what nothing confirms waits for evidence."""
        match changes:
            case [ie.IncidentOpened(cause=alert) | ev.AlertSettled(alert)]:
                confirmed = False
            case [ie.AlertJoined(incident, alert) | ie.AlertRenewed(incident, alert)]:
                confirmed = draft.incidents[incident].confirmed
            case _:
                return True
        # The same episode again is a silence that came or went, and that is a person's word.
        if confirmed or alert.fingerprint in true or draft.places(alert):
            return True
        if self._allowance.take(alert, self._clock.boottime()):
            return True
        self._spared.add(alert.fingerprint)
        return False

    async def _recurring(self, sight: Sight) -> list[Alert]:
        """Return closed episodes that still fire, save those whose rules may only see what was before the close."""
        board, now = self._journal.board, self._watch.now.steady
        again = recurring(board, sight.alerts)
        windows = await self._gatherer.looks_back({alert.name for alert in again}) if again else {}
        return [
            alert
            for alert in again
            if windows is not None
            and abs(now - board.closed_episodes[alert.episode]) >= windows.get(alert.name, 0.0)
        ]

    async def yield_cause(self, incident: Incident) -> bool:
        """Put a symptom that is true in the place of a cause that lies less deep, or that nobody confirms.

        Returns:
            Whether that was done, so that the incident is about something else now.

        Raises:
            IllegalMove: Something else came of the incident while evidence was read; nothing was changed.
        """
        if incident.state in UNSETTLED or incident.marks:
            return False  # what it took away it gives back when its own trouble is gone
        able = [
            one
            for one in incident.symptoms
            if may_lead(one, self._topology)
            and (not incident.confirmed or self._outages.deeper(one, incident.cause))
        ]
        lanes = self._symptoms.setdefault(incident.id, Lanes()) if able else Lanes()
        true = await self._true(self._due(able, lanes))
        for symptom in able:
            if symptom.fingerprint in true:
                change = ie.CauseReplaced(incident.id, symptom, symptom.label("heal"))
                await self._journal.write(change, provided=_still(incident))
                return True
        return False

    async def _refuse(self, sight: Sight) -> None:
        for alert, reason in sight.rejected:
            sentence = f"{alert.name[:KEPT_LENGTH]} can never start anything here: {reason}."
            await self._refuse_one(alert, reason, sentence)

    async def _refuse_one(self, alert: Alert, reason: str, sentence: str) -> None:
        """Journal a refusal, once an hour for each alert and REFUSALS an hour in all."""
        now = self._clock.wall()
        before = self._journal.board.refused.get(alert.fingerprint)
        if before is not None and now - before[1] < REFUSE_AGAIN:
            return
        if len(self._refusals) == REFUSALS and now - self._refusals[0] < REFUSE_AGAIN:
            self._metrics.refused.labels(reason).inc()
            return
        self._refusals.append(now)
        await self._journal.write(ev.AlertRefused(_cut(alert), reason, sentence))

    async def _arm(self, sight: Sight) -> None:
        """Take stock of what fires before anything may be ours: at first and after blindness."""
        board, store, now = self._journal.board, self._journal.store, self._clock.wall()
        # Without the heartbeat nobody knows whether what fires has been evaluated yet.
        if not self._watch.heard:
            return
        seen = await store.last_seen()
        blind = seen is not None and now - seen > self._topology.numbers.blindness
        # After the clock was set back, what begins now would look older than the arming.
        set_back = board.armed_at is not None and board.armed_at > now
        if board.armed_at is None or blind or set_back:
            why = "clock_set_back" if set_back else "blind" if blind else "first_look"
            if not await self._take_stock(sight, why):
                return
            seen = None
        if seen is None or now - seen > SEEN_EVERY:
            await store.mark_seen(now)

    async def _take_stock(self, sight: Sight, why: str) -> bool:
        try:
            pending = await self._prometheus.pending()
        except Unreachable as exc:
            log.warning("healer.not_armed", error=str(exc))
            return False
        # What was not seen clear since the last arming still counts: its node may be dark, and tell of it anew when it
        # is back. What is pending fires after the arming, and is known by this alone. Both come first.
        older = self._journal.board.pre_existing.values()
        known = {alert.fingerprint: alert for alert in (*older, *pending, *sight.alerts)}
        before = [
            alert
            for alert in known.values()
            # What could never be ours need not be remembered as not ours.
            if alert.label("heal") in self._topology.ladders and self._topology.knows(alert.target)
        ]
        kept = sorted(_within(STOCK_BYTES, before), key=lambda one: one.fingerprint)
        await self._journal.write(ev.Armed(why, tuple(kept)))
        return True

    async def _see_clear(self, sight: Sight) -> None:
        """Let go of pre-existing alerts that were seen clear; their next firing is ours."""
        if not self._watch.complete:
            return
        firing = {alert.fingerprint for alert in sight.alerts}
        board = self._journal.board
        quiet = [one for key, one in board.pre_existing.items() if key not in firing]
        due = self._due(quiet, self._quiet)
        found = await asyncio.gather(*(self._gatherer.confirmed(alert) for alert in due))
        for alert, evidence in zip(due, found, strict=True):
            if evidence is not None and evidence.firing is False and self.fresh(evidence):
                await self._journal.write(ev.SeenClear(alert.fingerprint))

    async def _let_go(self, sight: Sight) -> None:
        """Close what nobody claims any more and nobody can check: never confirmed, or no longer ours to know."""
        if not self._watch.heard:
            return  # an Alertmanager that just started is complete, and knows nothing yet
        firing = {alert.fingerprint for alert in sight.alerts}
        # What is refused since cluster.yml was changed still fires: a person hears of it while it does.
        refused = {alert.fingerprint for alert, _ in sight.rejected}
        for incident in self._journal.board.open:
            gone = not self._topology.knows(incident.target)
            fires = firing | refused if gone else firing
            claimed = any(alert.fingerprint in fires for alert in incident.alerts)
            if claimed or incident.state in UNSETTLED:
                continue
            over = self._gone(incident) if gone else _not_true(incident)
            if over is None:
                continue
            try:
                await self._journal.write(over, provided=_still(incident))
            except IllegalMove as error:
                # A person, or a step that took long, was first: the next look begins with that.
                log.info("intake.overtaken", incident=incident.id, error=str(error))

    def _gone(self, incident: Incident) -> ev.Event | None:
        """Return the end of what is about nothing in cluster.yml; what it took away is a person's to give back."""
        detail = f"cluster.yml has no {incident.target}, and nothing fires for it"
        standing = [one for one in incident.marks if self._stands(one)]
        if not standing:
            return ie.IncidentClosed(incident.id, "gone", detail)
        if incident.state is State.ESCALATED:
            return None
        where = ", ".join(f"{subject_of(one.args)} on {one.gate}" for one in standing)
        detail = f"{detail}; {standing[0].action} still stands of {where}"
        return ie.IncidentEscalated(incident.id, NOT_RETURNED, detail)

    def _stands(self, mark: Attempt) -> bool:
        """Whether a mark of ours may stand: until its gate's exporter, seen since, tells of none there."""
        picture = self._watch.picture
        health = picture.nodes.get(mark.gate) if picture is not None else None
        if picture is None or health is None or not health.scraped:
            return mark.gate in self._topology.nodes
        told = {(one.mark, one.subject, one.node) for one in picture.marks}
        if (mark_of(mark.action), subject_of(mark.args), mark.gate) in told:
            return True
        return self._watch.now.steady - mark.over < self._topology.numbers.evidence_age

    def _claiming(self, alerts: list[Alert]) -> list[Alert]:
        """Return those of all claims, deepest first, that one cycle asks for: all of them where they are not many."""
        turn = self._claims.next(alerts, IN_TURN)
        asked = {alert.fingerprint for alert in turn}
        deepest = (alert for alert in alerts if alert.fingerprint not in asked)
        return [*turn, *islice(deepest, AT_ONCE - len(turn))]

    def _due(self, alerts: list[Alert], lanes: Lanes) -> list[Alert]:
        """Return those whose evidence was not read lately, as many as one cycle may ask for, by turn."""
        now = self._watch.now.steady
        ready = []
        for alert in alerts:
            last = self._rechecked.get(alert.episode)
            closed = self._journal.board.closed_episodes.get(alert.episode)
            since = max((one for one in (last, closed) if one is not None), default=None)
            if since is None or abs(now - since) >= RECHECK:
                ready.append(alert)
        found = lanes.next(ready, AT_ONCE)
        for alert in found:
            self._rechecked.pop(alert.episode, None)
            self._rechecked[alert.episode] = now
        while len(self._rechecked) > 50 * AT_ONCE:
            del self._rechecked[next(iter(self._rechecked))]
        return found

    async def _true(self, alerts: list[Alert]) -> frozenset[str]:
        """Return the fingerprints of those that fresh evidence finds true."""
        found = await asyncio.gather(*(self._gatherer.confirmed(alert) for alert in alerts))
        oldest = self._topology.numbers.evidence_age
        return frozenset(
            alert.fingerprint
            for alert, evidence in zip(alerts, found, strict=True)
            if confirmed(evidence, oldest)
        )

    def fresh(self, evidence: Evidence) -> bool:
        """Whether the evidence rests on a sample that still counts as now."""
        age = evidence.reading.age
        return age is not None and age <= self._topology.numbers.evidence_age


def _not_true(incident: Incident) -> ev.Event | None:
    if incident.confirmed or incident.state is State.ESCALATED:
        return None
    detail = "never found true on fresh evidence, and nobody claims it any more"
    return ie.IncidentClosed(incident.id, NOT_TRUE, detail)


def _still(incident: Incident) -> Callable[[Board], bool]:
    """Return the condition that nothing came of an incident since it was read."""
    read = (incident.state, incident.cause, incident.attempts)

    def holds(board: Board) -> bool:
        now = board.incidents.get(incident.id)
        return now is not None and (now.state, now.cause, now.attempts) == read

    return holds


def _within(most_bytes: int, alerts: Iterable[Alert]) -> Iterator[Alert]:
    """Yield alerts with nothing but what tells one from another, as long as there is room for them."""
    for alert in alerts:
        labels = tuple(one for one in alert.labels if one[0] in KEPT_LABELS)
        most_bytes -= sum(len(name.encode()) + len(text.encode()) for name, text in labels)
        if most_bytes < 0:
            return
        yield replace(alert, labels=labels)


def _cut(alert: Alert) -> Alert:
    labels = ((name, value[:KEPT_LENGTH]) for name, value in alert.labels if name in KEPT_LABELS)
    return replace(alert, name=alert.name[:KEPT_LENGTH], labels=tuple(labels))
