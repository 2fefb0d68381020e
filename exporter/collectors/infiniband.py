"""InfiniBand and RoCE devices and their ports, from /sys/class/infiniband, as node_exporter's `infiniband`.

Files: Documentation/ABI/stable/sysfs-class-infiniband. Counters are asked of the device's firmware.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.devices import Devices as Kept
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample
from exporter.infiniband import COUNTERS, HARDWARE, LEGACY


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_infiniband_{name}", Kind.GAUGE, text)


INFO = _gauge("info", "Non-numeric data from /sys/class/infiniband/<device>, value is always 1.")
STATE = _gauge(
    "state_id",
    "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, 4: active, "
    "5: act defer)",
)
PHYSICAL_STATE = _gauge(
    "physical_state_id",
    "Physical state of the InfiniBand port (0: no change, 1: sleep, 2: polling, 3: "
    "disable, 4: shift, 5: link up, 6: link error recover, 7: phytest)",
)
RATE = _gauge("rate_bytes_per_second", "Maximum signal transfer rate")
LIFESPAN = _gauge(
    "lifespan_seconds",
    "The maximum period in ms which defines the aging of the counter reads. Two "
    "consecutive reads within this period might return the same values.",
)
# What a port counts in words of one lane, of which it has four.
BY_LANE = ("port_rcv_data", "port_xmit_data", "port_rcv_data_64", "port_xmit_data_64")
LANES = 4

RATE_TEXT = re.compile(r"(?P<gigabits>[0-9]{1,6}(?:\.[0-9]{1,6})?) .*", re.ASCII)
BYTES_OF_A_GIGABIT = 125_000_000
STATE_TEXT = re.compile(r"(?P<id>[0-9]{1,9}): *[^:]*", re.ASCII)


def infiniband(sysfs: Path, keep: Kept) -> Devices:
    """Return the collector's reader: how devices are found and one is read.

    Args:
        sysfs: Where /sys is.
        keep: Which devices to show.
    """
    folder = sysfs / "class/infiniband"

    def find() -> list[str]:
        found = sysfiles.entries(folder)
        if not found:
            raise Absent("infiniband: there is no device")
        return [one.name for one in found if keep.keeps(one.name)]

    return Devices("infiniband", find, lambda device: tuple(_read(folder / device)))


def _read(folder: Path) -> Iterator[Sample]:
    said = {
        label: sysfiles.text(folder / name) or ""
        for label, name in (
            ("board_id", "board_id"),
            ("firmware_version", "fw_ver"),
            ("hca_type", "hca_type"),
        )
    }
    yield sample(INFO, 1, device=folder.name, **said)
    for port in sysfiles.entries(folder / "ports", "[0-9]{1,9}"):
        yield from _port(port, {"device": folder.name, "port": str(int(port.name))})


def _port(folder: Path, labels: dict[str, str]) -> Iterator[Sample]:
    for name, family in (("state", STATE), ("phys_state", PHYSICAL_STATE)):
        if match := STATE_TEXT.fullmatch(sysfiles.text(folder / name) or ""):
            yield sample(family, int(match["id"]), **labels)
    if match := RATE_TEXT.fullmatch(sysfiles.text(folder / "rate") or ""):
        yield sample(RATE, int(float(match["gigabits"]) * BYTES_OF_A_GIGABIT), **labels)
    yield from _counts(folder / "counters_ext", LEGACY, labels)
    yield from _counts(folder / "counters", COUNTERS, labels)
    lifespan = sysfiles.whole(folder / "hw_counters/lifespan")
    if lifespan is not None and lifespan >= 0:
        yield sample(LIFESPAN, lifespan // 1000, **labels)  # of milliseconds, whole ones
    yield from _counts(folder / "hw_counters", HARDWARE, labels)


def _counts(
    folder: Path, families: Mapping[str, Family], labels: dict[str, str]
) -> Iterator[Sample]:
    for file in sysfiles.entries(folder):
        count = sysfiles.whole(file) if file.name in families else None
        if count is not None and count >= 0:  # "N/A (no PMA)" of a port that cannot count
            each = LANES if file.name in BY_LANE else 1
            yield sample(families[file.name], count * each, **labels)
