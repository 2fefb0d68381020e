"""Temperatures, fans, voltages and power, from /sys/class/hwmon, as node_exporter's `hwmon`.

Documentation/hwmon/sysfs-interface.rst. Most sensors are behind a slow bus, and some drivers never come back.
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from exporter import sysfiles
from exporter.collector import Absent
from exporter.devices import Devices as Choice
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample

CHIP_NAMES = Family(
    "node_hwmon_chip_names", Kind.GAUGE, "Annotation metric for human-readable chip names"
)
LABEL = Family("node_hwmon_sensor_label", Kind.GAUGE, "Label for given chip and sensor")

# TYPE, NUMBER and what is told of it: temp1_input, in0_max, update_interval.
FILE = re.compile(r"(?P<type>[^0-9]+)(?P<id>[0-9]{0,9})(?:_(?P<property>.+))?", re.ASCII)
TYPES = {
    *("vrm", "beep_enable", "update_interval", "in", "cpu", "fan", "pwm", "temp", "curr"),
    *("power", "energy", "humidity", "intrusion", "freq"),
}
NUMBER = re.compile(r"[-+]?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
FAN_SPEEDS = ("input", "min", "max", "target")
INTERVALS = ("average_interval", "average_interval_min", "average_interval_max")

Sensors = dict[str, dict[str, str]]


def clean(name: str) -> str:
    """Return a name as node_exporter writes it into metrics and labels."""
    return re.sub(r"[^a-z0-9:_]", "_", name.lower()).strip("_")


class Chip(NamedTuple):
    """One folder of /sys/class/hwmon.

    Attributes:
        name: What it is called in series.
        folder: Where it is.
    """

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Choices:
    """Which chips and sensors to show; a sensor is asked for as `CHIP;SENSOR`."""

    chips: Choice
    sensors: Choice


def hwmon(sysfs: Path, choices: Choices) -> Devices:
    """Return the collector's reader: how chips are found and one is read.

    Args:
        sysfs: Where /sys is.
        choices: What to show.
    """
    folder = sysfs / "class/hwmon"

    def find() -> list[str]:
        found = sysfiles.entries(folder)
        if not found:
            raise Absent("hwmon: there is no sensor")
        return [one.name for one in found]

    def read(device: str) -> tuple[Sample, ...]:
        chips = {chip.folder.name: chip for chip in named(folder)}
        chip = chips.get(device)
        if chip is None or not choices.chips.keeps(chip.name):
            return ()
        return tuple(_samples(chip, choices.sensors))

    return Devices("hwmon", find, read)


def named(folder: Path) -> list[Chip]:
    """Return all chips. Two with one parent would have one name, and so get another word to it each."""
    folders = [one for one in sysfiles.entries(folder) if one.is_dir()]
    names = {one: _name(one) for one in folders}
    kinds = {one: sysfiles.text(one / "name") or "" for one in folders}
    whole = [(names[one], kinds[one]) for one in folders]
    chips = []
    for one in folders:
        name = names[one]
        if list(names.values()).count(name) > 1:
            alone = clean(kinds[one]) and whole.count((name, kinds[one])) == 1
            name += "_" + (clean(kinds[one]) if alone else clean(one.name))
        chips.append(Chip(name, one))
    return chips


def _name(folder: Path) -> str:
    """Name a chip by its device's path, which no order of modules changes; else as it calls itself."""
    if (folder / "device").exists():
        device = (folder / "device").resolve()
        kind, name = clean(device.parent.name), clean(device.name)
        if name:
            return f"{kind}_{name}" if kind else name
    return clean(sysfiles.text(folder / "name") or "") or clean(folder.resolve().name)


def _samples(chip: Chip, choice: Choice) -> Iterator[Sample]:
    sensors: Sensors = {}
    _read_into(sensors, chip.folder)
    _read_into(sensors, chip.folder / "device")
    if kind := clean(sysfiles.text(chip.folder / "name") or ""):
        yield sample(CHIP_NAMES, 1, chip=chip.name, chip_name=kind)
    for sensor, found in sorted(sensors.items()):
        if choice.keeps(f"{chip.name};{sensor}"):
            yield from _sensor(chip.name, sensor, found)


def _read_into(sensors: Sensors, folder: Path) -> None:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names alone, of a folder with many
    except OSError:
        return
    for name in names:
        match = FILE.fullmatch(name)
        if match is None or match["type"] not in TYPES:
            continue
        data = sysfiles.content(folder / name)
        if data is not None:
            text = data[:128].decode("utf-8", "replace").strip("\n")
            sensor = f"{match['type']}{int(match['id'] or 0)}"
            sensors.setdefault(sensor, {})[match["property"] or ""] = text


def _sensor(chip: str, sensor: str, found: Mapping[str, str]) -> Iterator[Sample]:
    if "label" in found:
        yield sample(LABEL, 1, chip=chip, sensor=sensor, label=found["label"])
    kind = sensor.rstrip("0123456789")
    if kind in ALONE:
        name, text, read = ALONE[kind]
        if (value := read(found.get("", ""))) is not None:
            family = Family(f"node_hwmon_{name}", Kind.GAUGE, text)
            yield sample(family, value, chip=chip, sensor=sensor)
        return
    for element, written in sorted(found.items()):
        if element != "label" and (value := _number(written)) is not None:
            shown = _family(kind, element, "" in found)
            label = sensor
            if kind == "freq" and element == "input":
                if "label" not in found:
                    continue
                label = clean(found["label"])
            yield sample(shown.family, shown.scale(value), chip=chip, sensor=label)


def _number(text: str) -> float | None:
    if not NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _on(text: str) -> float | None:
    return float(text == "1")


def _milliseconds(text: str) -> float | None:
    value = _number(text)
    return None if value is None else value * 0.001


# Sensors with one file only.
ALONE: dict[str, tuple[str, str, Callable[[str], float | None]]] = {
    "beep_enable": ("beep_enabled", "Hardware beep enabled", _on),
    "vrm": ("voltage_regulator_version", "Hardware voltage regulator", _number),
    "update_interval": (
        "update_interval_seconds",
        "Hardware monitor update interval",
        _milliseconds,
    ),
}


class Shown(NamedTuple):
    """How one kind of file is shown."""

    family: Family
    scale: Callable[[float], float]


def _family(kind: str, element: str, has_value: bool) -> Shown:
    """Return how a file is shown.

    Args:
        kind: The sensor's type.
        element: What the file tells of it; empty for its value.
        has_value: Whether the sensor has a file for its value besides `input`.
    """
    name = f"node_hwmon_{kind}"
    if element == "input":
        name += "_input" if has_value else ""
    elif element:
        name += f"_{clean(element)}"
    unit, text, scale, counter = _unit(kind, element)
    family = Family(name + unit, Kind.COUNTER if counter else Kind.GAUGE, text)
    return Shown(family, scale)


def _unit(kind: str, element: str) -> tuple[str, str, Callable[[float], float], bool]:
    """Return the name's ending, the sentence, the scale, and whether it is a counter."""
    if element in ("fault", "alarm"):
        return "", f"Hardware sensor {element} status ({kind})", _as_it_is, False
    if element == "beep":
        return "_enabled", "Hardware monitor sensor has beeping enabled", _as_it_is, False
    match kind:
        case "in" | "cpu":
            return "_volts", f"Hardware monitor for voltage ({element})", _thousandth, False
        case "temp" if element != "type":
            text = f"Hardware monitor for temperature ({element or 'input'})"
            return "_celsius", text, _thousandth, False
        case "curr":
            return "_amps", f"Hardware monitor for current ({element})", _thousandth, False
        case "energy":
            text = f"Hardware monitor for joules used so far ({element})"
            return "_joule_total", text, _millionth, True
        case "power" if element == "accuracy":
            text = "Hardware monitor power meter accuracy, as a ratio"
            return "", text, _millionth, False
        case "power" if element in INTERVALS:
            text = f"Hardware monitor power usage update interval ({element})"
            return "_seconds", text, _thousandth, False
        case "power":
            text = f"Hardware monitor for power usage in watts ({element})"
            return "_watt", text, _millionth, False
        case "humidity":
            text = f"Hardware monitor for humidity, as a ratio ({element})"
            return "", text, _millionth, False
        case "fan" if element in FAN_SPEEDS:
            text = f"Hardware monitor for fan revolutions per minute ({element})"
            return "_rpm", text, _as_it_is, False
        case "freq" if element == "input":
            text = "Hardware monitor for GPU frequency in MHz"
            return "_freq_mhz", text, _millionth, False
    return "", f"Hardware monitor {kind} element {element}", _as_it_is, False


def _as_it_is(value: float) -> float:
    return value


def _thousandth(value: float) -> float:
    return value * 0.001  # not / 1000: the same digits as node_exporter's


def _millionth(value: float) -> float:
    return value / 1_000_000
