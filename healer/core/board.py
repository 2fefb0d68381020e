"""Everything the journal has told so far: a fold over its records, and the only state the healer has.

`apply` is the one place where an event changes something. Replaying the journal gives the same board.
"""

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Attempt
from healer.core.ended import KEEP_ENDED, ended
from healer.core.facts import Past
from healer.core.fold import begun, ends_once, fold, only_gives_back
from healer.core.incident import MERGED, NOT_TRUE, Incident
from healer.core.planned import PlannedEvent
from healer.core.states import IllegalMove, State
from healer.core.steady import Now
from healer.core.told import KEEP_PAST_SECONDS, Told, kind_of, known_by, lapsed, moved
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


class Board(Told):
    """What the healer knows from its journal, and how a record changes that.

    Args:
        keep_closed: How many closed incidents are kept at hand.
        keep_episodes: How many closed episodes are remembered.
    """

    def __init__(self, keep_closed: int = KEEP_CLOSED, keep_episodes: int = KEEP_EPISODES) -> None:
        super().__init__()
        self._keep_closed = keep_closed
        self._keep_episodes = keep_episodes

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
                self.holds[node, by] = moved(event, -now.ahead)
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
                known = known_by(after.alerts)
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
                self._of_kind[kind_of(before)].pop(before.id, None)
            alike = self._of_kind.setdefault(kind_of(incident), {})
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
        alike = self._of_kind[kind_of(incident)]
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
            kind = kind_of(self.incidents.pop(old))
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


def _number(incident_id: str) -> int:
    return int(incident_id) if incident_id.isdecimal() else 0
