"""Who leads: one key in etcd that hangs on its holder's lease.

Rule: the lease counts from before it was asked for, by CLOCK_BOOTTIME, so its holder stops before etcd takes the key
away; and every write has the key's create_revision among its conditions, so that one who does not stop writes nothing.
"""

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import (
    FORMAT,
    HeadKey,
    Keys,
    LeadKey,
    StoreKey,
    head_of,
    lead_of,
    store_of,
    value,
)
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_wire import Compare, Delete, Get, Put
from healer.errors import (
    ConfigError,
    LeaseLost,
    OutcomeUnknown,
    Refused,
    StoreFull,
    Unreachable,
)
from healer.ports import Clock

MARGIN = 2.0
"""Seconds that a new leader waits after an old lease ran out: a gate's nonce lives that long."""

LOOK_SECONDS = 2.0
"""Between two looks at who leads, where nothing told us that it changed."""

PAUSE_SECONDS = 0.2
"""Between two looks at the least, so that no answer makes us ask without end."""

RELEASE_SECONDS = 1.0
"""For giving the lead back; it runs out by itself."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Scene:
    """The store as it was at one revision.

    Attributes:
        leader: None where nobody leads.
        term: The leader key's create_revision; 0 where nobody leads.
        lease: That the leader key hangs on; 0 where nobody leads.
        last: Who led last; None where nobody ever did.
        last_modified: The revision of `last`.
        head_modified: The revision of `head`.
    """

    revision: int
    store: StoreKey
    leader: LeadKey | None
    term: int
    lease: int
    last: LeadKey | None
    last_modified: int
    head: HeadKey
    head_modified: int


async def look(http: EtcdHttp, settings: EtcdSettings, seconds: float) -> Scene:
    """Read the store as a majority has it.

    Raises:
        Unreachable: No majority answers.
        ConfigError: There is no store below the prefix, or it is another cluster's or of another format.
    """
    keys = Keys(settings.prefix)
    names = (keys.store, keys.leader, keys.last, keys.head)
    # A transaction without conditions: all four at one revision.
    try:
        answer = await http.transact(then=tuple(Get(one) for one in names), seconds=seconds)
    except OutcomeUnknown as error:
        raise Unreachable(str(error)) from error
    store, leader, last, head = (found.one() for found in answer.found)
    if store is None or head is None:
        msg = f"{settings.endpoints[0]}{settings.prefix}: there is no journal: make one with `hale-healer store init`"
        raise ConfigError(msg)
    made = store_of(store)
    _fits(made, settings)
    return Scene(
        revision=answer.revision,
        store=made,
        leader=None if leader is None else lead_of(leader),
        term=0 if leader is None else leader.created,
        lease=0 if leader is None else leader.lease,
        last=None if last is None else lead_of(last),
        last_modified=0 if last is None else last.modified,
        head=head_of(head),
        head_modified=head.modified,
    )


def _fits(store: StoreKey, settings: EtcdSettings) -> None:
    where = f"{settings.endpoints[0]}{settings.prefix}"
    if store.format != FORMAT:
        msg = f"{where}: format {store.format}, this hale-healer knows {FORMAT}: start the one that wrote it"
        raise ConfigError(msg)
    if store.cluster != settings.cluster:
        msg = f"{where}: the journal of cluster {store.cluster}, not of {settings.cluster}: give each its own prefix"
        raise ConfigError(msg)


class Lead:
    """Our lead: the lease and what proves it.

    Attributes:
        term: The leader key's create_revision.
        deadline: When our lease runs out, CLOCK_BOOTTIME; 0 where we hold none any more.
        settled: Whether nothing that an earlier leader sent can begin any more.
    """

    def __init__(
        self,
        http: EtcdHttp,
        settings: EtcdSettings,
        clock: Clock,
        key: LeadKey,
        lease: int,
        term: int,
        deadline: float,
    ) -> None:
        self._http = http
        self._keys = Keys(settings.prefix)
        self._lease_seconds = settings.lease_seconds
        self._clock = clock
        self._key = key
        self._lease = lease
        self.term = term
        self.deadline = deadline
        self.settled = False

    @property
    def ours(self) -> Compare:
        """The condition that every write of ours has."""
        return Compare(self._keys.leader, self.term)

    @property
    def start_id(self) -> str:
        """Of this start of a healer, random."""
        return self._key.start_id

    @property
    def lease_seconds(self) -> float:
        """How long a lease holds without being renewed."""
        return self._lease_seconds

    def left(self) -> float:
        """Return how long our lease still holds; zero or less when it ran out."""
        return self.deadline - self._clock.boottime()

    def lost(self, why: str) -> LeaseLost:
        """Hold no lease any more; return the error that says so."""
        self.deadline = 0.0
        return LeaseLost(why)

    def time(self) -> float:
        """Return how long something may take that needs the lease.

        Raises:
            LeaseLost: It ran out.
        """
        if (left := self.left()) <= 0:
            raise self.lost("the lease ran out and could not be renewed")
        return left

    async def renew(self) -> None:
        """Renew the lease, and see that the key is still ours.

        Raises:
            LeaseLost: It ran out or was taken.
        """
        asked, seconds = self._clock.boottime(), self.time()
        try:
            ttl = await self._http.keep_alive(self._lease, seconds=seconds)
            # A member that was cut off may still take itself for etcd's leader and renew what the others let go. A read
            # that a majority confirms tells.
            found = await self._http.get(Get(self._keys.leader), seconds=self.time())
        except Unreachable as error:
            log.warning("lease.not_renewed", error=str(error), left_seconds=round(self.left(), 1))
            self.time()
            return
        key = found.one()
        if ttl <= 0 or key is None or key.created != self.term:
            who = "nobody" if key is None else lead_of(key).node
            raise self.lost(f"etcd gave the lead away: {who} has it")
        self.deadline = asked + min(self._lease_seconds, float(ttl))

    async def release(self) -> None:
        """Give the lead back, so that the next leader need not wait, unless we had not waited long enough ourselves."""
        key, self.deadline = replace(self._key, released=self.settled), 0.0
        try:
            given = await self._http.transact(
                self.ours,
                then=(Delete(self._keys.leader), Put(self._keys.last, value(key))),
                seconds=RELEASE_SECONDS,
            )
            if given.succeeded:
                await self._http.revoke(self._lease, seconds=RELEASE_SECONDS)
        except (Unreachable, OutcomeUnknown, StoreFull, ConfigError) as error:
            # The next one waits until it has run out; that is all.
            log.warning("lease.not_released", error=str(error))


async def take(
    http: EtcdHttp, settings: EtcdSettings, clock: Clock, me: str, scene: Scene
) -> Lead | None:
    """Try to take the lead that nobody had in a scene; None where somebody else was faster.

    Raises:
        Unreachable: Nobody knows whether we have it. What we may have runs out by itself.
        StoreFull: etcd has no room for it.
    """
    keys = Keys(settings.prefix)
    asked, lease = clock.boottime(), secrets.randbits(62) + 1
    ttl = math.ceil(settings.lease_seconds)
    key = LeadKey(secrets.token_hex(8), me, clock.wall())
    try:
        await http.grant(lease, ttl, seconds=settings.lease_seconds / 2)
        answer = await http.transact(
            Compare(keys.leader, 0),
            # What the scene says of the last leader's end must still be so.
            Compare(keys.last, scene.last_modified, modified=True),
            then=(Put(keys.leader, value(key), lease), Put(keys.last, value(key))),
            otherwise=(Get(keys.leader),),
            seconds=settings.lease_seconds / 2,
        )
    except OutcomeUnknown as error:
        raise Unreachable(str(error)) from error
    except Refused as error:
        # The lease ran out between the two: we were paused, and have nothing.
        raise Unreachable(f"the lead could not be taken: {error}") from error
    if answer.succeeded:
        term = answer.revision
    else:
        # An earlier attempt of the same request may have taken it.
        found = answer.found[0].one()
        if found is None or lead_of(found).start_id != key.start_id:
            await _let_run_out(http, lease)
            return None
        term = found.created
    return Lead(http, settings, clock, key, lease, term, asked + settings.lease_seconds)


async def _let_run_out(http: EtcdHttp, lease: int) -> None:
    """Give back a lease that nothing hangs on; where that fails it runs out."""
    try:
        await http.revoke(lease, seconds=RELEASE_SECONDS)
    except (Unreachable, OutcomeUnknown, Refused, ConfigError, StoreFull) as error:
        log.debug("lease.not_revoked", error=str(error))


async def outwait(
    lead: Lead, scene: Scene, clock: Clock, sleep: Callable[[float], Awaitable[None]]
) -> None:
    """Wait until nothing that the last leader sent can begin any more. One that gave the lead back sends nothing.

    Raises:
        LeaseLost: It was lost meanwhile.
    """
    if scene.last is not None and not scene.last.released:
        end = clock.boottime() + MARGIN
        while (left := end - clock.boottime()) > 0:
            await sleep(min(left, lead.lease_seconds / 4))
            await lead.renew()
    lead.settled = True


async def wait_for_change(http: EtcdHttp, settings: EtcdSettings, since: int) -> None:
    """Wait until something below the prefix changes after a revision, or LOOK_SECONDS."""
    await asyncio.sleep(PAUSE_SECONDS)
    await http.changed(*Keys(settings.prefix).all, since, seconds=LOOK_SECONDS)
