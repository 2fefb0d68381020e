"""What FreeIPMI's programs say of the machine, as the series of ipmi_exporter.

Names, types, labels, programs and their arguments are that exporter's
(github.com/prometheus-community/ipmi_exporter, collector_*.go); formats: ipmi-sensors(8), ipmi-sel(8).
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample

# Where hale-ipmi.service leaves its answers.
FOLDER = Path("/run/hale-ipmi")

# The kernel's driver: others would want to reach the BMC's registers by themselves.
DRIVER = "--driver-type=OPENIPMI"
# Root's home is hidden from the helper, and FreeIPMI's cache of sensors would be there.
CACHE = "--sdr-cache-directory=/tmp"
CSV = ("--quiet-cache", "--comma-separated-output", "--no-header-output", "--sdr-cache-recreate")
# ipmi_exporter's collectors, and how each asks.
QUESTIONS = {
    "ipmi": (
        *("ipmimonitoring", DRIVER, CACHE, *CSV, "--ignore-unrecognized-events"),
        *("--output-event-bitmask", "--output-sensor-state"),
    ),
    "sel": ("ipmi-sel", DRIVER, "--info"),
    "sel-events": (
        *("ipmi-sel", DRIVER, CACHE, *CSV, "--output-event-state"),
        *("--interpret-oem-data", "--entity-sensor-names"),
    ),
    "chassis": ("ipmi-chassis", DRIVER, "--get-chassis-status"),
    "bmc": ("bmc-info", DRIVER),
}


def _gauge(name: str, text: str) -> Family:
    return Family(f"ipmi_{name}", Kind.GAUGE, text)


UP = _gauge("up", "'1' if a scrape of the IPMI device was successful, '0' otherwise.")
VALUE = _gauge("sensor_value", "Generic data read from an IPMI sensor of unknown type.")
STATE = _gauge(
    "sensor_state",
    "Indicates the severity of the state reported by an IPMI sensor (0=nominal, 1=warning, 2=critical).",
)
# By the sensor's unit: the series of its value and of its state, and what one of the unit is.
TYPED = {
    "RPM": ("fan_speed_rpm", "Fan speed in rotations per minute.", "fan_speed", 1.0),
    "C": ("temperature_celsius", "Temperature reading in degree Celsius.", "temperature", 1.0),
    "A": ("current_amperes", "Current reading in Amperes.", "current", 1.0),
    "V": ("voltage_volts", "Voltage reading in Volts.", "voltage", 1.0),
    "W": ("power_watts", "Power reading in Watts.", "power", 1.0),
    "%": ("fan_speed_ratio", "Fan speed as a proportion of the maximum speed.", "fan_speed", 0.01),
}
FAMILIES = {
    unit: (
        _gauge(name, text),
        _gauge(
            f"{kind}_state",
            f"Reported state of a {kind.replace('_', ' ')} sensor (0=nominal, 1=warning, 2=critical).",
        ),
        scale,
    )
    for unit, (name, text, kind, scale) in TYPED.items()
}
SEVERITIES = {"Nominal": 0.0, "Warning": 1.0, "Critical": 2.0}

ENTRIES = _gauge("sel_logs_count", "Current number of log entries in the SEL.")
FREE = _gauge("sel_free_space_bytes", "Current free space remaining for new SEL entries.")
BY_STATE = _gauge("sel_events_count_by_state", "Current number of log entries in the SEL by state.")
POWER = _gauge("chassis_power_state", "Current power state (1=on, 0=off).")
DRIVES = _gauge("chassis_drive_fault_state", "Current drive fault state (1=false, 0=true).")
COOLING = _gauge(
    "chassis_cooling_fault_state", "Current Cooling/fan fault state (1=false, 0=true)."
)
INFO = _gauge("bmc_info", "Constant metric with value '1' providing details about the BMC.")

READING = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


def parse(question: str, output: str) -> list[Sample]:
    """Take apart what was answered to one of `QUESTIONS`.

    Raises:
        Malformed: It is not what that program writes.
    """
    return list(PARSERS[question](output))


def _rows(output: str, columns: int) -> Iterator[list[str]]:
    try:
        for row in csv.reader(output.splitlines(), strict=True):
            if row and (len(row) < columns or not row[0].strip().isdigit()):
                raise Malformed(f"ipmi: wanted a number and {columns - 1} more, saw {row[:9]}")
            if row:
                yield [word.strip() for word in row]
    except csv.Error as error:
        raise Malformed(f"ipmi: {error}") from error


def _sensors(output: str) -> Iterator[Sample]:
    for number, name, kind, state, reading, unit, *_ in _rows(output, 7):
        value = float(reading) if READING.fullmatch(reading) else math.nan
        severity = SEVERITIES.get(state, math.nan)
        labels = {"id": str(int(number[:18])), "name": name}
        if unit in FAMILIES and (unit != "%" or kind == "Fan"):
            family, of_state, scale = FAMILIES[unit]
            yield sample(family, value * scale, **labels)
            yield sample(of_state, severity, **labels)
        else:
            yield sample(VALUE, value, **labels, type=kind)
            yield sample(STATE, severity, **labels, type=kind)


def _fields(output: str) -> Mapping[str, str]:
    """Return what is said in lines of `Name : value`, by the name in small letters."""
    pairs = (row.partition(":") for row in output.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _sel(output: str) -> Iterator[Sample]:
    said = _fields(output)
    entries = _leading(said.get("number of log entries", ""))
    free = _leading(said.get("free space remaining", ""))
    if entries is None or free is None:
        raise Malformed(f"ipmi: wanted the log's entries and free space, saw {output[:80]!r}")
    yield sample(ENTRIES, entries)
    yield sample(FREE, free)


def _leading(text: str) -> float | None:
    match = re.match(r"[0-9]{1,15}", text, re.ASCII)
    return float(match[0]) if match else None


def _sel_events(output: str) -> Iterator[Sample]:
    # ID, Date, Time, Name, Type, State, Event
    states = Counter(row[5] for row in _rows(output, 7))
    for state, count in sorted(states.items()):
        yield sample(BY_STATE, count, state=state)


def _chassis(output: str) -> Iterator[Sample]:
    said = _fields(output)
    for key, family, good in (
        ("system power", POWER, "on"),
        ("drive fault", DRIVES, "false"),
        ("cooling/fan fault", COOLING, "false"),
    ):
        if key not in said:
            raise Malformed(f"ipmi: wanted {key!r} of the chassis, saw {output[:80]!r}")
        yield sample(family, said[key] == good)


def _bmc(output: str) -> Iterator[Sample]:
    said = _fields(output)
    if "firmware revision" not in said or "manufacturer id" not in said:
        raise Malformed(f"ipmi: wanted the BMC's firmware and maker, saw {output[:80]!r}")
    yield sample(
        INFO,
        1,
        firmware_revision=_version(said["firmware revision"]),
        manufacturer_id=said["manufacturer id"],
        system_firmware_version=_version(said.get("system firmware version", "")) or "N/A",
        bmc_url=said.get("bmc url", "N/A"),
    )


def _version(text: str) -> str:
    match = re.match(r"[0-9.]*", text, re.ASCII)
    return match[0] if match else ""


PARSERS: Mapping[str, Callable[[str], Iterator[Sample]]] = {
    "ipmi": _sensors,
    "sel": _sel,
    "sel-events": _sel_events,
    "chassis": _chassis,
    "bmc": _bmc,
}
