"""Everything the journal has told so far: a fold over its records, and the only state the healer has.

`apply` is the one place where an event changes something. Replaying the journal gives the same board.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.actions import mark_of, subject_of
from healer.core.alert import Alert, Known
from healer.core.attempt import Attempt
from healer.core.ended import KEEP_ENDED, Ended, ended
from healer.core.facts import Past, Running
from healer.core.fold import ends_once, fold, only_gives_back
from healer.core.footprint import as_of_now
from healer.core.incident import MERGED, NOT_TRUE, Incident
from healer.core.planned import Planned, PlannedEvent
from healer.core.states import UNSETTLED, IllegalMove, State
from healer.core.steady import Now, Steady
from healer.core.topology import Topology
from healer.core.upkeep_events import UpkeepActionIntended

KEEP_CLOSED = 200
"""Closed incidents kept at hand for people; the journal keeps all."""

KEEP_UNTRUE = 20
"""How many of them may be such as were never found true, and in which nothing was tried. They decide nothing any more,
and anyone can post alerts: what is at hand cannot be pruned."""

KEEP_REFUSED = 1000
"""Refused alerts kept at hand. Beyond that the oldest is forgotten: anyone can post alerts."""

KEEP_EPISODES = 10_000
"""Closed episodes remembered. One that is forgotten and still fires is only looked at once more."""

KEEPING = ev.Armed | ev.SeenClear | ev.AlertSettled | ie.IncidentAdopted | ie.IncidentSettled
"""Events that change which alerts are pre-existing."""

KEEP_PAST_SECONDS = 30 * 86400.0
"""How long an attempt counts for the success record; every window of the guards is shorter."""


class Board:
    """What the healer knows from its journal.

    Attributes:
        incidents: By id; open ones and the newest closed ones.
        past: Attempts of all incidents, oldest first.
        refused: Alerts that can never start anything, by fingerprint, with the time.
        closed_episodes: Episodes whose incident is over, with when, in steady time; they do not open another one by
            themselves.
        armed_at: Since when alerts that begin are ours; None before the first arming.
        pre_existing: Alerts that were firing at the last arming, or as a person settled them by hand, and were not
            seen clear since.
        by_hand: Those among them that a person closed: they know of it.
        modes: The modes under which the healer runs, or the last one ran; empty before the first.
        digest: The same of its configuration.
        tested_at: When the second path was last tried out; None if never.
        freezes: Freezes that people set, by reason.
        storm: Nodes that vanished together as the last storm began; None where it has ended.
        holds: Holds that people set on nodes, by node and person, with `until` in steady time; see `held`.
        known: The open incident that each of their alerts belongs to, by fingerprint.
        ended: Incidents that are over, in short, by id, oldest first; what was pruned is not among them.
        planned: What is taken out of service on purpose.
        opened: Incidents opened so far; the next id is one more.
        actions: Actions intended in the present term; the next action's number is one more.
        steady: What the wall clocks were set by so far.
        seq: The last record's.
    """

    def __init__(self, keep_closed: int = KEEP_CLOSED, keep_episodes: int = KEEP_EPISODES) -> None:
        self._keep_closed = keep_closed
        self._keep_episodes = keep_episodes
        self.incidents: dict[str, Incident] = {}
        self.past: list[Past] = []
        self.refused: dict[str, tuple[ev.AlertRefused, float]] = {}
        self.closed_episodes: dict[tuple[str, float], float] = {}
        self.armed_at: float | None = None
        self.pre_existing: dict[str, Alert] = {}
        self.by_hand: dict[str, None] = {}
        self._known_again: tuple[frozenset[Known], frozenset[Known]] | None = None
        self.modes = ""
        self.digest = ""
        self.tested_at: float | None = None
        self.known: dict[str, str] = {}
        self._on_node: dict[str, dict[str, None]] = {}
        self._of_kind: dict[Kind, dict[str, str]] = {}  # with the node of each
        self._tried: dict[str, None] = {}
        self.freezes: dict[str, ev.Frozen] = {}
        self.storm: tuple[str, ...] | None = None
        self.holds: dict[tuple[str, str], ev.NodeHeld] = {}
        self.ended: dict[str, Ended] = {}
        self.planned = Planned()
        self.opened = 0
        self.actions = 0
        self.steady = Steady()
        self.seq = 0

    @property
    def open(self) -> list[Incident]:
        """Incidents that are not over, oldest first."""
        return [one for one in self.incidents.values() if one.state is not State.CLOSED]

    @property
    def marked(self) -> frozenset[tuple[str, str, str]]:
        """Every mark that open incidents and upkeeps may have set, as (mark, subject, gate): the journal's copy."""
        treated = frozenset(
            (mark_of(mark.action), subject_of(mark.args), mark.gate)
            for one in self._treated()
            for mark in one.marks
        )
        return treated | self.planned.marked

    def _treated(self) -> Iterator[Incident]:
        """Open incidents in which something was begun: a few, where thousands may be open."""
        return (self.incidents[one] for one in self._tried)

    def places(self, alert: Alert) -> bool:
        """Whether this episode of an alert is an open incident's, or is known to be none of ours."""
        kept = self.pre_existing.get(alert.fingerprint)
        if kept is not None and kept.episode == alert.episode:
            return True
        incident = self.known.get(alert.fingerprint)
        known = () if incident is None else self.incidents[incident].alerts
        return any(one.episode == alert.episode for one in known)

    @property
    def known_before(self) -> frozenset[Known]:
        """By what all pre-existing alerts are known."""
        return self._kept()[0]

    @property
    def known_by_hand(self) -> frozenset[Known]:
        """By what those among them are known that a person closed."""
        return self._kept()[1]

    def is_before(self, alert: Alert) -> bool:
        """Whether an alert is a pre-existing one, or the same with another label on it."""
        return not alert.known_by.isdisjoint(self.known_before)

    def is_theirs(self, alert: Alert) -> bool:
        """The same of those that a person closed."""
        return not alert.known_by.isdisjoint(self.known_by_hand)

    def _kept(self) -> tuple[frozenset[Known], frozenset[Known]]:
        if self._known_again is None:
            theirs = (self.pre_existing[one] for one in self.by_hand)
            self._known_again = _known(self.pre_existing.values()), _known(theirs)
        return self._known_again

    def on_node(self, node: str) -> list[Incident]:
        """Open incidents with an alert about a node, oldest first."""
        return [self.incidents[one] for one in self._on_node.get(node, ())]

    def held(self, now: Now) -> list[ev.NodeHeld]:
        """Holds of nodes that have not lapsed, oldest first; `until` by the wall clock as it is set now."""
        standing = (one for one in self.holds.values() if not lapsed(one, now.steady))
        return [_moved(one, now.ahead) for one in standing]

    def running(self, topology: Topology, *, besides: str) -> tuple[Running, ...]:
        """Actions of other incidents that are under way or not proved yet, as of this cluster.yml too."""
        return tuple(
            Running(
                *(one.id, attempt.action, attempt.target),
                as_of_now(attempt.action, attempt.target, attempt.footprint, topology),
            )
            for one in self._treated()
            if one.id != besides and one.state in UNSETTLED
            for attempt in one.attempts[-1:]
        )

    def alike(self, incident: Incident) -> tuple[Incident, ...]:
        """Incidents of other members of the group that fail alike, closed ones included."""
        known, here = self._of_kind.get(_kind(incident), {}), incident.target.node
        return tuple([self.incidents[one] for one, node in known.items() if node != here])

    def draft(self) -> "Board":
        """Return a copy on which may be tried what would follow; this board does not change with it."""
        drawn = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict):
                own = {
                    key: dict(one) if isinstance(one, dict) else one for key, one in value.items()
                }
                setattr(drawn, name, own)
            elif isinstance(value, list):
                setattr(drawn, name, list(value))
        return drawn

    def recent(self, now: float) -> tuple[Past, ...]:
        """Attempts that still count for budgets, cooldowns, flapping and the success record, oldest first.

        `now` is in steady time.
        """
        return tuple(one for one in self.past if one.attempt.began >= now - KEEP_PAST_SECONDS)

    def check(self, events: Iterable[ev.Event]) -> None:
        """Make sure that events may follow, before they are durable: what is written is replayed for ever.

        Raises:
            IllegalMove: They cannot happen any more. Nothing changed.
        """
        changed: dict[str, Incident] = {}
        for event in events:
            if isinstance(event, PlannedEvent):
                self.planned.check(event)
            elif isinstance(event, ie.IncidentOpened):
                if event.incident in changed or event.incident in self.incidents:
                    raise IllegalMove(f"there is an incident {event.incident} already")
                changed[event.incident] = begun(event, 0.0)
            elif isinstance(event, ie.IncidentEvent):
                before = changed.get(event.incident) or self._known(event.incident)
                only_gives_back(before, event)
                ends_once(before, event)
                changed[event.incident] = fold(before, event, 0.0)

    def _known(self, incident_id: str) -> Incident:
        found = self.incidents.get(incident_id)
        if found is None:
            # One that was closed long ago is not at hand any more, and nothing can come of it.
            raise IllegalMove(f"there is no incident {incident_id}")
        return found

    def apply(self, record: ev.Record) -> None:
        """Take one record in.

        Raises:
            IllegalMove: The journal says something that cannot have happened; the board is unchanged.
        """
        at, event = record.at_wall, record.event
        clocks = (at, record.boot_id, record.at_mono)
        # Hints are left out of a replay, which must end with the same.
        hint = isinstance(event, ev.AlertsReceived)
        steady = self.steady if hint else self.steady.after(*clocks)
        self._take_in(event, Now(at, steady.ahead))
        if not hint and self.steady.loses(*clocks):
            self._void_approvals()  # nobody knows how old they are
        self.steady, self.seq = steady, record.seq

    def _take_in(self, event: ev.Event, now: Now) -> None:
        at = now.wall
        if isinstance(event, KEEPING):
            self._known_again = None
        if isinstance(event, PlannedEvent):
            self.planned = self.planned.after(event, now)
            self.actions += isinstance(event, UpkeepActionIntended)
            return
        match event:
            case ev.HealerStarted(digest=digest, modes=modes):
                self.actions = 0
                self._configured(digest, modes)
            case ev.ConfigReloaded(digest=digest, modes=modes):
                self._configured(digest, modes)
            case ev.AlertsReceived():
                pass  # a hint to look; what is found is told by other events
            case ev.AlertRefused(alert):
                self.refused.pop(alert.fingerprint, None)
                self.refused[alert.fingerprint] = (event, at)
                while len(self.refused) > KEEP_REFUSED:
                    del self.refused[next(iter(self.refused))]
            case ev.Armed(_, pre_existing):
                self.armed_at = at
                # A person who closed something knows of it, whatever was taken stock of since: a node that
                # nobody saw then has no alert of it, and is not well for that.
                theirs = {one: self.pre_existing[one] for one in self.by_hand}
                self.pre_existing = {alert.fingerprint: alert for alert in pre_existing} | theirs
            case ev.SeenClear(fingerprint):
                self.pre_existing.pop(fingerprint, None)
                self.by_hand.pop(fingerprint, None)
            case ev.AlertSettled(alert):
                self.pre_existing[alert.fingerprint] = alert
                self.by_hand[alert.fingerprint] = None
            case ev.Frozen(reason):
                before = self.freezes.get(reason)
                # The same reason by somebody else does not make an owner's freeze an operator's.
                kept = before is not None and before.owner
                self.freezes[reason] = replace(event, owner=event.owner or kept)
            case ev.Unfrozen():
                self.freezes.clear()
                self.armed_at = None
            case ev.NodeHeld(node, by=by):
                same = (node, by)
                self._let_go(lambda one: (one.node, one.by) == same or lapsed(one, now.steady))
                self.holds[node, by] = _moved(event, -now.ahead)
            case ev.NodeReleased(node):
                self._let_go(lambda one: one.node == node)
            case ev.StormBegan(nodes):
                self.storm = nodes
            case ev.StormEnded():
                self.storm = None
            case ev.ClockSet():
                pass  # told by the record's own clocks
            case ev.SecondPathTested():
                self.tested_at = at
            case ev.Pruned(opened=opened, episodes=episodes):
                self.opened = max(self.opened, opened)
                self._remember(episodes)
            case ie.IncidentOpened():
                self.opened = max(self.opened + 1, _number(event.incident))
                self._keep(begun(event, at, now.ahead))
            case _:
                self._change(event, now)

    def _configured(self, digest: str, modes: str) -> None:
        if modes != self.modes:
            self.armed_at = None  # what fired under the old modes is not ours yet
        if digest != self.digest:
            # A yes was to a rung as it was then, and its number may be another one's now.
            self._void_approvals()
        self.modes, self.digest = modes, digest

    def _void_approvals(self) -> None:
        for one in [one for one in self.open if one.approvals]:
            self.incidents[one.id] = replace(one, approvals=())

    def _let_go(self, which: Callable[[ev.NodeHeld], bool]) -> None:
        self.holds = {key: one for key, one in self.holds.items() if not which(one)}

    def _change(self, event: ie.IncidentEvent, now: Now) -> None:
        after = fold(self._known(event.incident), event, now.wall, now.ahead)
        self._keep(after)
        match event:
            case ie.ActionIntended():
                self.actions += 1
                self.past.append(Past(after.id, after.cause.name, after.attempts[-1]))
                while self.past[0].attempt.began < now.steady - KEEP_PAST_SECONDS:
                    del self.past[0]
            case ie.ActionEnded() | ie.VerificationEnded():
                self._correct_past(after.attempts[-1])
            case ie.AlertLeft(_, alert):
                self.known.pop(alert.fingerprint, None)
                if all(one.target.node != alert.target.node for one in after.alerts):
                    self._on_node[alert.target.node].pop(after.id, None)
            case ie.IncidentAdopted():
                known = _known(after.alerts)
                adopted = [k for k, one in self.pre_existing.items() if one.known_by & known]
                for key in adopted:
                    del self.pre_existing[key]
                    self.by_hand.pop(key, None)
            case ie.IncidentSettled():
                # What a person settled is theirs for as long as it goes on, as what fired before arming is.
                self.pre_existing.update({alert.fingerprint: alert for alert in after.alerts})
                self.by_hand.update(dict.fromkeys(alert.fingerprint for alert in after.alerts))
            case ie.IncidentClosed(detail=detail):
                self._close(after, now.steady)
                self.ended[after.id] = ended(after, detail, now.wall)
                while len(self.ended) > KEEP_ENDED:
                    del self.ended[next(iter(self.ended))]
            case _:
                pass

    def _correct_past(self, attempt: Attempt) -> None:
        for index in reversed(range(len(self.past))):
            if self.past[index].attempt.action_id == attempt.action_id:
                self.past[index] = replace(self.past[index], attempt=attempt)
                return

    def _keep(self, incident: Incident) -> None:
        before = self.incidents.get(incident.id)
        self.incidents[incident.id] = incident
        if before is None or before.cause is not incident.cause:
            if before is not None:
                self._of_kind[_kind(before)].pop(before.id, None)
            alike = self._of_kind.setdefault(_kind(incident), {})
            alike[incident.id] = incident.target.node
        if incident.attempts:
            self._tried[incident.id] = None
        if incident.state is State.CLOSED:
            return  # its alerts may be another's by now
        for alert in incident.alerts:
            self.known[alert.fingerprint] = incident.id
            self._on_node.setdefault(alert.target.node, {})[incident.id] = None

    def _close(self, incident: Incident, at: float) -> None:
        # The newest closed ones are last, however long they were open.
        self.incidents[incident.id] = self.incidents.pop(incident.id)
        self._tried.pop(incident.id, None)
        alike = self._of_kind[_kind(incident)]
        alike[incident.id] = alike.pop(incident.id)
        for alert in incident.alerts:
            if self.known.get(alert.fingerprint) == incident.id:
                del self.known[alert.fingerprint]
            self._on_node.get(alert.target.node, {}).pop(incident.id, None)
        # What became part of another incident is not over: should that let go of it, it is looked at as new.
        for alert in incident.alerts if incident.outcome != MERGED else ():
            self.closed_episodes.pop(alert.episode, None)  # the newest are last
            self.closed_episodes[alert.episode] = at
        closed = [one for one in self.incidents.values() if one.state is State.CLOSED]
        untrue = [one for one in closed if one.outcome == NOT_TRUE and not one.attempts]
        going = (*untrue[:-KEEP_UNTRUE], *closed[: -self._keep_closed])
        for old in {one.id: None for one in going}:
            kind = _kind(self.incidents.pop(old))
            self._of_kind[kind].pop(old)
            if not self._of_kind[kind]:
                del self._of_kind[kind]
        self._forget_episodes()

    def _remember(self, episodes: Iterable[tuple[str, float, float]]) -> None:
        """Take in closed episodes whose own records were pruned, each in its place by age."""
        found = {(fingerprint, began): at for fingerprint, began, at in episodes}
        if found:
            known = sorted((found | self.closed_episodes).items(), key=lambda one: one[1])
            self.closed_episodes = dict(known)
            self._forget_episodes()

    def _forget_episodes(self) -> None:
        while len(self.closed_episodes) > self._keep_episodes:
            del self.closed_episodes[next(iter(self.closed_episodes))]


def _known(alerts: Iterable[Alert]) -> frozenset[Known]:
    """Return by what any of these alerts is known again."""
    return frozenset().union(*(one.known_by for one in alerts))


def lapsed(hold: ev.NodeHeld, now: float) -> bool:
    """Whether a hold of the board's is over; `now` in steady time."""
    return hold.until is not None and hold.until <= now


def _moved(hold: ev.NodeHeld, seconds: float) -> ev.NodeHeld:
    return hold if hold.until is None else replace(hold, until=hold.until + seconds)


def _number(incident_id: str) -> int:
    return int(incident_id) if incident_id.isdecimal() else 0


Kind = tuple[str, str, str]
"""What incidents of several members that fail alike have in common: the alert's name, the group, the service."""


def _kind(incident: Incident) -> Kind:
    cause, service = incident.cause, incident.cause.label("service")
    # A service is of one group in cluster.yml; what a stranger's alert says of it parts nobody from the others.
    return cause.name, "" if service else cause.label("group"), service


def begun(event: ie.IncidentOpened, at: float, ahead: float = 0.0) -> Incident:
    """Return an incident as it begins; `at` and `ahead` as for `fold`."""
    cause = event.cause
    opened = Incident(event.incident, cause, event.ladder, at, at, event.digest)
    # Only evidence lets the loss of a failure domain, or of a node without a ladder, open one.
    opened = replace(opened, opened_ahead=ahead, changed_ahead=ahead)
    return replace(opened, began_at=cause.began_at, confirmed=cause.by_evidence)
