"""Every address of the network devices, as node_exporter's `--collector.netdev.address-info` shows it.

Asked over rtnetlink, which may hang: so it is done in a thread, and apart from `netdev`, which no scrape waits for.
"""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from exporter.collector import Absent
from exporter.devices import Devices
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.rtnetlink import Address, every_address

FAMILY = Family("node_network_address_info", Kind.GAUGE, "node network address by device")

INTERVAL = 10.0  # seconds


def address_info(
    keep: Devices,
    ask: Callable[[], list[Address]] = every_address,
    names: Callable[[], list[tuple[int, str]]] = socket.if_nameindex,
) -> Callable[[], bytes]:
    """Return what reads the series; it may never return, or raise Absent, Malformed or OSError.

    Args:
        keep: Which devices to show.
        ask: Returns the addresses of all devices.
        names: Returns each device's number and name.
    """

    def read() -> bytes:
        found = ask()
        called = {number: name for number, name in names() if keep.keeps(name)}
        if not called:
            raise Absent("netdev.address-info: there is no such device")
        shown = [(called[one.interface], one) for one in found if one.interface in called]
        return written(_sample(device, one) for device, one in shown)

    return read


def _sample(device: str, one: Address) -> Sample:
    reach = scope(ip_address(one.address))
    return sample(
        FAMILY, 1, device=device, address=one.address, netmask=str(one.prefix), scope=reach
    )


def scope(address: IPv4Address | IPv6Address) -> str:
    """Return how far an address reaches, in node_exporter's words; the own host is link-local to it."""
    if address.is_loopback or address.is_link_local:
        return "link-local"
    return "" if address.is_multicast or address.is_unspecified else "global"
