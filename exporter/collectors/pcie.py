"""Errors on PCI Express links, and links that are slower or narrower than both ends allow.

Sources: Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats, drivers/pci/pci-sysfs.c. What a link does at the
moment is read from the device, which one that is failing may never answer.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample

ERRORS = Family(
    "hale_pcie_errors_total",
    Kind.COUNTER,
    "Errors that a device reported (Advanced Error Reporting).",
)
DEGRADED = Family(
    "hale_pcie_link_degraded",
    Kind.GAUGE,
    "1 where a link is slower or narrower than its device and the port above it allow.",
)
SEVERITIES = {"correctable": "COR", "nonfatal": "NONFATAL", "fatal": "FATAL"}
BRIDGE = "0x0604"  # the class of ports and bridges: their links are their devices'
SPEED = re.compile(r"([0-9]{1,4}(?:\.[0-9])?) GT/s\b.*", re.ASCII)
ADDRESS = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"


def pcie(sysfs: Path) -> Devices:
    """Return the collector's reader: how devices are found and one is read.

    Args:
        sysfs: Where /sys is.
    """
    folder = sysfs / "bus/pci/devices"

    def find() -> list[str]:
        found = sysfiles.entries(folder, ADDRESS)
        if not found:
            raise Absent("pcie: there is no PCI device")
        return [one.name for one in found]

    return Devices("pcie", find, lambda device: tuple(_read(device, folder / device)))


def _read(device: str, folder: Path) -> Iterator[Sample]:
    for severity, word in SEVERITIES.items():
        if (count := total(sysfiles.content(folder / f"aer_dev_{severity}"), word)) is not None:
            yield sample(ERRORS, count, device=device, severity=severity)
    if (sysfiles.text(folder / "class") or BRIDGE).startswith(BRIDGE):
        return
    above = folder.resolve().parent
    for what, read in (("speed", _speed), ("width", _width)):
        now = read(folder, "current")
        most = min(filter(None, (read(folder, "max"), read(above, "max"))), default=None)
        if now and most:  # width 0 is a link that is not up, as of a device that is built in
            yield sample(DEGRADED, now < most, device=device, what=what)


def total(data: bytes | None, word: str) -> int | None:
    """Return the sum that an aer_dev_* file has in its last line; None where it has none."""
    for row in sysfiles.rows(data or b""):
        if row[0] == f"TOTAL_ERR_{word}".encode() and len(row) == 2:
            count = sysfiles.number(row[1].decode("ascii", "replace"))
            return count if count is not None and count >= 0 else None
    return None


def _speed(folder: Path, which: str) -> float | None:
    match = SPEED.fullmatch(sysfiles.text(folder / f"{which}_link_speed") or "")
    return float(match[1]) if match else None


def _width(folder: Path, which: str) -> float | None:
    return sysfiles.whole(folder / f"{which}_link_width")
