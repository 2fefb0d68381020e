"""PCI devices, their links, power states and virtual functions, as node_exporter's `pcidevice`.

Source: /sys/bus/pci/devices. What a link does at the moment is read from the device, which may never answer.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample
from exporter.pci_ids import Ids, PciIds


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_pcidevice_{name}", Kind.GAUGE, text)


INFO = _gauge("info", "Non-numeric data from /sys/bus/pci/devices/<location>, value is always 1.")
SPEEDS = {
    "max_link_speed": _gauge(
        "max_link_transfers_per_second", "Value of maximum link's transfers per second (T/s)"
    ),
    "current_link_speed": _gauge(
        "current_link_transfers_per_second", "Value of current link's transfers per second (T/s)"
    ),
}
WIDTHS = {
    "max_link_width": _gauge("max_link_width", "Value of maximum link's width (number of lanes)"),
    "current_link_width": _gauge(
        "current_link_width", "Value of current link's width (number of lanes)"
    ),
}
# 0 where a device has no such file, as node_exporter.
NUMBERS = {
    "d3cold_allowed": _gauge(
        "d3cold_allowed", "Whether the PCIe device supports D3cold power state (0/1)."
    ),
    "sriov_drivers_autoprobe": _gauge(
        "sriov_drivers_autoprobe",
        "Whether SR-IOV drivers autoprobe is enabled for the device (0/1).",
    ),
    "sriov_numvfs": _gauge(
        "sriov_numvfs", "Number of Virtual Functions (VFs) currently enabled for SR-IOV."
    ),
    "sriov_totalvfs": _gauge(
        "sriov_totalvfs", "Total number of Virtual Functions (VFs) supported by the device."
    ),
    "sriov_vf_total_msix": _gauge(
        "sriov_vf_total_msix", "Total number of MSI-X vectors for Virtual Functions."
    ),
}
POWER = _gauge(
    "power_state", "PCIe device power state, one of: D0, D1, D2, D3hot, D3cold, unknown or error."
)
NUMA = _gauge(
    "numa_node", "NUMA node number for the PCI device. -1 indicates unknown or not available."
)
STATES = ("D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error")
# Files with a number in hexadecimal: the label, and how many digits it is shown with.
IDS = {
    "class": ("class_id", 6),
    "vendor": ("vendor_id", 4),
    "device": ("device_id", 4),
    "subsystem_vendor": ("subsystem_vendor_id", 4),
    "subsystem_device": ("subsystem_device_id", 4),
    "revision": ("revision", 2),
}
PLACE = re.compile(
    r"(?P<segment>[0-9a-f]{4,8}):(?P<bus>[0-9a-f]{2}):(?P<device>[0-9a-f]{2})\.(?P<function>[0-7])"
)
SPEED = re.compile(r"([0-9]{1,4}(?:\.[0-9])?) GT/s PCIe", re.ASCII)


def pcidevice(sysfs: Path, named: PciIds | None = None) -> Devices:
    """Return the collector's reader: how devices are found and one is read.

    Args:
        sysfs: Where /sys is.
        named: Where the devices' names come from; None for none.
    """
    folder = sysfs / "bus/pci/devices"

    def find() -> list[str]:
        found = sysfiles.entries(folder, PLACE.pattern)
        if not found:
            raise Absent("pcidevice: there is no PCI device")
        if named is not None:  # here and not with each device, as these are read side by side
            named.look(_digits(one, "vendor") for one in found)
        return [one.name for one in found]

    return Devices("pcidevice", find, lambda device: tuple(_read(folder / device, named)))


def _read(folder: Path, named: PciIds | None) -> Iterator[Sample]:
    place = _place(folder.name)
    above = _place(folder.resolve().parent.name)  # none of a device at the root
    parent = {f"parent_{key}": above.get(key, "*") for key in place}
    ids = {label: _id(folder / name, width) for name, (label, width) in IDS.items()}
    names = _names(folder, named) if named is not None else {}
    yield sample(INFO, 1, **place, **parent, **ids, **names)
    for name, family in SPEEDS.items():
        match = SPEED.fullmatch(sysfiles.text(folder / name) or "")
        yield sample(family, float(match[1]) * 1e9 if match else -1, **place)
    for name, family in WIDTHS.items():
        width = sysfiles.whole(folder / name)
        yield sample(family, -1 if width is None else width, **place)
    for name, family in NUMBERS.items():
        yield sample(family, sysfiles.whole(folder / name) or 0, **place)
    state = sysfiles.text(folder / "power_state")
    for one in STATES if state else ():
        yield sample(POWER, one == state, **place, state=one)
    node = sysfiles.whole(folder / "numa_node")
    if node is not None and node != -1:
        yield sample(NUMA, node, **place)


def _place(name: str) -> dict[str, str]:
    match = PLACE.fullmatch(name)
    return match.groupdict() if match else {}


def _names(folder: Path, named: PciIds) -> dict[str, str]:
    words = ("vendor", "device", "subsystem_vendor", "subsystem_device", "class")
    ids = Ids(*(_digits(folder, word) for word in words))
    return named.look([ids.vendor]).labels(ids)


def _digits(folder: Path, name: str) -> str:
    return _id(folder / name, IDS[name][1]).removeprefix("0x")


def _id(path: Path, width: int) -> str:
    return f"0x{max(0, sysfiles.whole(path) or 0):0{width}x}"
