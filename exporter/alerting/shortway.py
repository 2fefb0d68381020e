"""Runs the short way: looks at the conditions, keeps the book, and has a task for each Alertmanager.

An Alertmanager that hangs, is away or refuses costs its own task's time and nobody else's.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from math import inf

import structlog

from exporter.alerting.alert import Alert, Condition, Pairs, body
from exporter.alerting.book import Book, Due
from exporter.alerting.ports import Alertmanager, Claim, Memory, NotTaken
from exporter.alerting.rule import Rule
from exporter.alerting.series import Posts
from exporter.blocking import Blocking, StillRunning
from exporter.clock import Clock
from exporter.config import Config, ShortWay
from exporter.offers import Declarations
from exporter.racing import first

log = structlog.get_logger()

TICK = 1.0
"""Seconds between two looks at the least: some conditions change only because time passes."""

SAVE_PATIENCE = 0.2
"""Seconds that a post waits for the state file; a disk that hangs keeps nobody from being told."""

GRAIN = 0.001
"""Seconds that a wait lasts at the least: one that is only a rounding would be waited for again and again."""

OTHERS = 5.0
"""Seconds until it is asked again whether another exporter still has the state."""

Peers = AbstractAsyncContextManager[Mapping[str, Alertmanager]]


class Poster:
    """The short way of one exporter; idle while exporter.yml has none."""

    name = "short_way"

    def __init__(
        self,
        declared: Declarations,
        conditions: Callable[[], Iterable[Condition]],
        connect: Callable[[ShortWay], Peers],
        memory: Memory,
        threads: Blocking,
        clock: Clock,
    ) -> None:
        """Connect and read nothing yet.

        Args:
            declared: What exporter.yml says; a new one is taken over, and what is posted goes on.
            conditions: Returns every condition of this node, at once.
            connect: Opens the way to every Alertmanager, by URL.
            memory: What outlives the process.
            threads: Runs what `memory` does, which may block.
            clock: Only its monotonic one is asked: a clock that was set changes nothing.
        """
        self._declared = declared
        self._conditions = conditions
        self._connect = connect
        self._memory = memory
        self._threads = threads
        self._clock = clock
        self._book: Book | None = None
        self._news = asyncio.Event()
        self._redeclared = asyncio.Event()
        self._wakes: dict[str, asyncio.Event] = {}
        self._said: dict[str, str] = {}
        self._written: tuple[Alert, ...] = ()
        self._made_of: Config | None = None
        self._made: dict[tuple[str, Pairs], Alert] = {}
        self._remembers = True
        self.posts = Posts()
        declared.follow(lambda _: self._redeclared.set())

    def changed(self) -> None:
        """Look at the conditions now."""
        self._news.set()

    def scraped(self, by: str) -> Callable[[], None]:
        """Take in that an answer for Prometheus was made this instant; call what this returns once it was sent.

        Args:
            by: Whose Prometheus: its address.
        """
        book = self._book
        if book is None:
            return _nothing
        # What was clear before that answer and still is was clear in it; of the rest nobody can be sure.
        before = book.cleared
        self._see(book)
        told = before & book.cleared

        def sent() -> None:
            book.served(by, told, self._clock.monotonic())
            self._news.set()

        return sent

    def series(self) -> bytes:
        """Return what is shown of the short way itself; nothing while there is none."""
        return self.posts.series(len(self._book.alerts)) if self._book is not None else b""

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            self._redeclared.clear()
            way = self._declared.now.short_way
            await first(*([self._run(way)] if way else []), _happened(self._redeclared))

    async def _run(self, way: ShortWay) -> None:
        await self._claimed()
        kept = self._book.alerts if self._book is not None else await self._recalled()
        now = self._clock.monotonic()
        book = self._book = Book(way.alertmanagers, way.repeat, kept, now)
        self._wakes = {url: asyncio.Event() for url in way.alertmanagers}
        async with self._connect(way) as peers, asyncio.TaskGroup() as group:
            for url, peer in peers.items():
                group.create_task(self._tell(book, url, peer), name=f"alertmanager:{url}")
            group.create_task(self._look(book), name="short_way:look")

    # What holds

    async def _look(self, book: Book) -> None:
        while True:
            self._news.clear()
            known = book.alerts
            self._see(book)
            _log(known, book.alerts)
            await self._remember(book)
            self._wake()
            try:
                async with asyncio.timeout(TICK):
                    await self._news.wait()
            except TimeoutError:
                pass  # nothing happened: time for the next look

    def _see(self, book: Book) -> None:
        config = self._declared.now
        if config is not self._made_of:
            self._made_of, self._made = config, {}
        rules = {rule.name: rule for rule in config.short_way.rules} if config.short_way else {}
        book.look(
            (
                (self._alert(rules[one.rule], one), one.holds)
                for one in self._conditions()
                if one.rule in rules
            ),
            self._clock.monotonic(),
        )

    def _alert(self, rule: Rule, condition: Condition) -> Alert:
        """Make an alert once: every look asks for those of all services."""
        key = condition.rule, condition.labels
        if key not in self._made:
            self._made[key] = rule.alert(self._declared.now.target, condition)
        return self._made[key]

    def _wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    # Who is told

    async def _tell(self, book: Book, url: str, peer: Alertmanager) -> None:
        wake = self._wakes[url]
        while True:
            wake.clear()
            now = self._clock.monotonic()
            if due := book.due(url, now):
                await self._send(book, url, peer, due)
                continue
            rest = book.next_at(url) - now
            try:
                async with asyncio.timeout(None if rest == inf else max(GRAIN, rest)):
                    await wake.wait()
            except TimeoutError:
                pass  # something is due

    async def _send(self, book: Book, url: str, peer: Alertmanager, due: Due) -> None:
        try:
            date: float | None = None
            if due.posts:
                date = await peer.post(body(due.posts))
                self._took(book, url, Due(posts=due.posts), date)
            if due.ends:
                await self._end(book, url, peer, due.ends)
        except NotTaken as error:
            book.failed(url, self._clock.monotonic())
            self.posts.count("refused" if error.refused else "failed")
            self._say(url, str(error))
        else:
            self._say(url, "")

    async def _end(self, book: Book, url: str, peer: Alertmanager, ends: Sequence[Alert]) -> None:
        """Tell of ends. They have to lie in the Alertmanager's past, so its own clock is asked, with an empty post."""
        date = await peer.post(body(()))
        now = self._clock.monotonic()
        if date is None:
            raise NotTaken("its answers have no Date, so nobody can say when an alert ended")
        if past := book.past(url, ends, date, now):
            await peer.post(body((), past, date))
            self._took(book, url, Due(ends=past), date)

    def _took(self, book: Book, url: str, done: Due, date: float | None) -> None:
        book.taken(url, done, date, self._clock.monotonic())
        self.posts.count("taken")
        if done.ends:
            self._news.set()  # what is over everywhere is forgotten

    def _say(self, url: str, reason: str) -> None:
        if reason and reason != self._said.get(url, ""):
            log.warning("alertmanager.did_not_take", alertmanager=url, reason=reason)
        elif not reason and self._said.get(url, ""):
            log.info("alertmanager.takes_again", alertmanager=url)
        self._said[url] = reason

    # What outlives the process

    async def _claimed(self) -> None:
        """Return once no other exporter posts from the same state, or nobody can tell."""
        told = False
        while True:
            try:
                async with asyncio.timeout(SAVE_PATIENCE):
                    claim = await self._threads.call("short_way:claim", self._memory.claim)
            except (TimeoutError, OSError, StillRunning) as error:
                self._forgets(error)
                return
            if claim is Claim.OURS:
                return
            if not told:
                log.warning("short_way.another_posts", reason="a second exporter has its state")
            told = True
            await asyncio.sleep(OTHERS)

    async def _recalled(self) -> tuple[Alert, ...]:
        try:
            async with asyncio.timeout(SAVE_PATIENCE):
                self._written = await self._threads.call("short_way:read", self._memory.read)
        except (TimeoutError, OSError, StillRunning) as error:
            self._forgets(error)
        return self._written

    async def _remember(self, book: Book) -> None:
        alerts = book.alerts
        if alerts == self._written:
            return
        try:
            async with asyncio.timeout(SAVE_PATIENCE):
                await self._threads.call("short_way:write", lambda: self._memory.write(alerts))
        except (TimeoutError, OSError, StillRunning) as error:
            self._forgets(error)
        else:
            self._written, self._remembers = alerts, True

    def _forgets(self, error: Exception) -> None:
        if self._remembers:
            log.warning("short_way.forgetful", reason=f"{type(error).__name__}: {error}")
        self._remembers = False


def _nothing() -> None:
    pass


async def _happened(event: asyncio.Event) -> None:
    await event.wait()


def _log(before: Sequence[Alert], now: Sequence[Alert]) -> None:
    was, are = ({alert.labels: alert for alert in some} for some in (before, now))
    for labels in are.keys() - was.keys():
        log.info("alert.began", alert=are[labels].said)
    for labels in was.keys() - are.keys():
        log.info("alert.ended", alert=was[labels].said)
