"""How many bytes wait in the queues of UDP sockets, from /proc/net/udp and udp6, as node_exporter's `udp_queues`.

Format: net/ipv4/udp.c, udp4_format_sock(). A line for each socket, of which there may be very many: nothing is taken
apart but the two numbers.
"""

import re

from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.netns import NetFile

QUEUES = Family(
    "node_udp_queues",
    Kind.GAUGE,
    "Number of allocated memory in the kernel for UDP datagrams in bytes.",
)

HEADLINE = [b"sl", b"local_address"]
# Number, addresses with their ports, state, and in hexadecimal what waits to be sent and to be read.
SOCKET = re.compile(
    rb"^ *[0-9]+: [0-9A-F]{8,32}:[0-9A-F]{4} [0-9A-F]{8,32}:[0-9A-F]{4} [0-9A-F]{2}"
    rb" ([0-9A-F]{8,16}):([0-9A-F]{8,16}) [^\n]*$",
    re.MULTILINE,
)


def parse(data: bytes) -> tuple[int, int]:
    """Add up what waits to be sent and what waits to be read.

    Raises:
        Malformed: There is no headline, a line is no socket, or the file ends within a line.
    """
    headline, _, sockets = data.partition(b"\n")
    if headline.split()[:2] != HEADLINE or not data.endswith(b"\n"):
        raise Malformed(f"net/udp: wanted a headline and whole lines, ends {data[-40:]!r}")
    found = SOCKET.findall(sockets)
    if len(found) != sockets.count(b"\n"):
        raise Malformed("net/udp: a line is no socket")
    return sum(int(tx, 16) for tx, _ in found), sum(int(rx, 16) for _, rx in found)


class UdpQueues(OnScrape):
    """Serves node_udp_queues."""

    name = "udp_queues"

    def __init__(self, ipv4: NetFile, ipv6: NetFile) -> None:
        """Read nothing yet.

        Args:
            ipv4: /proc/net/udp.
            ipv6: /proc/net/udp6; each is not there where its protocol is off.
        """
        self._files = {"v4": ipv4, "v6": ipv6}
        self._series = {
            ip: b"".join(QUEUES.series(ip=ip, queue=queue) + b"%d\n" for queue in ("tx", "rx"))
            for ip in self._files
        }

    def collect(self) -> bytes:
        """Read both files once."""
        found = [
            self._series[ip] % parse(data)
            for ip, file in self._files.items()
            if (data := file.there()) is not None
        ]
        if not found:
            raise Absent("udp_queues: neither IPv4 nor IPv6")
        return QUEUES.header() + b"".join(found)
