"""How many TCP connections are in each state, asked of the kernel (sock_diag(7)), as node_exporter's `tcpstat`.

Every socket comes in the answer, so it is asked in a thread, and not by a scrape.
"""

import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from exporter import netlink
from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample

STATES = Family("node_tcp_connection_states", Kind.GAUGE, "Number of connection states.")

# By the kernel's numbers (include/net/tcp_states.h), from 1.
NAMES = (
    *("established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait"),
    *("close", "close_wait", "last_ack", "listen", "closing"),
)
RECEIVED, TO_SEND = "rx_queued_bytes", "tx_queued_bytes"
UNKNOWN = "unknown"

# linux/sock_diag.h and linux/inet_diag.h
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
QUESTION = struct.Struct("=BBBxL48x")  # inet_diag_req_v2: family, protocol, extensions, states
# inet_diag_msg: family, state, ..., what waits to be read and to be sent
SOCKET = struct.Struct("=xB54xLL8x")
ALL_STATES = 0xFFF

Ask = Callable[[int, int, bytes], Iterable[bytes]]


def tcpstat(procfs: Path, ask: Ask = netlink.listed) -> Devices:
    """Return the collector's reader; it has one thing to read, which is all sockets together.

    Args:
        procfs: Where /proc is, which says whether there is IPv6.
        ask: Asks the kernel for a list.
    """

    def read(_: str) -> tuple[Sample, ...]:
        families = [socket.AF_INET]
        if (procfs / "net/tcp6").exists():
            families.append(socket.AF_INET6)
        counts = Counter[str]()
        for family in families:
            question = QUESTION.pack(family, socket.IPPROTO_TCP, 0, ALL_STATES)
            counts.update(counted(ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, question)))
        return tuple(sample(STATES, count, state=name) for name, count in counts.items())

    return Devices("tcpstat", lambda: ["sockets"], read)


def counted(sockets: Iterable[bytes]) -> Counter[str]:
    """Count the sockets in each state, and the bytes that wait in them.

    Of a socket that listens these are its connections that wait to be accepted, and how many may, as in node_exporter.

    Raises:
        Malformed: One is shorter than the kernel says it is.
    """
    found = Counter[str]()
    for one in sockets:
        if len(one) < SOCKET.size:
            raise Malformed(f"tcpstat: a socket of {len(one)} bytes")
        state, received, to_send = SOCKET.unpack_from(one)
        found[NAMES[state - 1] if 1 <= state <= len(NAMES) else UNKNOWN] += 1
        found[RECEIVED] += received
        found[TO_SEND] += to_send
    return found
