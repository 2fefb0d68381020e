"""What the kernel says of each network device, from /sys/class/net, as node_exporter's `netclass`.

Files: Documentation/ABI/testing/sysfs-class-net. Some of them (speed, duplex, carrier) wait for the lock of all network
devices and ask the driver, which may never answer.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample


def _family(word: str) -> Family:
    kind = Kind.COUNTER if word.endswith("_total") else Kind.GAUGE
    return Family(f"node_network_{word}", kind, f"Network device property: {word}")


UP = Family("node_network_up", Kind.GAUGE, "Value is 1 if operstate is 'up', 0 otherwise.")
INFO = Family(
    "node_network_info",
    Kind.GAUGE,
    "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
)
SPEED = _family("speed_bytes")
# The kernel's files and node_exporter's word for each.
NUMBERS = {
    "addr_assign_type": _family("address_assign_type"),
    "carrier": _family("carrier"),
    "carrier_changes": _family("carrier_changes_total"),
    "carrier_up_count": _family("carrier_up_changes_total"),
    "carrier_down_count": _family("carrier_down_changes_total"),
    "dev_id": _family("device_id"),
    "dormant": _family("dormant"),
    "flags": _family("flags"),
    "ifindex": _family("iface_id"),
    "iflink": _family("iface_link"),
    "link_mode": _family("iface_link_mode"),
    "mtu": _family("mtu_bytes"),
    "name_assign_type": _family("name_assign_type"),
    "netdev_group": _family("net_dev_group"),
    "tx_queue_len": _family("transmit_queue_length"),
    "type": _family("protocol_type"),
}
TEXTS = ("address", "broadcast", "duplex", "operstate", "ifalias")
# What the kernel counts (struct rtnl_link_stats64 in include/uapi/linux/if_link.h): files below statistics/.
COUNTED = (
    *("packets", "bytes", "errors", "dropped", "fifo_errors", "compressed"),
    *("length_errors", "over_errors", "crc_errors", "frame_errors", "missed_errors", "nohandler"),
)
SENT = (
    *COUNTED[:6],
    *("aborted_errors", "carrier_errors", "heartbeat_errors", "window_errors"),
)


def _statistic(word: str) -> Family:
    # They are counters; but node_exporter says gauge here, and counter in netdev.
    return Family(
        f"node_network_{word}_total", Kind.GAUGE, f"Network device property: {word}_total"
    )


STATISTICS = {
    **{f"rx_{word}": _statistic(f"receive_{word}") for word in COUNTED},
    **{f"tx_{word}": _statistic(f"transmit_{word}") for word in SENT},
    "multicast": _statistic("multicast"),
    "collisions": _statistic("collisions"),
}
IFF_UP = 0x1  # include/uapi/linux/if.h
BYTES_OF_A_MEGABIT = 1_000_000 // 8


def netclass(
    sysfs: Path, ignored: re.Pattern[str], only_valid_speed: bool, with_statistics: bool = False
) -> Devices:
    """Return the collector's reader: how devices are found and one is read.

    Args:
        sysfs: Where /sys is.
        ignored: Devices whose name it finds are left out.
        only_valid_speed: Whether to leave out a speed below 0, of a device that does not know it.
        with_statistics: Whether to show what the device counted too, which else is netdev's.
    """
    folder = sysfs / "class/net"

    def find() -> list[str]:
        try:
            with os.scandir(folder) as entries:
                # bonding_masters is no device.
                found = [one.name for one in entries if not one.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            raise Absent("netclass: there is no /sys/class/net") from None
        return sorted(name for name in found if not ignored.search(name))

    def read(device: str) -> tuple[Sample, ...]:
        samples = tuple(_read(folder / device, only_valid_speed))
        return samples + tuple(_counted(folder / device)) if with_statistics else samples

    return Devices("netclass", find, read)


def _read(folder: Path, only_valid_speed: bool) -> Iterator[Sample]:
    device = folder.name
    texts = {name: sysfiles.text(folder / name) or "" for name in TEXTS}
    numbers = {name: sysfiles.whole(folder / name) for name in NUMBERS}
    yield sample(UP, texts["operstate"] == "up", device=device)
    yield sample(INFO, 1, device=device, adminstate=_admin_state(numbers["flags"]), **texts)
    for name, number in numbers.items():
        if number is not None:
            yield sample(NUMBERS[name], number, device=device)
    speed = sysfiles.whole(folder / "speed")
    if speed is not None and (speed >= 0 or not only_valid_speed):
        yield sample(SPEED, speed * BYTES_OF_A_MEGABIT, device=device)


def _counted(folder: Path) -> Iterator[Sample]:
    for name, family in STATISTICS.items():
        number = sysfiles.whole(folder / "statistics" / name)
        if number is not None:
            yield sample(family, number, device=folder.name)


def _admin_state(flags: int | None) -> str:
    if flags is None:
        return "unknown"
    return "up" if flags & IFF_UP else "down"
