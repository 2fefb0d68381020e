"""POST /webhook: Alertmanager says that something fires. A hint, durable before it is acknowledged.

What is journalled is bounded, since anybody who reaches the port can post: an episode once, alerts of
this cluster only, and no more bytes in the long run than the allowance gives. The truth is read from Alertmanager.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from healer.core import events as ev
from healer.core.alert import Alert
from healer.core.board import Board
from healer.core.topology import Topology
from healer.errors import ConfigError, LeaseLost, Malformed, StoreFull
from healer.web.answers import BROKEN, answer, refusal, unable
from healer.web.bodies import MOST_AT_ONCE, Bodies, Busy
from healer.web.desk import DESK, Desk
from healer.web.framing import SPARING

MOST_BYTES = 4 * 1024 * 1024
"""Of a body: some four thousand alerts as rules/ make them. What render groups together are a few."""

READ_SECONDS = 10.0
"""For the whole body; Alertmanager sends it in one piece."""

KEEP_EPISODES = 10_000
"""Episodes remembered as journalled. One that is forgotten is journalled once more."""

MOST_AT_HAND = 32 * 1024 * 1024
"""Bytes of hints that may be journalled at once: the storm after a power cut, several times over."""

WINDOW_SECONDS = 30 * 86400.0
"""In which what was taken comes back. So in any 30 days at most twice MOST_AT_HAND is journalled."""

FRAME_BYTES = 200
"""At the most, of a hint in the journal beside its alerts' own words; and of each alert."""


@dataclass
class Allowance:
    """How much strangers may still write into the journal.

    Attributes:
        left: Bytes.
        at: Seconds of CLOCK_BOOTTIME at which `left` was right.
    """

    left: float
    at: float

    def take(self, count: int, now: float) -> bool:
        """Take `count` bytes if there are as many; otherwise take none."""
        back = (now - self.at) * MOST_AT_HAND / WINDOW_SECONDS
        self.left, self.at = min(MOST_AT_HAND, self.left + back), now
        if count > self.left:
            return False
        self.left -= count
        return True


@dataclass
class Hints:
    """Which episodes were journalled in this life of the process.

    Attributes:
        read_seconds: For a whole body.
        allowance: None until the journal has said how much of it former lives took.
        bodies: Those that are being read.
        parsing: Has the one that is being understood. Each takes all that Python gives threads, and several
            would leave the healer a fraction.
    """

    read_seconds: float = READ_SECONDS
    allowance: Allowance | None = None
    bodies: Bodies = field(default_factory=Bodies)
    parsing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _told: OrderedDict[tuple[str, float], None] = field(default_factory=OrderedDict)
    _writing: dict[tuple[str, float], asyncio.Event] = field(default_factory=dict)

    def new(self, alerts: Sequence[Alert], board: Board) -> tuple[Alert, ...]:
        """Return the alerts whose episodes neither the board nor this process knows, each once.

        Alertmanager repeats every group while it lasts; a repeat says nothing that is not durable.
        """
        fresh = {
            one.episode: one
            for one in alerts
            if not board.places(one)
            and one.episode not in board.closed_episodes
            and one.episode not in self._told
        }
        return tuple(fresh.values())

    async def settled(self, alerts: Sequence[Alert]) -> None:
        """Return when no other message that came at the same time is writing any of these episodes.

        Peers send the same group, and whoever hears no answer sends it again: each is acknowledged when it is
        durable, and none is written twice.
        """
        while under_way := {id(one): one for one in self._of(alerts)}:
            for one in under_way.values():
                await one.wait()

    def _of(self, alerts: Sequence[Alert]) -> Iterator[asyncio.Event]:
        found = (self._writing.get(one.episode) for one in alerts)
        return (one for one in found if one is not None)

    @contextmanager
    def writing(self, alerts: Sequence[Alert]) -> Iterator[None]:
        """Let others who have these episodes wait to the end of the block."""
        over = asyncio.Event()
        self._writing |= dict.fromkeys((one.episode for one in alerts), over)
        try:
            yield
        finally:
            for one in alerts:
                del self._writing[one.episode]
            over.set()

    def told(self, alerts: Sequence[Alert]) -> None:
        """Remember that these are durable."""
        for one in alerts:
            self._told[one.episode] = None
        while len(self._told) > KEEP_EPISODES:
            self._told.popitem(last=False)


def ours(alert: Alert, topology: Topology) -> bool:
    """Whether an alert names this cluster, and nothing that it does not have.

    The others are never journalled as hints. Where an Alertmanager shows them too, the engine refuses
    them, each with its reason.
    """
    if alert.label("cluster") != topology.cluster:
        return False
    return not alert.label("node") or topology.knows(alert.target)


HINTS = web.AppKey("HINTS", Hints)


async def webhook(request: web.Request) -> web.Response:
    """Take alerts in: 202 once they are durable, 503 while they cannot be, 4xx for what is never taken.

    Alertmanager comes again by itself after 5xx alone (notify/util.go, Retrier.Check; its webhook adds no codes in any
    release up to 0.34). After 4xx, 429 included, it waits for the next group_interval. So what we want back is 503.
    """
    desk = request.app[DESK]
    try:
        response = await _take(request, desk, request.app[HINTS])
    except (Malformed, StoreFull, LeaseLost, ConfigError, web.HTTPException) as error:
        response = unable(error)
    desk.metrics.webhooks.labels(str(response.status)).inc()
    if response.status >= 400:
        request.app[SPARING].warning(
            "webhook.refused", code=response.status, answer=response.text, remote=request.remote
        )
    return response


async def _take(request: web.Request, desk: Desk, hints: Hints) -> web.Response:
    refused = _unsuitable(request)
    if refused is None and desk.senders is not None:
        refused = await desk.senders.refused(request)
    if refused is not None:
        return refused
    try:
        async with hints.bodies.room(request.remote or "", hints.read_seconds):
            alerts = await _read(request, desk, hints)
    except Busy:
        return refusal(503, "busy", f"{MOST_AT_ONCE} other messages are being read")
    except TimeoutError:
        # A network that is slow for a while is no reason to hear of this group a group_interval later.
        detail = f"the body did not arrive within {hints.read_seconds:g} s"
        return refusal(503, "too_slow", detail)
    except web.HTTPRequestEntityTooLarge:
        return _too_large(desk)
    return await _keep(alerts, desk, hints)


def _unsuitable(request: web.Request) -> web.Response | None:
    """Return the refusal of what is known by its head to be none of Alertmanager's."""
    if request.method != hdrs.METH_POST:
        response = refusal(405, "method_not_allowed", "Alertmanager posts")
        response.headers[hdrs.ALLOW] = hdrs.METH_POST
        return response
    # A web page in somebody's browser can post text across origins, but not this type.
    if request.content_type != "application/json":
        return refusal(415, "content_type", "send application/json, as Alertmanager does")
    # So nothing is ever unpacked, and no bomb can burst.
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
        return refusal(415, "content_encoding", "send it as it is: nothing is unpacked here")
    if (request.content_length or 0) > MOST_BYTES:
        return _too_large(request.app[DESK])
    return None


def _too_large(desk: Desk) -> web.Response:
    """Refuse it for good, and look all the same: what it would have said is read from Alertmanager."""
    desk.wake()
    detail = f"a body may have {MOST_BYTES} bytes; what fires is read from Alertmanager's API"
    return refusal(413, "too_large", detail)


async def _read(request: web.Request, desk: Desk, hints: Hints) -> tuple[Alert, ...]:
    try:
        async with asyncio.timeout(hints.read_seconds):
            body = await request.read()
    except BROKEN as exc:
        raise Malformed("the body was cut off") from exc
    # A full body takes a second to read through, and the lease has to be renewed meanwhile.
    async with hints.parsing:
        return await asyncio.to_thread(desk.parse, body)


async def _keep(alerts: Sequence[Alert], desk: Desk, hints: Hints) -> web.Response:
    cluster = desk.topology.cluster
    if alerts and not any(one.label("cluster") == cluster for one in alerts):
        named = sorted({one.label("cluster")[:80] for one in alerts})[:3]
        return refusal(400, "wrong_cluster", f"this is {cluster!r}, these name {named}")
    mine = [one for one in alerts if ours(one, desk.topology)]
    await hints.settled(mine)
    fresh = hints.new(mine, desk.journal.board)
    if fresh:
        with hints.writing(fresh):
            allowance = await _allowance(desk, hints)
            if not allowance.take(size_of(fresh), desk.clock.boottime()):
                detail = "too many alerts that nobody knows yet; try again later"
                return refusal(503, "flood", detail)
            await desk.journal.write(ev.AlertsReceived(fresh))
            hints.told(fresh)
    desk.wake()
    return answer({"accepted": len(mine)}, 202)


async def _allowance(desk: Desk, hints: Hints) -> Allowance:
    if hints.allowance is None:
        spent = await desk.journal.store.hint_bytes(desk.clock.wall() - WINDOW_SECONDS)
        # Another message may have been first while we waited, and have taken of it already.
        if hints.allowance is None:
            left = max(0.0, MOST_AT_HAND - spent)
            hints.allowance = Allowance(left, desk.clock.boottime())
    return hints.allowance


def size_of(alerts: Sequence[Alert]) -> int:
    """Return how many bytes these take in the journal, at the most."""
    # The journal writes UTF-8; this escapes more, so it is never shorter.
    words = json.dumps([(one.fingerprint, one.name, one.labels) for one in alerts])
    return len(words) + FRAME_BYTES * (len(alerts) + 1)
