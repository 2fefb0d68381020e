"""The kernel's load balancer, from /proc/net/ip_vs_stats and ip_vs, as node_exporter's `ipvs`.

Formats: net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_stats_show() and ip_vs_info_seq_show().
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.netns import NetFile
from exporter.wholes import is_hexadecimal


def _family(name: str, kind: Kind, text: str) -> Family:
    return Family(f"node_ipvs_{name}", kind, text)


TOTALS = (
    _family("connections_total", Kind.COUNTER, "The total number of connections made."),
    _family("incoming_packets_total", Kind.COUNTER, "The total number of incoming packets."),
    _family("outgoing_packets_total", Kind.COUNTER, "The total number of outgoing packets."),
    _family("incoming_bytes_total", Kind.COUNTER, "The total amount of incoming data."),
    _family("outgoing_bytes_total", Kind.COUNTER, "The total amount of outgoing data."),
)
BACKENDS = (
    _family(
        "backend_connections_active",
        Kind.GAUGE,
        "The current active connections by local and remote address.",
    ),
    _family(
        "backend_connections_inactive",
        Kind.GAUGE,
        "The current inactive connections by local and remote address.",
    ),
    _family(
        "backend_weight", Kind.GAUGE, "The current backend weight by local and remote address."
    ),
)
TEMPLATE = b"".join(family.header() + family.series() + b"%d\n" for family in TOTALS)
LABELS: Sequence[str] = (
    "local_address",
    "local_mark",
    "local_port",
    "proto",
    "remote_address",
    "remote_port",
)

IPV4 = re.compile(rb"([0-9A-F]{8}):([0-9A-F]{4})")
IPV6 = re.compile(rb"\[([0-9A-Fa-f:]{2,39})\]:([0-9A-F]{4})")
SERVICE = re.compile(rb"(?P<proto>[A-Z]+) +(?P<at>\S+) .*")
BACKEND = re.compile(
    rb" +-> +(?P<at>\S+) +\S+ +(?P<weight>[0-9]{1,20}) +(?P<active>[0-9]{1,20}) +(?P<rest>[0-9]{1,20}) *"
)
# Of a firewall mark it has not an address but the mark.
MARK = b"FWM"
HEADLINES = 3  # of /proc/net/ip_vs


class Backend(NamedTuple):
    """One real server of one virtual one: its labels in the order of LABELS, its connections and its weight."""

    labels: tuple[str, ...]
    active: int
    inactive: int
    weight: int


def parse_totals(data: bytes) -> tuple[int, ...]:
    """Return what was balanced since the start, in the order of TOTALS.

    Raises:
        Malformed: The third line has not five numbers.
    """
    lines = data.split(b"\n")
    words = lines[2].split() if len(lines) > HEADLINES else []
    if len(words) != len(TOTALS) or not all(map(is_hexadecimal, words)):
        raise Malformed(f"ip_vs_stats: wanted {len(TOTALS)} numbers, saw {words[:8]}")
    return tuple(int(word, 16) for word in words)


def parse(data: bytes) -> Iterator[Backend]:
    """Yield every real server of every virtual one.

    Raises:
        Malformed: A line is neither, or the file ends within a line.
    """
    *lines, rest = data.split(b"\n")
    if rest or len(lines) < HEADLINES:
        raise Malformed(f"ip_vs: wanted {HEADLINES} headlines and whole lines, ends {data[-40:]!r}")
    local: tuple[str, str, str, str] | None = None
    for line in lines[HEADLINES:]:
        if match := SERVICE.fullmatch(line):
            local = _service(match["proto"], match["at"])
        elif (match := BACKEND.fullmatch(line)) and local is not None:
            numbers = int(match["active"]), int(match["rest"]), int(match["weight"])
            yield Backend((*local, *_place(match["at"])), *numbers)
        else:
            raise Malformed(f"ip_vs: wanted a service or a server, saw {line[:80]!r}")


def _service(proto: bytes, at: bytes) -> tuple[str, str, str, str]:
    if proto == MARK:
        return "", at.decode("ascii", "replace"), "0", proto.decode()
    address, port = _place(at)
    return address, "", port, proto.decode()


def _place(at: bytes) -> tuple[str, str]:
    """Return an address and a port as people write them."""
    try:
        if match := IPV4.fullmatch(at):
            return str(IPv4Address(int(match[1], 16))), str(int(match[2], 16))
        if match := IPV6.fullmatch(at):
            address = IPv6Address(match[1].decode())
            return str(address.ipv4_mapped or address), str(int(match[2], 16))
    except ValueError:
        pass
    raise Malformed(f"ip_vs: wanted ADDRESS:PORT, saw {at[:60]!r}")


class Ipvs(OnScrape):
    """Serves node_ipvs_*."""

    name = "ipvs"

    def __init__(self, totals: NetFile, table: NetFile, labels: Sequence[str]) -> None:
        """Read nothing yet.

        Args:
            totals: /proc/net/ip_vs_stats.
            table: /proc/net/ip_vs.
            labels: Of LABELS those that are shown; servers that only differ in others are added up.
        """
        self._totals = totals
        self._table = table
        self._shown = [at for at, label in enumerate(LABELS) if label in labels]
        self._grid = Grid(BACKENDS, [LABELS[at] for at in self._shown])

    def collect(self) -> bytes:
        """Read both files once; absent where the balancer is not loaded."""
        totals = TEMPLATE % parse_totals(self._totals.read())
        sums: dict[tuple[str, ...], tuple[int, int, int]] = {}
        for one in parse(self._table.read()):
            key = tuple(one.labels[at] for at in self._shown)
            active, inactive, weight = sums.get(key, (0, 0, 0))
            sums[key] = active + one.active, inactive + one.inactive, weight + one.weight
        return totals + self._grid.fill(tuple(sums), zip(*sums.values(), strict=True))


def labels(text: str) -> Sequence[str]:
    """Read --collector.ipvs.backend-labels.

    Raises:
        ValueError: One of the words is no label.
    """
    words = [word for word in text.split(",") if word]
    if unknown := sorted(set(words) - set(LABELS)):
        raise ValueError(f"unknown labels {', '.join(unknown)}; wanted of {', '.join(LABELS)}")
    return tuple(words)
