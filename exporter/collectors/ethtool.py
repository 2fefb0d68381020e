"""What network devices' drivers count, and the modes of their ports, as node_exporter's `ethtool`.

Each driver has names of its own for what it counts; they are served untyped, as node_exporter writes them.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from exporter.collector import Absent
from exporter.devices import Devices as Kept
from exporter.ethtool import Driver, Ethtool, Link
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample


def _port(name: str, text: str) -> Family:
    return Family(f"node_network_{name}", Kind.GAUGE, text)


INFO = Family(
    "node_ethtool_info",
    Kind.GAUGE,
    "A metric with a constant '1' value labeled by bus_info, device, driver, expansion_rom_version, "
    "firmware_version, version.",
)
PORTS = _port("supported_port_info", "Type of ports or PHYs supported by network device")
SPEEDS = {
    "supported": _port(
        "supported_speed_bytes", "Combination of speeds and features supported by network device"
    ),
    "advertised": _port(
        "advertised_speed_bytes", "Combination of speeds and features offered by network device"
    ),
}
NEGOTIATES = _port("autonegotiate", "If this port is using autonegotiate")
# By the bit, of ethtool_link_mode_bit_indices (linux/ethtool.h).
ABILITIES = {
    6: {
        "supported": _port("autonegotiate_supported", "If this port device supports autonegotiate"),
        "advertised": _port("autonegotiate_advertised", "If this port device offers autonegotiate"),
    },
    13: {
        "supported": _port("pause_supported", "If this port device supports pause frames"),
        "advertised": _port("pause_advertised", "If this port device offers pause capability"),
    },
    14: {
        "supported": _port(
            "asymmetricpause_supported", "If this port device supports asymmetric pause frames"
        ),
        "advertised": _port(
            "asymmetricpause_advertised",
            "If this port device offers asymmetric pause capability",
        ),
    },
}
PORT_TYPES = {7: "TP", 8: "AUI", 9: "MII", 10: "FIBRE", 11: "BNC", 16: "Backplane"}
# The first 32 modes, which are all that this question has room for: megabits a second, duplex, and what follows "base".
MODES = {
    0: (10, "half", "T"),
    1: (10, "full", "T"),
    2: (100, "half", "T"),
    3: (100, "full", "T"),
    4: (1000, "half", "T"),
    5: (1000, "full", "T"),
    12: (10000, "full", "T"),
    17: (1000, "full", "KX"),
    18: (10000, "full", "KX4"),
    19: (10000, "full", "KR"),
    20: (10000, "full", "R_FEC"),
    21: (20000, "full", "MLD2"),
    22: (20000, "full", "KR2"),
    23: (40000, "full", "KR4"),
    24: (40000, "full", "CR4"),
    25: (40000, "full", "SR4"),
    26: (40000, "full", "LR4"),
    27: (56000, "full", "KR4"),
    28: (56000, "full", "CR4"),
    29: (56000, "full", "SR4"),
    30: (56000, "full", "LR4"),
    31: (25000, "full", "CR"),
}
BYTES_OF_A_MEGABIT = 1_000_000 // 8

# Statistics that have names and texts of their own; the others are called after the driver's word.
NAMED = {
    "rx_bytes": ("received_bytes_total", "Network interface bytes received"),
    "rx_dropped": ("received_dropped_total", "Number of received frames dropped"),
    "rx_errors": ("received_errors_total", "Number of received frames with errors"),
    "rx_packets": ("received_packets_total", "Network interface packets received"),
    "tx_bytes": ("transmitted_bytes_total", "Network interface bytes sent"),
    "tx_errors": ("transmitted_errors_total", "Number of sent frames with errors"),
    "tx_packets": ("transmitted_packets_total", "Network interface packets sent"),
}
ODD = re.compile(r"_*[^0-9A-Za-z_]+_*")
RECEIVED, TRANSMITTED = re.compile(r"(^|_)rx(_|$)"), re.compile(r"(^|_)tx(_|$)")


class Asked(Protocol):
    """Tells what ethtool(8) does, of one device after the other; may never return."""

    def link(self, device: str) -> Link:
        """Return a port's modes; OSError where its driver does not say."""
        ...

    def driver(self, device: str) -> Driver:
        """Return what drives a device; OSError where its driver does not say."""
        ...

    def statistics(self, device: str) -> Mapping[str, int]:
        """Return what the driver counts; OSError where it does not say."""
        ...


def ethtool(sysfs: Path, keep: Kept, shown: re.Pattern[str], asked: Asked | None = None) -> Devices:
    """Return the collector's reader: how devices are found and one is read.

    Args:
        sysfs: Where /sys is.
        keep: Which devices to show.
        shown: Searched in each statistic's name.
        asked: Tells what the drivers say; the kernel, if left out.
    """
    folder = sysfs / "class/net"
    drivers = asked or Ethtool()

    def find() -> list[str]:
        try:
            with os.scandir(folder) as entries:
                found = [one.name for one in entries if not one.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            raise Absent("ethtool: there is no /sys/class/net") from None
        return sorted(filter(keep.keeps, found))

    def read(device: str) -> tuple[Sample, ...]:
        return tuple(_read(drivers, device, shown))

    return Devices("ethtool", find, read)


def _read(asked: Asked, device: str, shown: re.Pattern[str]) -> Iterator[Sample]:
    """Read one device; what its driver does not say is left out."""
    try:
        yield from _modes(asked.link(device), device)
    except OSError:
        pass
    try:
        driver = asked.driver(device)
    except OSError:
        pass
    else:
        yield sample(
            INFO,
            1,
            bus_info=driver.bus_info,
            device=device,
            driver=driver.driver,
            expansion_rom_version=driver.expansion_rom_version,
            firmware_version=driver.firmware_version,
            version=driver.version,
        )
    try:
        statistics = asked.statistics(device)
    except OSError:
        return
    for family, count in named(statistics, shown):
        yield sample(family, count, device=device)


def _modes(link: Link, device: str) -> Iterator[Sample]:
    for what, bits in (("supported", link.supported), ("advertised", link.advertised)):
        for bit, (speed, duplex, kind) in MODES.items():
            if bits >> bit & 1:
                mode = f"{speed}base{kind}"
                rate = speed * BYTES_OF_A_MEGABIT
                yield sample(SPEEDS[what], rate, device=device, duplex=duplex, mode=mode)
        for bit, families in ABILITIES.items():
            yield sample(families[what], bits >> bit & 1, device=device)
    for bit, name in PORT_TYPES.items():
        if link.supported >> bit & 1:
            yield sample(PORTS, 1, device=device, type=name)
    yield sample(NEGOTIATES, link.negotiates, device=device)


def named(statistics: Mapping[str, int], shown: re.Pattern[str]) -> list[tuple[Family, int]]:
    """Return the family of each statistic; two that would be called the same are both left out, as in node_exporter."""
    keys = [(ODD.sub("_", name), count) for name, count in statistics.items()]
    found = [(metric(key), key, count) for key, count in keys if shown.search(key)]
    often = Counter(name for name, _, _ in found)
    return [
        (_family(name, key), count)
        for name, key, count in sorted(found)
        if name and often[name] == 1
    ]


def metric(key: str) -> str:
    """Return a statistic's name without `node_ethtool_`, of the driver's word for it."""
    name = ODD.sub("_", key).lower().lstrip("_")
    name = RECEIVED.sub(r"\1received\2", name)
    return TRANSMITTED.sub(r"\1transmitted\2", name)


def _family(name: str, key: str) -> Family:
    own, text = NAMED.get(key, (name, f"Network interface {key}"))
    return Family(f"node_ethtool_{own}", Kind.UNTYPED, text)
