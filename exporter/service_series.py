"""What is shown of one service, as lines of the text format.

Every name and label part is made once, when it is first needed.
"""

from typing import NamedTuple

from exporter.config import Probe, Service
from exporter.exposition import Family, Kind, line
from exporter.serving import AUTO_RESTART, Probed, Serving, is_up
from exporter.unit import Unit
from exporter.unit_cgroup import CPU, OOM_KILLS, STALLED, TASKS, WAITING, UnitCgroup

UP = Family("hale_service_up", Kind.GAUGE, "Whether the service serves; absent when unknown.")
INFO = Family(
    "hale_service_info", Kind.GAUGE, "A service that is declared for this node, always 1."
)
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
AT_BOOT = Family(
    "hale_service_starts_at_boot",
    Kind.GAUGE,
    "Whether a boot may start the unit: enabled, or pulled in by another unit; absent when unknown.",
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
# blackbox_exporter's name, prober/tls.go, beside whose rules ours has two labels more.
PROBE_EXPIRY = Family(
    "probe_ssl_earliest_cert_expiry",
    Kind.GAUGE,
    "When the first of the certificates ends that the probe's newest attempt was shown, in unixtime.",
)
# Where there are too many series the last ones are cut; whether a service serves is what is acted on.
FAMILIES = (
    UP,
    INFO,
    AT_BOOT,
    CPU,
    MEMORY,
    OOM_KILLS,
    PROBE_DURATION,
    PROBE_SUCCESS,
    PROBE_EXPIRY,
    STALLED,
    WAITING,
    RESTARTS,
    TASKS,
    CHANGED,
    RESULT,
    UNIT_STATE,
)

STATES = (
    "active",
    "reloading",
    "inactive",
    "failed",
    "activating",
    "deactivating",
    AUTO_RESTART,
)

# A probe's result means nothing once this many further ones should have come.
KEEP_INTERVALS = 3

Samples = dict[Family, list[bytes]]


class Attempt(NamedTuple):
    """The newest attempt of a probe.

    Attributes:
        kind: As in the label `probe`.
        at: In monotonic seconds.
        earliest_expiry: When the first of the certificates ends that it was shown, in unixtime; None without.
    """

    kind: str
    result: Probed
    duration_seconds: float
    at: float
    earliest_expiry: float | None = None


class ServiceSeries:
    """Turns what is known of one service into samples."""

    def __init__(self, service: Service, cgroup: UnitCgroup) -> None:
        self._service = service
        self._cgroup = cgroup
        self._made: dict[tuple[Family, str], bytes] = {}
        labels = {"service": service.name, "service_group": service.group, "unit": service.unit}
        self._info = line(INFO.series(**labels), 1)

    def up(self, serving: Serving, now: float) -> bool | None:
        """Return the value of hale_service_up, None where it is absent; `now` in monotonic seconds."""
        probe = self._service.probe
        return is_up(serving, now, _max_age(probe) if probe else 0.0)

    def samples(self, serving: Serving, attempt: Attempt | None, now: float) -> Samples:
        """Return the samples for this moment, `now` in monotonic seconds; what is unknown is absent."""
        probe = self._service.probe
        answer = self.up(serving, now)
        # Served whatever is known, so that an absent hale_service_up can be told from no such service.
        found: Samples = {INFO: [self._info]}
        if answer is not None:
            found[UP] = [line(self._series(UP, "service_group", self._service.group), answer)]
        if serving.unit is not None:
            found |= self._of_unit(serving.unit)
        if probe is not None and attempt is not None and now - attempt.at <= _max_age(probe):
            found |= self._of_probe(attempt)
        return found

    def _of_unit(self, unit: Unit) -> Samples:
        waiting = unit.sub_state.startswith(AUTO_RESTART)
        present = AUTO_RESTART if waiting else unit.active_state
        found = {
            UNIT_STATE: [line(self._series(UNIT_STATE, "state", s), s == present) for s in STATES]
        }
        if unit.result:
            found[RESULT] = [line(self._series(RESULT, "result", unit.result), 1)]
        for family, value in (
            (AT_BOOT, unit.starts_at_boot),
            (RESTARTS, unit.restarts),
            (MEMORY, unit.memory_bytes),
            (CHANGED, unit.state_changed_at),
        ):
            if value is not None:
                found[family] = [line(self._series(family), value)]
        for one in self._cgroup.of(unit.cgroup):
            sample = line(self._series(one.family, one.label, one.of), one.value)
            found.setdefault(one.family, []).append(sample)
        return found

    def _of_probe(self, attempt: Attempt) -> Samples:
        if attempt.result is Probed.NOT_MADE:
            return {}
        values = {
            PROBE_SUCCESS: attempt.result is Probed.SUCCESS,
            PROBE_DURATION: attempt.duration_seconds,
            PROBE_EXPIRY: attempt.earliest_expiry,
        }
        return {
            family: [line(self._series(family, "probe", attempt.kind), value)]
            for family, value in values.items()
            if value is not None
        }

    def _series(self, family: Family, label: str = "", value: str = "") -> bytes:
        made = self._made.get((family, value))
        if made is None:
            labels = {"service": self._service.name} | ({label: value} if label else {})
            made = self._made[family, value] = family.series(**labels)
        return made


def _max_age(probe: Probe) -> float:
    return KEEP_INTERVALS * probe.interval + probe.timeout
