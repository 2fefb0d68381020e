"""How many neighbours each network device knows, from /proc/net/arp (proc(5)), as node_exporter's `arp`.

node_exporter asks over netlink since 1.6, under a lock that a driver that hangs may hold for ever.
"""

import re
from collections import Counter

from exporter.collector import Malformed, OnScrape
from exporter.devices import Devices
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.netns import NetFile

ENTRIES = Family("node_arp_entries", Kind.GAUGE, "ARP entries by device")

HEADLINE = b"IP address"
# Address, type, flags, hardware address (which tunnels write in their own way, or not at all), mask, device.
ENTRY = re.compile(rb"^[0-9.]+ +0x[0-9a-f]+ +0x[0-9a-f]+ +.*? +(\S+)$", re.MULTILINE)


def parse(data: bytes) -> Counter[bytes]:
    """Count the entries of each device, in file order.

    Raises:
        Malformed: There is no headline, a line is no entry, or the file ends within a line.
    """
    headline, _, entries = data.partition(b"\n")
    if not headline.startswith(HEADLINE) or not data.endswith(b"\n"):
        raise Malformed(f"net/arp: wanted a headline and whole lines, ends {data[-40:]!r}")
    found = Counter(ENTRY.findall(entries))
    if found.total() != entries.count(b"\n"):
        raise Malformed("net/arp: a line is no entry")
    return found


class Arp(OnScrape):
    """Serves node_arp_entries."""

    name = "arp"

    def __init__(self, file: NetFile, keep: Devices) -> None:
        """Read nothing yet.

        Args:
            file: /proc/net/arp.
            keep: Which devices to show.
        """
        self._file = file
        self._keep = keep
        self._grid = Grid([ENTRIES], ("device",))

    def collect(self) -> bytes:
        """Read /proc/net/arp once."""
        counts = {
            name: count
            for raw, count in parse(self._file.read()).items()
            if self._keep.keeps(name := raw.decode("utf-8", "backslashreplace"))
        }
        return self._grid.fill(tuple((name,) for name in counts), [counts.values()])
