"""Keeps etcd small: forgets old revisions, and says when it is too large to begin something new.

Rule: nothing here is needed for what was begun to be written to its end; a failure is logged and tried again.
"""

import asyncio
import math

import structlog

from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import HeadKey, Keys
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_wire import Get
from healer.errors import HaleError
from healer.ports import Clock

LOOK_SECONDS = 30.0
"""Between two looks at etcd's size and alarms."""

COMPACT_SECONDS = 300.0
"""Between two compactions; each forgets what was old at the one before."""

log = structlog.get_logger()


class Upkeep:
    """Looks after etcd for as long as we lead."""

    def __init__(self, http: EtcdHttp, settings: EtcdSettings, clock: Clock) -> None:
        self._http = http
        self._settings = settings
        # A user may read below the prefix only, and any answer says which revision etcd is at.
        self._read = Get(Keys(settings.prefix).head)
        self._clock = clock
        self._looked_at = clock.boottime()
        self._compacted_at = clock.boottime()
        self._revision = 0
        self._why = ""

    def begin(self, revision: int) -> None:
        """Forget at the next chance what was old as our lead began, for leads that change often forget too."""
        self._revision, self._compacted_at = revision, -math.inf

    def full(self, head: HeadKey) -> str:
        """Say why nothing new may be begun; empty where it may."""
        most = self._settings.most_bytes
        if head.bytes >= most:
            return (
                f"the journal in etcd has {head.bytes} bytes in {head.records} records, {most} at most: "
                "what is over leaves it within a minute; if that does not help, close what is open, and find who posts "
                "alerts that nothing confirms"
            )
        return self._why

    async def keep(self, seconds: float) -> None:
        """Do what is due, for at most so long."""
        now = self._clock.boottime()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            await self.look(seconds / 3)
        if now - self._compacted_at >= COMPACT_SECONDS:
            self._compacted_at = now
            await self._compact(seconds / 3)

    async def look(self, seconds: float) -> None:
        """See how large each member is, and whether it complains: the largest one is full first."""
        found = await asyncio.gather(
            *(self._member(url, seconds) for url in self._http.endpoints), return_exceptions=True
        )
        said = [one for one in found if isinstance(one, str)]
        for one in found:
            if isinstance(one, HaleError | ValueError | TypeError):
                log.warning("store.not_looked_at", error=str(one))
            elif isinstance(one, BaseException):
                raise one
        if said:
            self._why = max(said, key=len)  # the empty one is of a member that has room

    async def _member(self, url: str, seconds: float) -> str:
        status = await self._http.ask_member(url, "/v3/maintenance/status", seconds=seconds)
        return self._judged(str(status.get("errors", "")), int(status.get("dbSize", 0)))

    def _judged(self, errors: str, size: int) -> str:
        if "NOSPACE" in errors:
            return "etcd has the alarm NOSPACE: compact and defragment it, then disarm the alarm"
        most = self._settings.most_database_bytes
        if size >= most:
            return f"etcd's database has {size} bytes, {most} at most: compact and defragment it"
        return ""

    async def _compact(self, seconds: float) -> None:
        try:
            if self._revision:
                await self._http.compact(self._revision, seconds=seconds)
            found = await self._http.get(self._read, seconds=seconds)
            self._revision = found.revision
        except HaleError as error:
            log.warning("store.not_compacted", error=str(error))
