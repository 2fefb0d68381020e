"""What the journal tells of failures: how many lines of each type, and which conditions go on."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from exporter.blocking import Blocking, StillRunning
from exporter.clock import Clock
from exporter.collector import Background, Latest, State
from exporter.exposition import Family, Kind, block, line
from exporter.failures.batch import Batch, Denied, Entry, Followed
from exporter.failures.classifier import Classifier
from exporter.failures.conditions import Condition, Conditions
from exporter.failures.kept import KeptFile
from exporter.failures.kinds import Failure, Witness
from exporter.failures.tally import Counted, Tally

log = structlog.get_logger()

SAVE_EVERY = 2.0
"""Seconds between two savings: what a kill loses is read once more, counted once, and was not shown before."""

LAST_SAVE = 2.0
"""Seconds that a stop waits for the last saving; a disk that hangs keeps nobody from stopping."""

REST = 10.0
"""Seconds until a source is tried again that could not be read."""

JUMP = 2.0
"""Seconds by which the wall clock is set at least; what NTP slews is less between two looks, and counts as time."""

REMEDY = "our user has to be in the group systemd-journal"

LINES = Family(
    "hale_log_lines_total", Kind.COUNTER, "Entries of the journal, by what became of them."
)
TOLD = Family("hale_log_failures_total", Kind.COUNTER, "Lines that told of a failure, by its type.")
GOES_ON = Family(
    "hale_failure",
    Kind.GAUGE,
    "Whether something fails by what lines told: 1 until a recovery is told or its time is up.",
)
SEEN = Family(
    "hale_failure_seen_timestamp_seconds", Kind.GAUGE, "When a line last told of a condition."
)
CROWDED = Family(
    "hale_failures_crowded_out_total",
    Kind.COUNTER,
    "Conditions that made room for newer ones before they were over.",
)


class Failures(Background):
    """Follows the journal, and a kernel log where one is named, each in a task of its own."""

    name = "failures"

    def __init__(
        self,
        sources: Mapping[str, Followed],
        kept: KeptFile,
        clock: Clock,
        classifier: Classifier,
        threads: Blocking,
        rest: float = REST,
    ) -> None:
        """Read nothing yet.

        Args:
            sources: Where lines come from, each by a name that stays.
            kept: What a former life had come to, and where ours is kept.
            clock: Of the node.
            classifier: Tells what a line is.
            threads: Where the disk is waited for.
            rest: Seconds until a source is tried again that could not be read.
        """
        self._sources = dict(sources)
        self._kept = kept
        self._clock = clock
        self._classifier = classifier
        self._threads = threads
        self._rest = rest
        self._conditions = Conditions()
        self._tally = Tally()
        self._cursors = dict.fromkeys(self._sources, "")
        self._boot = ""
        self._states = dict.fromkeys(self._sources, State.TIMED_OUT)
        self._said = dict.fromkeys(self._sources, "")
        self._last_success: float | None = None
        self._wall_ahead = clock.wall() - clock.monotonic()
        self._settled = asyncio.Event()
        self._news = asyncio.Event()
        self._followers: list[Callable[[], None]] = []

    def follow(self, heard: Callable[[], None]) -> None:
        """Call `heard` when a line begins or ends something; time that is up calls nobody."""
        self._followers.append(heard)

    def by_the_kernel(self) -> frozenset[Failure] | None:
        """Return the types that fail now by the kernel's own word, for what is not minor.

        None before what was kept is there.
        """
        if not self._settled.is_set():
            return None
        self._conditions.expire(self._now())
        return frozenset(
            one.type
            for one in self._conditions.open
            if one.witness is Witness.KERNEL and not one.minor
        )

    async def run(self) -> None:
        """Follow until cancelled; what was come to is kept."""
        self._remember(self._kept.recall())
        self._settled.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_saving(), name="failures:save")
                for name, source in self._sources.items():
                    group.create_task(self._keep_following(name, source), name=f"failures:{name}")
        finally:
            saved = self._saved(self._tally.counted())
            last = threading.Thread(target=self._kept.keep, args=(saved,), daemon=True)
            last.start()
            last.join(LAST_SAVE)

    async def settled(self) -> None:
        """Return once what was kept is there to show; nobody waits for lines, of which none may come."""
        await self._settled.wait()

    def latest(self) -> Latest:
        """Return the series of this moment."""
        self._conditions.expire(self._now())
        return Latest(self._body(), self._state(), None, self._last_success)

    def _state(self) -> State:
        states = set(self._states.values())
        worst = (State.FAILED, State.TIMED_OUT, State.OK, State.ABSENT)
        return next((one for one in worst if one in states), State.ABSENT)

    async def _keep_following(self, name: str, source: Followed) -> None:
        while True:
            self._states[name] = await self._follow(name, source)
            await asyncio.sleep(self._rest)

    async def _follow(self, name: str, source: Followed) -> State:
        """Follow until that is not possible; return why not."""
        try:
            async with contextlib.aclosing(source.follow(self._cursors[name])) as batches:
                async for batch in batches:
                    self._take(name, batch)
        except FileNotFoundError:
            return State.ABSENT
        except (Denied, OSError) as error:
            self._say(name, str(error), REMEDY if isinstance(error, Denied) else "")
        return State.FAILED

    def _say(self, name: str, error: str, remedy: str) -> None:
        """Log why a source cannot be followed, once."""
        if error != self._said[name]:
            log.error("failures.unreadable", source=name, error=error, remedy=remedy)
        self._said[name] = error

    def _now(self) -> float:
        """Return the wall clock's time; what goes on is as old as before when that was set."""
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        jump = wall - monotonic - self._wall_ahead
        if abs(jump) >= JUMP:
            self._conditions.shift(jump)
            self._wall_ahead += jump
        return wall

    def _take(self, name: str, batch: Batch) -> None:
        now, changed = self._now(), False
        for entry in batch.entries:
            self._notice_boot(entry)
            verdict = self._classifier.classify_entry(entry)
            if verdict.type is not None and not verdict.part:
                self._tally.tell(verdict.type)
            if self._conditions.hear(verdict, _at(entry, now), now):
                log.debug("failure.changed", type=verdict.kind, entry=verdict.entry)
                changed = True
        self._tally.read(len(batch.entries), batch.skipped, self._clock.monotonic())
        self._cursors[name], self._said[name] = batch.cursor, ""
        self._news.set()
        # Where no entry ever came, nobody keeps a journal: what is told to syslog alone is not seen here.
        self._states[name] = State.OK if batch.cursor else State.ABSENT
        self._last_success = now if batch.cursor else self._last_success
        for heard in self._followers if changed else ():
            heard()

    def _notice_boot(self, entry: Entry) -> None:
        boot = entry.get("_BOOT_ID")
        if isinstance(boot, str) and boot != self._boot:
            if self._boot:
                self._conditions.booted()
            self._boot = boot

    def _body(self) -> bytes:
        shown = self._tally.shown(self._clock.monotonic())
        lines, told = shown.lines(), shown.failures()
        return b"".join(
            (
                block(LINES, [line(LINES.series(result=k), v) for k, v in lines.items()]),
                block(TOLD, [line(TOLD.series(failure=k), v) for k, v in told.items()]),
                block(GOES_ON, [line(_going_on(one), 1) for one in self._conditions.open]),
                block(SEEN, [line(_about(SEEN, c), c.seen_at) for c in self._conditions.newest()]),
                block(CROWDED, [line(CROWDED.series(), self._conditions.crowded_out)]),
            )
        )

    async def _keep_saving(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):  # a clock that was set is kept too
                await asyncio.wait_for(self._news.wait(), SAVE_EVERY)
            self._news.clear()
            counted = self._tally.counted()
            keep = functools.partial(self._kept.keep, self._saved(counted))
            with contextlib.suppress(StillRunning):
                await self._threads.call("failures:save", keep)
                self._tally.kept(counted)
            await asyncio.sleep(SAVE_EVERY)

    def _saved(self, counted: Counted) -> dict[str, Any]:
        return {
            "cursors": dict(self._cursors),
            "boot": self._boot,
            "counts": counted.lines(),
            "told": counted.failures(),
            "conditions": self._conditions.saved(),
        }

    def _remember(self, saved: Mapping[str, Any]) -> None:
        """Go on where a former life ended; what cannot be understood is left, and said."""
        if not saved:
            return
        try:
            counted = Counted.restored(saved["counts"], saved["told"])
            self._conditions.restore(saved["conditions"], self._now())
            cursors = {name: str(saved["cursors"].get(name, "")) for name in self._cursors}
            self._cursors, self._boot = cursors, str(saved["boot"])
            self._tally.restore(counted)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            log.error("failures.forgotten", error=repr(error))


def _going_on(one: Condition) -> bytes:
    return _about(GOES_ON, one, cause=one.cause, weight=one.weight, witness=one.witness)


def _about(family: Family, one: Condition, **labels: str) -> bytes:
    return family.series(failure=one.type.value, device=one.device, **labels)


def _at(entry: Entry, now: float) -> float:
    """Return when an entry was written, by journald's clock (microseconds since the epoch)."""
    stamp = entry.get("__REALTIME_TIMESTAMP")
    return int(stamp) / 1e6 if isinstance(stamp, str) and stamp.isdecimal() else now
