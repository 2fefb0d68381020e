"""Where the healer itself stands: what it sees, since when, and what stops it.

Kept by the engine at each look, read for each decision.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from healer.core import events as ev
from healer.core.correlate import OWN
from healer.core.decision import Decision
from healer.core.facts import Facts, Standing
from healer.core.holders import Holders
from healer.core.order import Sight
from healer.core.picture import Picture
from healer.core.steady import Now
from healer.core.storm import Weather
from healer.core.taken import Taken
from healer.core.topology import Numbers, Topology
from healer.core.verdict import Verdict
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock

SHOWN_FOR = 15.0
"""Seconds for which one look at the cluster is shown as how it is now."""

MOST_SAID = 500
"""Incidents of which the last decision is kept at hand; of others people are shown what was journalled."""

JUMP_MEMORY = 60.0
"""Seconds for which a jump makes every age doubtful."""


LOCK_WAIT_SECONDS = 900.0
"""For which a node that was refused a reboot lock is shown as waiting for it: it asks again every five minutes."""


@dataclass(frozen=True, slots=True)
class LockWait:
    """A node that asked for a reboot lock and did not get it.

    Attributes:
        since: When it asked first, in steady time, as is `asked`, when it did last.
        reason: Why not: one word.
        detail: The same in words.
    """

    node: str
    since: float
    asked: float
    reason: str
    detail: str


@dataclass
class Watch:
    """The last look at the pipeline and at the clock.

    Attributes:
        sight: The last reading of the Alertmanagers; None where none answered.
        leading: Whether the lease holds.
        storing: Whether the journal has room.
        weather: Whether nodes vanish together.
        holders: Who holds each virtual address.
        taken: What each gate keeps away, as its exporter told last.
        minority: Whether the last look showed no majority of the nodes.
        picture: The last look at the cluster itself; None where Prometheus did not say.
        upkeep_held: What holds each upkeep now, by id.
        roll_waits: Why each roll waits now, by id.
        lock_waits: Which nodes were refused a reboot lock last time they asked, by node.
        said: What was decided last about open incidents, by id, with the time; the newest of them.
    """

    journal: Journal
    clock: Clock
    numbers: Numbers
    sight: Sight | None = None
    leading: bool = False
    storing: bool = True
    weather: Weather = field(default_factory=Weather)
    holders: Holders = field(default_factory=Holders)
    taken: Taken = field(default_factory=Taken)
    minority: bool = False
    picture: Picture | None = None
    upkeep_held: dict[str, Verdict] = field(default_factory=dict)
    roll_waits: dict[str, str] = field(default_factory=dict)
    lock_waits: dict[str, LockWait] = field(default_factory=dict)
    said: OrderedDict[str, tuple[float, Decision]] = field(default_factory=OrderedDict)
    _pictured_at: float = 0.0
    _offset: float | None = None
    _jumped_at: float | None = None

    def look_at_clock(self) -> None:
        """Compare the wall clock with the uptime, once a look."""
        now = self.clock.boottime()
        offset = self.clock.wall() - now
        if self._offset is not None and abs(offset - self._offset) > self.numbers.clock_jump:
            self._jumped_at = now
        self._offset = offset

    def look_at_nodes(self, picture: Picture | None, topology: Topology) -> None:
        """Take in how the cluster looks, once a look; None where Prometheus did not say."""
        self.picture, self._pictured_at = picture, self.clock.boottime()
        storm = self.journal.board.storm
        if self.weather.at is None and storm is not None:
            self.weather = Weather.resumed(storm, topology)
        self.weather = self.weather.after(picture, topology)
        self.holders = self.holders.after(picture, topology)
        self.taken = self.taken.after(picture)
        seen = 0 if picture is None else picture.seen(topology.nodes)
        self.minority = seen * 2 <= len(topology.nodes)

    async def note_storm(self) -> None:
        """Make durable that a storm began or ended: a healer that starts owes the rest of the calm too.

        Raises:
            StoreFull: It was not written; the next look does.
        """
        storm, known = self.weather.storm, self.journal.board.storm
        if storm is not None and known is None:
            await self.journal.write(ev.StormBegan(storm.nodes))
        elif storm is None and known is not None:
            await self.journal.write(ev.StormEnded())

    async def note_clock(self) -> None:
        """Make durable that the wall clock was set: after a boot, or on another machine, nobody else could tell.

        Raises:
            StoreFull: It was not written; the next look does.
        """
        by = self.now.ahead - self.journal.board.steady.ahead
        if by:
            await self.journal.write(ev.ClockSet(by))

    def note_decision(self, incident_id: str, decision: Decision) -> None:
        """Keep what was decided, so that people can be shown what the guards say now."""
        self.said[incident_id] = (self.clock.wall(), decision)
        self.said.move_to_end(incident_id)
        while len(self.said) > MOST_SAID:
            self.said.popitem(last=False)

    def note_lock_refused(self, node: str, reason: str, detail: str) -> None:
        """Keep that a node of cluster.yml was refused a reboot lock; it asks again by itself."""
        now, known = self.now.steady, self.lock_waits.get(node)
        goes_on = known is not None and now - known.asked < LOCK_WAIT_SECONDS
        since = known.since if known is not None and goes_on else now
        self.lock_waits[node] = LockWait(node, since, now, reason, detail)

    def waiting_for_lock(self) -> list[LockWait]:
        """Return the nodes that still ask for a reboot lock, those that wait longest first."""
        now = self.now.steady
        found = (one for one in self.lock_waits.values() if now - one.asked < LOCK_WAIT_SECONDS)
        return sorted(found, key=lambda one: one.since)

    @property
    def now(self) -> Now:
        """The instant that it is, in which durations can be counted."""
        return now_of(self.clock, self.journal.board)

    @property
    def latest(self) -> Picture | None:
        """The cluster for people to look at; None where the last look is too old to be shown as now."""
        old = self.clock.boottime() - self._pictured_at > SHOWN_FOR
        return None if old else self.picture

    @property
    def clock_jumped(self) -> bool | None:
        """Whether a jump was seen lately; None before the first look."""
        if self._offset is None:
            return None
        return self._jumped_at is not None and self.clock.boottime() - self._jumped_at < JUMP_MEMORY

    @property
    def watchdog_age(self) -> float | None:
        """Seconds since Watchdog was refreshed; None where it is not heard."""
        if self.sight is None or self.sight.watchdog_at is None:
            return None
        return max(0.0, self.clock.wall() - self.sight.watchdog_at)

    @property
    def done_without(self) -> tuple[str, ...]:
        """The nodes whose Alertmanager does not answer because everybody misses the node itself.

        Nobody sets a silence there, and what was set before the others know by gossip.
        """
        missed = self.latest.missed if self.latest is not None else frozenset()
        silent = self.sight.silent if self.sight is not None else ()
        return tuple(one for one in silent if one in missed)

    @property
    def complete(self) -> bool:
        """Whether every Alertmanager answered that somebody may have set a silence at."""
        return self.sight is not None and len(self.done_without) == len(self.sight.silent)

    @property
    def heard(self) -> bool:
        """Whether all that is needed of the Alertmanagers answers and the pipeline behind is alive."""
        age = self.watchdog_age
        return self.complete and age is not None and age <= self.numbers.watchdog_age

    def standing(self) -> Standing:
        """Return what the guards may know of the healer itself."""
        board = self.journal.board
        silenced = self.sight.silenced if self.sight is not None else ()
        return Standing(
            leader=self.leading,
            watchdog_age=self.watchdog_age,
            clock_jumped=self.clock_jumped,
            frozen=tuple(f"{one.reason} (by {one.by})" for one in board.freezes.values()),
            sight_complete=self.complete,
            armed_at=board.armed_at,
            pre_existing=board.known_before,
            by_hand=board.known_by_hand,
            held=self._held(),
            silenced=frozenset(alert.fingerprint for alert in silenced),
            at_work={
                alert.target: alert.name for alert in silenced if not alert.name.startswith(OWN)
            },
            groups_at_work=self.sight.silenced_groups if self.sight is not None else {},
            weather=self.weather,
            holders=self.holders,
            taken=self.taken,
        )

    def at_large(self, topology: Topology) -> Facts:
        """Return what is known of the healer and the cluster as a whole since the last look; nothing is read anew."""
        now, past = self.now, self.journal.board.recent(self.now.steady)
        away = {one.node: str(one) for one in self.journal.board.planned.kept_away}
        facts = Facts(now.wall, topology, self.standing(), picture=self.latest, past=past)
        return replace(facts, locked=away, ahead=now.ahead)

    def _held(self) -> dict[str, str]:
        said: dict[str, list[str]] = {}
        for one in self.journal.board.held(self.now):
            said.setdefault(one.node, []).append(f"{one.reason} (by {one.by}{_until(one)})")
        return {node: ", ".join(words) for node, words in said.items()}

    def freezes(self) -> frozenset[str]:
        """Return the reasons for which nothing is done anywhere, as the metric names them."""
        age = self.watchdog_age
        stopped = {
            "person": bool(self.journal.board.freezes),
            "no_watchdog": age is None or age > self.numbers.watchdog_age,
            "alertmanager_silent": not self.complete,
            "storm": self.weather.storm is not None,
            "minority": self.minority,
            "store": not self.storing,
            "not_leader": not self.leading,
            "not_armed": self.journal.board.armed_at is None,
        }
        return frozenset(reason for reason, holds in stopped.items() if holds)


def _until(held: ev.NodeHeld) -> str:
    if held.until is None:
        return ""
    return f", until {datetime.fromtimestamp(held.until, UTC):%Y-%m-%dT%H:%M:%SZ}"
