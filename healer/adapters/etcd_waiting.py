"""A healer that stands by: it copies the journal as it grows, and takes the lead when nobody has it."""

from collections.abc import Callable

import structlog

from healer.adapters.etcd_copy import Copy
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_lead import Lead, Scene, look, take, wait_for_change
from healer.adapters.etcd_settings import EtcdSettings
from healer.errors import StoreFull, Unreachable
from healer.ports import Clock

OnWait = Callable[[str | None], None]

log = structlog.get_logger()


class Standby:
    """A healer that stands by."""

    def __init__(
        self,
        http: EtcdHttp,
        settings: EtcdSettings,
        clock: Clock,
        me: str,
        on_wait: OnWait,
        copy: Copy,
    ) -> None:
        self._http = http
        self._settings = settings
        self._clock = clock
        self._me = me
        self._on_wait = on_wait
        self._copy = copy
        self._told: str | None = ""
        self._silent = False

    async def led(self) -> tuple[Lead, Scene]:
        """Return once the lead is ours, with the scene in which nobody had it."""
        revision = 0
        while True:
            try:
                scene = await look(self._http, self._settings, self._patience())
                self._heard()
                await self._copy.open(scene.store.store_id)
                # First, so that whoever has the journal already is the faster one.
                await self._copy.follow(self._http, scene.head, self._patience)
                if scene.leader is None and (
                    lead := await take(self._http, self._settings, self._clock, self._me, scene)
                ):
                    return lead, scene
                self._tell(None if scene.leader is None else scene.leader.node)
                revision = scene.revision
            except (Unreachable, StoreFull) as error:
                self._deaf(error)
            await wait_for_change(self._http, self._settings, revision)

    def _patience(self) -> float:
        return max(2.0, self._settings.lease_seconds)

    def _tell(self, leader: str | None) -> None:
        if leader != self._told:
            self._told = leader
            log.info("lease.awaited", leader=leader or "nobody")
            self._on_wait(leader)

    def _heard(self) -> None:
        if self._silent:
            log.info("store.reached")
        self._silent = False

    def _deaf(self, error: Exception) -> None:
        if not self._silent:
            log.warning("store.unreachable", error=str(error))
        self._silent = True
        self._tell(None)
