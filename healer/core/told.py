"""What the journal has told so far, for whoever asks.

Rule: nothing here changes any of it. That is what `Board` (healer.core.board) does, as it takes records in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from healer.core import events as ev
from healer.core.actions import mark_of, subject_of
from healer.core.alert import Alert, Known
from healer.core.ended import Ended
from healer.core.facts import Past, Running
from healer.core.footprint import as_of_now
from healer.core.incident import Incident
from healer.core.planned import Planned
from healer.core.states import UNSETTLED, State
from healer.core.steady import Now, Steady
from healer.core.topology import Topology

KEEP_PAST_SECONDS = 30 * 86400.0
"""How long an attempt counts for the success record; every window of the guards is shorter."""

Kind = tuple[str, str, str]
"""What incidents of several members that fail alike have in common: the alert's name, the group, the service."""


class Told:
    """What the healer knows from its journal, to be read; a new one knows nothing.

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

    def __init__(self) -> None:
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
            self._known_again = known_by(self.pre_existing.values()), known_by(theirs)
        return self._known_again

    def on_node(self, node: str) -> list[Incident]:
        """Open incidents with an alert about a node, oldest first."""
        return [self.incidents[one] for one in self._on_node.get(node, ())]

    def held(self, now: Now) -> list[ev.NodeHeld]:
        """Holds of nodes that have not lapsed, oldest first; `until` by the wall clock as it is set now."""
        standing = (one for one in self.holds.values() if not lapsed(one, now.steady))
        return [moved(one, now.ahead) for one in standing]

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
        known, here = self._of_kind.get(kind_of(incident), {}), incident.target.node
        return tuple([self.incidents[one] for one, node in known.items() if node != here])

    def recent(self, now: float) -> tuple[Past, ...]:
        """Attempts that still count for budgets, cooldowns, flapping and the success record, oldest first.

        `now` is in steady time.
        """
        return tuple(one for one in self.past if one.attempt.began >= now - KEEP_PAST_SECONDS)


def known_by(alerts: Iterable[Alert]) -> frozenset[Known]:
    """Return by what any of these alerts is known again."""
    return frozenset().union(*(one.known_by for one in alerts))


def lapsed(hold: ev.NodeHeld, now: float) -> bool:
    """Whether a hold of the board's is over; `now` in steady time."""
    return hold.until is not None and hold.until <= now


def moved(hold: ev.NodeHeld, seconds: float) -> ev.NodeHeld:
    """Return a hold whose `until`, if it has one, is by another clock that is so many seconds ahead."""
    return hold if hold.until is None else replace(hold, until=hold.until + seconds)


def kind_of(incident: Incident) -> Kind:
    """Return what an incident has in common with those that fail alike."""
    cause, service = incident.cause, incident.cause.label("service")
    # A service is of one group in cluster.yml; what a stranger's alert says of it parts nobody from the others.
    return cause.name, "" if service else cause.label("group"), service
