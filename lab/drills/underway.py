"""A drill under way: each stage of it, in the order in which `lab.drills.runner` calls them.

Rule: only this and the runner wait; what is seen is judged elsewhere.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from lab.drills import snapshot
from lab.drills.facts.ruling import Came, WatchSnapshot
from lab.drills.gather import Gatherer
from lab.drills.judgement import deadline, is_settled
from lab.drills.model import STEP_WITHIN, Drill, Step
from lab.drills.moments import Moment, moments
from lab.drills.observation import Observation
from lab.drills.waiting import Clock
from lab.ports import Lab, LabError

TICK = 0.25
HEALER_DOWN = "HealerDown"
WARM_UP = 2.0
"""Seconds for which the load has to be served before the fault, so that what is lost is the fault's."""

RECOVERY = 120.0
"""Seconds that undoing may take until redundancy is full."""


Say = Callable[[Moment, float], None]
"""Told each moment as it becomes known, with the time of the first fault."""


class NotGiven(LabError):
    """What a drill is given did not come about in time; no fault was injected."""


@dataclass(slots=True)
class Underway:
    """One drill under way.

    Attributes:
        began: When the first fault was injected, epoch seconds.
        faults: What was injected.
        trouble: What went wrong with the drill itself, a sentence each.
        before: The first snapshots.
    """

    drill: Drill
    lab: Lab
    clock: Clock
    say: Say
    gatherer: Gatherer
    began: float = float("inf")
    faults: list[Moment] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)
    before: tuple[snapshot.Snapshot, ...] = ()

    @property
    def snapshot_nodes(self) -> tuple[str, ...]:
        """Nodes that some fact wants snapshots of."""
        watches = [w for w in self.gatherer.watches if isinstance(w, WatchSnapshot)]
        return tuple(dict.fromkeys(node for watch in watches for node in watch.nodes))

    def wait_until_quiet(self) -> None:
        """Wait until what came before this drill is over: nothing fires, no incident is open.

        Raises:
            NotGiven: It was not so in time.
        """

        def lacks() -> list[str]:
            seen = self._look_from_now()
            return noise(seen) + unready(seen)

        self._wait(lacks)

    def wait_for_given(self) -> None:
        """Wait until all that is given is so at one moment.

        A healer that starts last is stopped meanwhile, so its own alert is no noise.

        Raises:
            NotGiven: It was not so in time.
        """
        restarts = self.drill.given.starts_healer_last

        def lacks() -> list[str]:
            seen = self._look_from_now()
            if restarts:
                return lacking(self.drill, seen, but=(HEALER_DOWN,))
            return lacking(self.drill, seen) + unready(seen)

        self._wait(lacks)

    def wait_for_healer(self) -> None:
        """Wait until the healer is ready: it leads, is armed and hears the Watchdog.

        Nothing says any more that it is down either, so that no such page counts for the fault.

        Raises:
            NotGiven: It was not in time.
        """

        def lacks() -> list[str]:
            seen = self._look_from_now()
            return unready(seen) + [f"{HEALER_DOWN} fires"] * (HEALER_DOWN in firing(seen))

        self._wait(lacks)

    def take_snapshots(self) -> None:
        """Take the first snapshots."""
        self.before = snapshot.take(self.lab, self.snapshot_nodes)

    def wait_for_load(self, since: float) -> None:
        """Wait until every request of the load was answered for a while.

        Args:
            since: When the load began.

        Raises:
            NotGiven: Requests were lost all the time.
        """
        if not self.gatherer.urls:
            return

        def lacks() -> list[str]:
            after = self.clock.now() - WARM_UP
            lost = {r.url for r in self.gatherer.look().requests if r.at > after and not r.ok}
            early = ["a load for long enough"] if after < since else []
            return early + [f"every request to {url} answered" for url in sorted(lost)]

        self._wait(lacks)

    def _wait(self, lacks: Callable[[], Sequence[str]]) -> None:
        until = self.clock.now() + self.drill.given.within
        while missing := lacks():
            if self.clock.now() > until:
                raise NotGiven(f"{self.drill.name}: not given: {'; '.join(missing)}")
            self.clock.sleep(TICK)

    def _look_from_now(self) -> Observation:
        self.gatherer.began = self.clock.now()  # judged by the present alone
        return self.gatherer.look()

    def inject(self, undo: ExitStack) -> None:
        """Inject every step at its time, and watch between them.

        Args:
            undo: Gets what takes each step back, before the step is taken.

        Raises:
            LabError: A fault could not be injected.
        """
        self.began = self.gatherer.began = self.gatherer.broke = self.clock.now()
        for step in self.drill.steps:
            since = self._wait_for(step)
            if since is None:
                return
            while self.clock.now() < since + step.at:
                self._tell(self.gatherer.look())
                self.clock.sleep(TICK)
            # Registered first: a fault that fails half-way has to be undone as well.
            undo.callback(self._undo, step)
            at = self.gatherer.broke = self.clock.now()
            moment = Moment(at, "fault", step.fault.inject(self.lab))
            self.faults.append(moment)
            self.say(moment, self.began)

    def _wait_for(self, step: Step) -> float | None:
        """Return the time from which a step counts; None when what it waits for does not come."""
        if step.when is None:
            return self.began
        until = self.clock.now() + STEP_WITHIN
        while True:
            seen = self.gatherer.look()
            self._tell(seen)
            ruling = step.when.judge(seen)
            if isinstance(ruling, Came):
                return ruling.at
            if self.clock.now() > until:
                self.trouble.append(f"{step.kind} was not done: it waited for: {step.when}")
                return None
            self.clock.sleep(TICK)

    def _undo(self, step: Step) -> None:
        try:
            step.fault.undo(self.lab)
        except LabError as error:
            self.trouble.append(f"{step.kind} could not be undone: {error}")

    def watch(self) -> None:
        """Watch until everything is settled or nothing can come in time any more."""
        settle = self.drill.settle
        while True:
            seen = self.gatherer.look()
            self._tell(seen)
            if settle is not None and not self.before and seen.now >= self.gatherer.broke + settle:
                self.take_snapshots()
            if is_settled(self.drill, seen) or seen.now > deadline(self.drill, seen) + 1:
                return
            self.clock.sleep(TICK)

    def conclude(self) -> Observation:
        """Take the second snapshots and look at everything once more."""
        if self.snapshot_nodes and self.before:
            after = snapshot.take(self.lab, self.snapshot_nodes)
            self.gatherer.differences = snapshot.differences(self.before, after)
        seen = self.gatherer.look(thoroughly=True)
        self._tell(seen)
        return seen

    def wait_for_redundancy(self) -> None:
        """Wait until everything serves everywhere, so that the next drill finds a sound cluster."""
        until = self.clock.now() + RECOVERY
        while self.clock.now() < until:
            seen = self.gatherer.look()
            if seen.redundancy and not seen.redundancy[-1].missing:
                return
            self.clock.sleep(TICK)
        self.trouble.append(f"redundancy was not full {RECOVERY:.0f} s after the fault was undone")

    def _tell(self, seen: Observation) -> None:
        for moment in moments(seen):
            if (moment.word, moment.text) not in self.told:
                self.told.add((moment.word, moment.text))
                self.say(moment, self.began)


def lacking(drill: Drill, seen: Observation, but: Collection[str] = ()) -> list[str]:
    """Name what is given and is not so now; the alerts `but` may fire as well."""
    given = drill.given
    found = [str(fact) for fact in given.facts if not isinstance(fact.judge(seen), Came)]
    if given.redundant:
        missing = seen.redundancy[-1].missing if seen.redundancy else ("any answer",)
        found += [f"redundancy lacks {name}" for name in missing]
    if given.quiet:
        found += noise(seen, but)
    return found


def noise(seen: Observation, but: Collection[str] = ()) -> list[str]:
    """Name what fires and what is open now, but for the Watchdog and what else may fire."""
    incidents = (seen.incidents[-1].incidents if seen.incidents else None) or ()
    still_open = [f"incident {i.id} is {i.state}" for i in incidents if i.state != "CLOSED"]
    alerts = firing(seen) - {"Watchdog", *but}
    return [*(f"{name} fires" for name in sorted(alerts)), *still_open]


def firing(seen: Observation) -> frozenset[str]:
    """Name the alerts that fire now.

    That the healer is down counts while it is pending too: it was started for the drill, and the page goes out later.
    """
    alerts = (seen.alerts[-1].alerts if seen.alerts else None) or ()
    return frozenset(one.name for one in alerts if one.firing or one.name == HEALER_DOWN)


def unready(seen: Observation) -> list[str]:
    """Say why the healer could not act now, by its own word."""
    reasons = seen.freezes[-1].reasons if seen.freezes else None
    if reasons is None:
        return ["the healer does not answer on its HTTP port"]
    return [f"the healer is frozen: {', '.join(reasons)}"] if reasons else []
