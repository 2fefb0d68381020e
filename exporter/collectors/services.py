"""The services declared for this node: their units over D-Bus, and their probes.

Signals drive it, so it has no schedule of its own; what a scrape gets is made from what is known then.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from exporter.clock import Clock
from exporter.collector import Background, Latest, State
from exporter.config import Probe, Service
from exporter.exposition import Family, Kind, block, line
from exporter.probes import Prober, prober
from exporter.serving import Phase, Probed, Serving, is_up, phase, probed, unit_lost, unit_seen
from exporter.units import BusLost, Systemd, Unit

log = structlog.get_logger()

UP = Family("hale_service_up", Kind.GAUGE, "Whether the service serves; absent when unknown.")
UNIT_STATE = Family(
    "hale_service_unit_state", Kind.GAUGE, "State of the service's unit; 1 for the present one."
)
RESULT = Family("hale_service_unit_result_info", Kind.GAUGE, "How the unit's last run ended.")
RESTARTS = Family(
    "hale_service_restarts_total", Kind.COUNTER, "Restarts that systemd made by itself."
)
MEMORY = Family(
    "hale_service_memory_bytes", Kind.GAUGE, "Memory of the service's cgroup, of the last re-sync."
)
CHANGED = Family(
    "hale_service_unit_state_change_timestamp_seconds",
    Kind.GAUGE,
    "When the unit's state last changed, in unixtime.",
)
PROBE_SUCCESS = Family(
    "hale_service_probe_success", Kind.GAUGE, "Whether the newest attempt of the probe succeeded."
)
PROBE_DURATION = Family(
    "hale_service_probe_duration_seconds", Kind.GAUGE, "Duration of the probe's newest attempt."
)
FAMILIES = (
    MEMORY,
    PROBE_DURATION,
    PROBE_SUCCESS,
    RESTARTS,
    CHANGED,
    RESULT,
    UNIT_STATE,
    UP,
)

AUTO_RESTART = "auto-restart"
STATES = (
    "active",
    "reloading",
    "inactive",
    "failed",
    "activating",
    "deactivating",
    AUTO_RESTART,
)

# Seconds between two attempts to reach the bus.
RECONNECT = 1.0
# A probe's result means nothing once this many further ones should have come.
KEEP_INTERVALS = 3
# Seconds between two attempts of one probe at the least, however fast its unit comes and goes.
BREATH = 0.1


@dataclass(frozen=True, slots=True)
class Attempt:
    """The newest attempt of a probe; `at` in monotonic seconds."""

    result: Probed
    duration_seconds: float
    at: float


class Watched:
    """One service while it is declared."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.serving = Serving(fall=service.probe.fall if service.probe else None)
        self.attempt: Attempt | None = None
        self.changed = asyncio.Event()
        self._name = service.name

    def lines(self, now: float) -> dict[Family, list[bytes]]:
        """Return this service's samples for this moment."""
        found: dict[Family, list[bytes]] = {}
        probe = self.service.probe
        answer = is_up(self.serving, now, _max_age(probe) if probe else 0.0)
        if answer is not None:
            series = UP.series(service=self._name, service_group=self.service.group)
            found[UP] = [line(series, answer)]
        if self.serving.unit is not None:
            found |= self._unit_lines(self.serving.unit)
        if probe is not None and self.attempt is not None:
            found |= self._probe_lines(probe, self.attempt, now)
        return found

    def _unit_lines(self, unit: Unit) -> dict[Family, list[bytes]]:
        name = self._name
        present = AUTO_RESTART if unit.sub_state.startswith(AUTO_RESTART) else unit.active_state
        found = {
            UNIT_STATE: [
                line(UNIT_STATE.series(service=name, state=state), state == present)
                for state in STATES
            ]
        }
        if unit.result:
            found[RESULT] = [line(RESULT.series(service=name, result=unit.result), 1)]
        for family, value in (
            (RESTARTS, unit.restarts),
            (MEMORY, unit.memory_bytes),
            (CHANGED, unit.state_changed_at),
        ):
            if value is not None:
                found[family] = [line(family.series(service=name), value)]
        return found

    def _probe_lines(self, probe: Probe, attempt: Attempt, now: float) -> dict[Family, list[bytes]]:
        if attempt.result is Probed.NOT_MADE or now - attempt.at > _max_age(probe):
            return {}
        kind = prober(probe.how).kind
        success = attempt.result is Probed.SUCCESS
        return {
            PROBE_SUCCESS: [line(PROBE_SUCCESS.series(service=self._name, probe=kind), success)],
            PROBE_DURATION: [
                line(
                    PROBE_DURATION.series(service=self._name, probe=kind),
                    attempt.duration_seconds,
                )
            ],
        }


def _max_age(probe: Probe) -> float:
    return KEEP_INTERVALS * probe.interval + probe.timeout


class Services(Background):
    """Follows units over the bus and probes each service, each in a task of its own."""

    name = "services"

    def __init__(self, services: Sequence[Service], systemd: Systemd, clock: Clock) -> None:
        self._watched = [Watched(s) for s in services]
        self._systemd = systemd
        self._clock = clock
        self._state = State.TIMED_OUT
        self._duration: float | None = None
        self._asked_at = clock.monotonic()
        self._last_success: float | None = None
        self._settled = asyncio.Event()
        self._redeclared = asyncio.Event()

    def declare(self, services: Sequence[Service]) -> None:
        """Take over a new list; a service that stays as it was keeps all that is known of it."""
        kept = {w.service: w for w in self._watched}
        self._watched = [kept.get(s) or Watched(s) for s in services]
        self._redeclared.set()

    async def run(self) -> None:
        """Follow and probe until cancelled, anew after every `declare`."""
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
            for family, samples in watched.lines(now).items():
                lines[family] += samples
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
                await self._systemd.watch(units, self)
            except TimeoutError:
                self._lost(State.TIMED_OUT, "the system bus or systemd does not answer")
            except BusLost as error:
                self._lost(State.FAILED, str(error))
            await asyncio.sleep(RECONNECT)

    def _lost(self, state: State, reason: str) -> None:
        if state is not self._state or not self._settled.is_set():
            log.warning(f"collector.{state.value}", collector=self.name, reason=reason)
        self._duration = self._clock.monotonic() - self._asked_at
        self._state = state
        for watched in self._watched:
            watched.serving = unit_lost(watched.serving)
        self._settled.set()

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
        attempts = prober(probe.how)
        while True:
            began = self._clock.monotonic()
            watched.changed.clear()
            await self._attempt(watched, probe, attempts)
            spent = self._clock.monotonic() - began
            await asyncio.sleep(BREATH)
            try:
                async with asyncio.timeout(max(0.0, probe.interval - spent - BREATH)):
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
            result = Probed.FAILURE
        now = self._clock.monotonic()
        watched.attempt = Attempt(result, now - began, now)
        before = watched.serving
        watched.serving = probed(before, run, result, now)
        if watched.serving.settled is not before.settled:
            log.info(
                "service.changed",
                service=watched.service.name,
                serving=watched.serving.settled,
                by=f"{attempts.kind} probe",
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
