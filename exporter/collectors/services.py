"""The services declared for this node: their units over D-Bus, and their probes.

Signals drive it, so it has no schedule of its own; what a scrape gets is made from what is known then.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from exporter.bus import BusLost
from exporter.clock import Clock
from exporter.collector import Background, Latest, State
from exporter.config import How, Probe, Service
from exporter.exposition import Family, block
from exporter.names import Names
from exporter.passwords import masked
from exporter.probes import NotMade, Prober, prober
from exporter.racing import first
from exporter.service_series import FAMILIES, Attempt
from exporter.serving import Phase, Probed, Serving, phase, probed, unit_lost, unit_seen
from exporter.unit import Unit
from exporter.unit_cgroup import UnitCgroup
from exporter.units import Systemd
from exporter.watched_service import Watched

log = structlog.get_logger()

# What to do where there is no bus at all.
REMEDY = "a machine that never has systemd needs --collector.services.without-systemd"

# Seconds between two attempts to reach the bus.
RECONNECT = 1.0
# Seconds between two times of noting that where there is no systemd there is nothing to ask.
RESYNC = 30.0
# Seconds between two attempts of one probe at the least, however fast its unit comes and goes.
BREATH = 0.1


class Services(Background):
    """Follows units over the bus and probes each service, each in a task of its own."""

    name = "services"

    def __init__(
        self,
        services: Sequence[Service],
        systemd: Systemd | None,
        clock: Clock,
        make_prober: Callable[[How], Prober] | None = None,
        cgroup: UnitCgroup | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            services: Declared for this node; names are unique.
            systemd: Where units' states come from; None on a machine without, where probes alone decide.
            clock: For ages and durations.
            make_prober: Makes what attempts a probe; None for the real ones.
            cgroup: Where the numbers of units' cgroups come from; None for the node's own.
        """
        self._cgroup = cgroup or UnitCgroup(Path("/sys/fs/cgroup"))
        self._make_prober = make_prober or partial(prober, names=Names())
        self._systemd = systemd
        self._watched = [self._watch(s) for s in services]
        self._clock = clock
        self._state = State.TIMED_OUT
        self._duration: float | None = None
        self._asked_at = clock.monotonic()
        self._last_success: float | None = None
        self._settled = asyncio.Event()
        self._redeclared = asyncio.Event()
        self._followers: list[Callable[[], None]] = []

    def follow(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever systemd or a probe says something new; time that passes calls nobody."""
        self._followers.append(heard)

    def answers(self) -> list[tuple[Service, bool | None]]:
        """Return every declared service with its hale_service_up of this moment; None where that is absent."""
        now = self._clock.monotonic()
        return [(watched.service, watched.serves(now)) for watched in self._watched]

    def _news(self) -> None:
        for heard in self._followers:
            heard()

    def declare(self, services: Sequence[Service]) -> None:
        """Take over a new list; a service that stays as it was keeps all that is known of it."""
        kept = {w.service: w for w in self._watched}
        self._watched = [kept.get(s) or self._watch(s) for s in services]
        self._redeclared.set()

    def _watch(self, service: Service) -> Watched:
        return Watched(service, self._cgroup, probe_alone=self._systemd is None)

    async def run(self) -> None:
        """Follow and probe until cancelled, anew after every `declare`.

        Raises:
            Exception: A bug of ours; every service is unknown until this is run again.
        """
        try:
            await self._run()
        except Exception as error:
            self._lost(State.FAILED, f"{type(error).__name__}: {error}")
            raise

    async def _run(self) -> None:
        while True:
            self._redeclared.clear()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(
                        self._probe(w, w.service.probe), name=f"probe:{w.service.name}"
                    )
                    for w in self._watched
                    if w.service.probe is not None
                ]
                tasks.append(group.create_task(self._follow(), name="services:bus"))
                await self._redeclared.wait()
                for task in tasks:
                    task.cancel()

    async def settled(self) -> None:
        """Return once the bus has been asked, whatever came of it."""
        await self._settled.wait()

    def latest(self) -> Latest:
        """Put the series together from what is known at this moment."""
        if not self._watched:
            return Latest(b"", State.ABSENT, self._duration, self._last_success)
        now = self._clock.monotonic()
        lines: dict[Family, list[bytes]] = {family: [] for family in FAMILIES}
        for watched in self._watched:
            for family, sample_lines in watched.samples(now).items():
                lines[family] += sample_lines
        body = b"".join(block(family, lines[family]) for family in FAMILIES)
        return Latest(body, self._state, self._duration, self._last_success)

    # The bus

    async def _follow(self) -> None:
        if not self._watched:
            self._settled.set()
            return
        units = sorted({w.service.unit for w in self._watched})
        while True:
            self._asked_at = self._clock.monotonic()
            try:
                await self._ask(units)
            except TimeoutError:
                self._lost(State.TIMED_OUT, "the system bus or systemd does not answer")
            except BusLost as error:
                none = isinstance(error.__cause__, FileNotFoundError)
                self._lost(State.FAILED, f"{error}; {REMEDY}" if none else str(error))
            await asyncio.sleep(RECONNECT)

    async def _ask(self, units: Sequence[str]) -> None:
        if self._systemd is not None:
            await self._systemd.watch(units, self)
            return
        while True:
            self.synced(0.0)
            await asyncio.sleep(RESYNC)

    def _lost(self, state: State, reason: str) -> None:
        if state is not self._state or not self._settled.is_set():
            log.warning(f"collector.{state.value}", collector=self.name, reason=reason)
        self._duration = self._clock.monotonic() - self._asked_at
        self._state = state
        for watched in self._watched:
            watched.serving = unit_lost(watched.serving)
        self._settled.set()
        self._news()

    def unit_seen(self, name: str, unit: Unit) -> None:
        """Take in a unit's present state; a new run of it is probed at once."""
        now = self._clock.monotonic()
        for watched in self._watched:
            if watched.service.unit != name:
                continue
            before = watched.serving
            watched.serving = unit_seen(before, unit, now)
            if watched.serving.run != before.run:
                watched.changed.set()
                _log_change(watched.service, before, unit)
        self._news()

    def unit_refused(self, name: str, reason: str) -> None:
        """Take in that nothing can be known of this unit."""
        for watched in self._watched:
            if watched.service.unit == name:
                watched.serving = unit_lost(watched.serving)
                log.warning("unit.refused", service=watched.service.name, unit=name, reason=reason)

    def synced(self, duration_seconds: float) -> None:
        """Take in that every unit has answered."""
        self._state = State.OK
        self._duration = duration_seconds
        self._last_success = self._clock.wall()
        self._settled.set()

    # The probes

    async def _probe(self, watched: Watched, probe: Probe) -> None:
        attempts = self._make_prober(probe.how)
        while True:
            began = self._clock.monotonic()
            watched.changed.clear()
            # A new run of the unit makes an attempt from before worthless: do not wait for its end.
            await first(self._attempt(watched, probe, attempts), _happened(watched.changed))
            await asyncio.sleep(BREATH)
            spent = self._clock.monotonic() - began
            try:
                async with asyncio.timeout(max(0.0, probe.interval - spent)):
                    await watched.changed.wait()
            except TimeoutError:
                pass  # nothing happened: time for the next one

    async def _attempt(self, watched: Watched, probe: Probe, attempts: Prober) -> None:
        began = self._clock.monotonic()
        run = watched.serving.run
        try:
            async with asyncio.timeout(probe.timeout):
                result = await attempts.attempt()
        except TimeoutError:
            result, odd = Probed.FAILURE, ""
            if not attempts.asked:  # a resolver that hangs is no fault of the service's
                result, odd = Probed.NOT_MADE, "its name was not resolved within the time-out"
                _log_odd(watched, log.warning, "probe.not_made", odd)
        except NotMade as error:
            result, odd = Probed.NOT_MADE, str(error)
            _log_odd(watched, log.warning, "probe.not_made", odd)
        except Exception as error:  # noqa: BLE001 - one odd probe may not take the others down
            result, odd = Probed.NOT_MADE, f"{type(error).__name__}: {masked(str(error))}"
            _log_odd(watched, log.error, "probe.fell_over", odd)
        else:
            odd = ""
        watched.odd = odd
        now = self._clock.monotonic()
        watched.attempt = Attempt(attempts.kind, result, now - began, now, attempts.earliest_expiry)
        before = watched.serving
        watched.serving = probed(before, run, result, now)
        if watched.serving.settled is not before.settled:
            _log_probe(watched, attempts.kind)
        self._news()


async def _happened(event: asyncio.Event) -> None:
    await event.wait()


def _log_odd(watched: Watched, tell: Callable[..., object], event: str, odd: str) -> None:
    if odd != watched.odd:  # once, not at every attempt
        tell(event, service=watched.service.name, reason=odd)


def _log_probe(watched: Watched, kind: str) -> None:
    log.info(
        "service.changed",
        service=watched.service.name,
        serving=watched.serving.settled,
        probe=kind,
        failures=watched.serving.failures,
    )


def _log_change(service: Service, before: Serving, unit: Unit) -> None:
    if before.unit is None and phase(unit) is Phase.UP:
        return  # first sight of something in order
    log.info(
        "unit.changed",
        service=service.name,
        unit=service.unit,
        active_state=unit.active_state,
        sub_state=unit.sub_state,
        result=unit.result,
        restarts=unit.restarts,
    )
