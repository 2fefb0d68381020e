"""What every handler needs, in one typed value under one key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from healer.adapters.proxies import Proxy
from healer.core.alert import Alert
from healer.core.topology import Topology
from healer.engine import STUCK_SECONDS
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.marks import MarkBook
from healer.metrics import Metrics
from healer.operators import Operators
from healer.ports import Clock
from healer.roller import Roller
from healer.shapes.upkeep import AdmissionView, PlanView
from healer.standing import Watch
from healer.timeline import Timelines
from healer.upkeeper import Upkeeper
from healer.web.door import Door
from healer.web.lately import Lately
from healer.web.locks import Locks
from healer.web.senders import Senders

Reload = Callable[[str], Awaitable[dict[str, object]]]
"""Has cluster.yml read anew for whoever is named; returns what was done, or raises Refused."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The healer as its web server sees it.

    Attributes:
        timelines: Over the same store as the journal.
        clock: The healer's.
        parse: Reads a webhook's body, or raises Malformed.
        wake: Makes the engine look at once.
        version: The running one.
        door: Lets people in; None where cluster.yml names no users, and then nothing is changed by HTTP.
        external_url: Where people reach the pages.
        leader: This healer's node, where there are several; empty where it is the only one.
        proxy: Lets people in before us; None where there is none.
        stuck_seconds: For how long the engine's turn has not ended.
        stuck_limit: Beyond which it never will.
        senders: Who may post to the webhook; None for everybody.
        locks: Lets nodes ask for a reboot lock; None where they may not.
        upkeeper: Takes nodes out of service for upkeep; None where nothing does.
        roller: Rolls groups; None where nothing does.
        reload: Has cluster.yml read anew; None where nobody can.
    """

    journal: Journal
    operators: Operators
    gatherer: Gatherer
    watch: Watch
    metrics: Metrics
    topology: Topology
    timelines: Timelines
    clock: Clock
    parse: Callable[[bytes], tuple[Alert, ...]]
    wake: Callable[[], None]
    version: str
    door: Door | None = None
    external_url: str = ""
    leader: str = ""
    proxy: Proxy | None = None
    stuck_seconds: Callable[[], float] = lambda: 0.0
    stuck_limit: float = STUCK_SECONDS
    senders: Senders | None = None
    locks: Locks | None = None
    upkeeper: Upkeeper | None = None
    roller: Roller | None = None
    reload: Reload | None = None

    @property
    def signs(self) -> bool:
        """Whether people sign in at all; else everybody reads, and nobody changes anything by HTTP."""
        return self.door is not None or (self.proxy is not None and bool(self.proxy.user_header))


DESK = web.AppKey("DESK", Desk)
MARKS = web.AppKey("MARKS", MarkBook)
PLANS = web.AppKey("PLANS", Lately[PlanView])
ADMISSIONS = web.AppKey("ADMISSIONS", Lately[AdmissionView])
