"""The names of PCI devices, from pci.ids, read as node_exporter's `--collector.pcidevice.names` reads it.

The file has some 40,000 lines (its head describes the format); kept are the names of those vendors that the node has.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import structlog

log = structlog.get_logger()

USUAL = (Path("/usr/share/misc/pci.ids"), Path("/usr/share/hwdata/pci.ids"))


class Ids(NamedTuple):
    """What a device says of itself: hexadecimal digits, as in pci.ids."""

    vendor: str
    device: str
    subsystem_vendor: str
    subsystem_device: str
    kind: str  # class, subclass and programming interface


@dataclass(slots=True)
class Names:
    """What pci.ids says.

    Attributes:
        vendors: By number.
        devices: By vendor and device, and subsystems by these and the two numbers of their own.
        kinds: By the two, four or six digits of a class, a subclass or a programming interface.
    """

    vendors: dict[str, str] = field(default_factory=dict)
    devices: dict[tuple[str, ...], str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def labels(self, ids: Ids) -> dict[str, str]:
        """Return node_exporter's labels; of what has no name its digits."""
        device = (ids.vendor, ids.device)
        subsystem = (*device, ids.subsystem_vendor, ids.subsystem_device)
        digits = (ids.kind[:6], ids.kind[:4], ids.kind[:2])
        kinds = [self.kinds[one] for one in digits if one in self.kinds]
        return {
            "vendor_name": self.vendors.get(ids.vendor, ids.vendor),
            "device_name": self.devices.get(device, ids.device),
            "subsystem_vendor_name": self.vendors.get(ids.subsystem_vendor, ids.subsystem_vendor),
            "subsystem_device_name": self.devices.get(subsystem, ids.subsystem_device),
            "class_name": kinds[0] if kinds else f"Unknown class ({ids.kind})",
        }


def parse(rows: Iterable[str], wanted: Collection[str]) -> Names:
    """Read pci.ids; of vendors that are not `wanted` only their own names are kept."""
    names = Names()
    for place, number, name in _entries(rows):
        if place and place[0].startswith("C "):
            names.kinds["".join((*place, number)).removeprefix("C ")] = name
        elif number.startswith("C "):
            names.kinds[number.removeprefix("C ").strip()] = name
        elif not place:
            names.vendors[number] = name
        elif place[0] in wanted:
            names.devices[(*place, *number.split())] = name
    return names


def _entries(rows: Iterable[str]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield the number and name of each line, and the numbers of those that it is indented under."""
    above: tuple[str, ...] = ()
    for row in rows:
        depth = len(row) - len(row.lstrip("\t"))
        number, gap, name = row.strip().partition("  ")
        if gap and not row.startswith("#") and depth <= min(2, len(above)):
            yield above[:depth], number.strip(), name.strip()
            above = (*above[:depth], number.strip())


class PciIds:
    """Looks devices up; reads the file when a vendor is there that was not before."""

    def __init__(self, file: Path | None) -> None:
        """Read nothing yet; `file` None stands for where distributions have it."""
        self._files = USUAL if file is None else (file,)
        self._wanted: frozenset[str] = frozenset()
        self._names: Names | None = None

    def look(self, vendors: Iterable[str]) -> Names:
        """Return the names of these vendors' devices; where there is no pci.ids, that of nothing."""
        wanted = self._wanted | frozenset(vendors)
        if self._names is None or wanted != self._wanted:
            self._names, self._wanted = self._read(wanted), wanted
        return self._names

    def _read(self, wanted: frozenset[str]) -> Names:
        problem = ""
        for file in self._files:
            try:
                with file.open(encoding="utf-8", errors="replace") as rows:
                    return parse(rows, wanted)
            except OSError as error:
                problem = str(error)
        log.warning("pci_ids.unreadable", problem=problem, todo="install pci.ids, or name another")
        return Names()
