"""Batteries and mains, from /sys/class/power_supply, as node_exporter's `powersupplyclass`.

Documentation/power/power_supply_class.rst. What a battery says comes from its own controller, over a slow bus.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample

INFO = Family(
    "node_power_supply_info", Kind.GAUGE, "info of /sys/class/power_supply/<power_supply>."
)
# Files and the metrics' names, where these are others, by what one step of the file's number is.
AS_IT_IS = {
    **dict.fromkeys(("authentic", "calibrate", "capacity", "online", "present"), ""),
    **dict.fromkeys(("capacity_alert_max", "capacity_alert_min"), ""),
    "cycle_count": "cyclecount",
    "time_to_empty_now": "time_to_empty_seconds",
    "time_to_full_now": "time_to_full_seconds",
}
MILLIONTHS = {
    **dict.fromkeys(("current_boot", "current_max"), ""),
    **dict.fromkeys(
        ("energy_empty", "energy_empty_design", "energy_full", "energy_full_design"), ""
    ),
    **dict.fromkeys(("voltage_boot", "voltage_max", "voltage_max_design"), ""),
    **dict.fromkeys(("voltage_min", "voltage_min_design", "voltage_ocv"), ""),
    **dict.fromkeys(("charge_control_limit", "charge_control_limit_max", "charge_counter"), ""),
    **dict.fromkeys(("charge_empty", "charge_empty_design", "charge_full"), ""),
    **dict.fromkeys(("charge_full_design", "charge_term_current"), ""),
    **dict.fromkeys(("constant_charge_current", "constant_charge_current_max"), ""),
    **dict.fromkeys(("constant_charge_voltage", "constant_charge_voltage_max"), ""),
    **dict.fromkeys(("precharge_current", "input_current_limit"), ""),
    "current_now": "current_ampere",
    "energy_now": "energy_watthour",
    "voltage_now": "voltage_volt",
    "charge_now": "charge_ampere",
    "power_now": "power_watt",
}
TENTHS = {
    name: f"{name}_celsius"
    for name in (
        *("temp", "temp_alert_max", "temp_alert_min", "temp_ambient"),
        *("temp_ambient_max", "temp_ambient_min", "temp_max", "temp_min"),
    )
}
FAMILIES = {
    file: (
        Family(
            f"node_power_supply_{name or file}",
            Kind.GAUGE,
            f"{name or file} value of /sys/class/power_supply/<power_supply>.",
        ),
        step,
    )
    for files, step in ((AS_IT_IS, 1), (MILLIONTHS, 1e6), (TENTHS, 10.0))
    for file, name in files.items()
}
WORDS = (
    *("capacity_level", "charge_type", "health", "manufacturer", "model_name", "serial_number"),
    *("status", "technology", "type", "usb_type", "scope"),
)


def powersupplyclass(sysfs: Path, ignored: re.Pattern[str]) -> Devices:
    """Return the collector's reader: how power supplies are found and one is read.

    Args:
        sysfs: Where /sys is.
        ignored: Power supplies to leave out.
    """
    folder = sysfs / "class/power_supply"

    def find() -> list[str]:
        found = [one.name for one in sysfiles.entries(folder) if not ignored.search(one.name)]
        if not found:
            raise Absent("powersupplyclass: there is none")
        return found

    return Devices("powersupplyclass", find, lambda device: tuple(_read(folder / device)))


def _read(folder: Path) -> Iterator[Sample]:
    for name, (family, step) in FAMILIES.items():
        if (value := sysfiles.whole(folder / name)) is not None:
            yield sample(family, value if step == 1 else value / step, power_supply=folder.name)
    words = {name: text for name in WORDS if (text := sysfiles.text(folder / name))}
    yield sample(INFO, 1, power_supply=folder.name, **words)
