"""Temperatures of the firmware's thermal zones, and what cools them, as node_exporter's `thermal_zone`.

Documentation/driver-api/thermal/sysfs-api.rst. A zone's temperature may come over a slow bus, or from the firmware.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample

TEMPERATURE = Family("node_thermal_zone_temp", Kind.GAUGE, "Zone temperature in Celsius")
NOW = Family(
    "node_cooling_device_cur_state", Kind.GAUGE, "Current throttle state of the cooling device"
)
MOST = Family(
    "node_cooling_device_max_state", Kind.GAUGE, "Maximum throttle state of the cooling device"
)
ZONE, COOLING = "thermal_zone", "cooling_device"


def thermal_zone(sysfs: Path) -> Devices:
    """Return the collector's reader: how zones and cooling devices are found and one is read.

    Args:
        sysfs: Where /sys is.
    """
    folder = sysfs / "class/thermal"

    def find() -> list[str]:
        found = sysfiles.entries(folder, f"({ZONE}|{COOLING})[0-9]+")
        if not found:
            raise Absent("thermal_zone: there is none")
        return [one.name for one in found]

    return Devices("thermal_zone", find, lambda device: tuple(_read(folder / device)))


def _read(folder: Path) -> Iterator[Sample]:
    kind = sysfiles.text(folder / "type") or ""
    if folder.name.startswith(ZONE):
        thousandths = sysfiles.whole(folder / "temp")  # none of a zone that is switched off
        if thousandths is not None:
            zone = folder.name.removeprefix(ZONE)
            yield sample(TEMPERATURE, thousandths / 1000, zone=zone, type=kind)
        return
    now, most = sysfiles.whole(folder / "cur_state"), sysfiles.whole(folder / "max_state")
    if now is not None and most is not None:
        name = folder.name.removeprefix(COOLING)
        yield sample(NOW, now, name=name, type=kind)
        yield sample(MOST, most, name=name, type=kind)
