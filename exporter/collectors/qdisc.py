"""What each network device's queueing discipline has sent and dropped, as node_exporter's `qdisc` (tc(8)).

Asked over rtnetlink(7), under the lock of all network devices: a driver that hangs may keep it for ever.
"""

import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from exporter import netlink
from exporter.collector import Malformed
from exporter.devices import Devices as Kept
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample


def _counter(name: str, text: str) -> Family:
    return Family(f"node_qdisc_{name}_total", Kind.COUNTER, text)


# In the order of `Counts`.
FAMILIES = (
    _counter("bytes", "Number of bytes sent."),
    _counter("packets", "Number of packets sent."),
    Family(
        "node_qdisc_current_queue_length",
        Kind.GAUGE,
        "Number of packets currently in queue to be sent.",
    ),
    Family("node_qdisc_backlog", Kind.GAUGE, "Number of bytes currently in queue to be sent."),
    _counter("drops", "Number of packets dropped."),
    _counter("requeues", "Number of packets dequeued, not transmitted, and requeued."),
    _counter("overlimits", "Number of overlimit packets."),
)

# linux/rtnetlink.h and linux/gen_stats.h
NETLINK_ROUTE, GET_QDISC = 0, 38
QDISC = struct.Struct("=B3xlLLL")  # tcmsg: family, interface, handle, parent, info
KIND, STATISTICS = 1, 7
BASIC, QUEUE = 1, 3
SENT = struct.Struct("=QL")  # gnet_stats_basic: bytes, packets
WAITING = struct.Struct("=LLLLL")  # gnet_stats_queue: qlen, backlog, drops, requeues, overlimits
ROOT = (0, 0xFFFFFFFF)

Ask = Callable[[int, int, bytes], Iterable[bytes]]


class Counts(NamedTuple):
    """What one discipline counts."""

    sent_bytes: int = 0
    packets: int = 0
    length: int = 0
    backlog: int = 0
    drops: int = 0
    requeues: int = 0
    overlimits: int = 0


class Discipline(NamedTuple):
    """The discipline at the root of one device, by the kernel's number of it."""

    interface: int
    kind: str
    counts: Counts


def _names() -> Mapping[int, str]:
    return dict(socket.if_nameindex())


def qdisc(
    keep: Kept, ask: Ask = netlink.listed, names: Callable[[], Mapping[int, str]] = _names
) -> Devices:
    """Return the collector's reader; it has one thing to read, which is all devices together.

    Args:
        keep: Which devices to show.
        ask: Asks the kernel for a list.
        names: Returns the devices' names by their numbers.
    """

    def read(_: str) -> tuple[Sample, ...]:
        found = list(parse(ask(NETLINK_ROUTE, GET_QDISC, QDISC.pack(0, 0, 0, 0, 0))))
        known = names()
        return tuple(
            sample(family, count, device=known[one.interface], kind=one.kind)
            for one in found
            if keep.keeps(known.get(one.interface, ""))
            for family, count in zip(FAMILIES, one.counts, strict=True)
            if one.interface in known
        )

    return Devices("qdisc", lambda: ["disciplines"], read)


def parse(bodies: Iterable[bytes]) -> Iterator[Discipline]:
    """Yield the disciplines at the root of a device, and not those below.

    Raises:
        Malformed: One ends before its end.
    """
    for body in bodies:
        if len(body) < QDISC.size:
            raise Malformed(f"qdisc: a discipline of {len(body)} bytes")
        _, interface, _, parent, _ = QDISC.unpack_from(body)
        if parent in ROOT:
            found = netlink.attributes(body[QDISC.size :])
            kind = found.get(KIND, b"").rstrip(b"\0").decode("utf-8", "replace")
            yield Discipline(interface, kind, _counts(found.get(STATISTICS, b"")))


def _counts(statistics: bytes) -> Counts:
    nested = netlink.attributes(statistics)
    sent, waiting = nested.get(BASIC, b""), nested.get(QUEUE, b"")
    if len(sent) < SENT.size or len(waiting) < WAITING.size:
        return Counts()  # node_exporter says 0 of what the kernel does not count
    return Counts(*SENT.unpack_from(sent), *WAITING.unpack_from(waiting))
