"""Counters of the network's protocols, from /proc/net/{netstat,snmp,snmp6}, as node_exporter's `netstat`.

Formats: net/ipv4/proc.c and net/ipv6/proc.c. The kernel says of none whether it only grows, and its numbers are served
digit for digit.
"""

import re
from collections.abc import Sequence

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.netns import NetFile
from exporter.wholes import DIGITS

# node_exporter's default (collector/netstat_linux.go).
FIELDS = (
    r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
)

NAME = re.compile(rb"[A-Za-z0-9]+")
NAMES = re.compile(rb"([A-Za-z0-9]+):( [A-Za-z0-9]+)* ?")
NUMBER = re.compile(rb"-?[0-9]{1,20}")


def parse(data: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """Return the lines with the names, and the numbers of all of them in their order.

    Raises:
        Malformed: A line of names has not its line of as many numbers, or the file ends within a line.
    """
    *lines, rest = data.split(b"\n")
    names, values = lines[::2], lines[1::2]
    if rest or not names or len(names) != len(values):
        raise Malformed(f"netstat: wanted two lines a protocol, ends {data[-40:]!r}")
    numbers = list[bytes]()
    for above, below in zip(names, values, strict=True):
        protocol, *found = below.split() or [b""]
        if not protocol.endswith(b":") or not above.startswith(protocol) or not _numbers(found):
            raise Malformed(f"netstat: wanted numbers, saw {below[:80]!r}")
        if len(above.split()) != 1 + len(found):
            raise Malformed(f"netstat: wanted a number for each name, saw {below[:80]!r}")
        numbers += found
    return tuple(names), numbers


def parse6(data: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """Return the names, and their numbers, of what /proc/net/snmp6 has: of IPv6 a line each.

    Raises:
        Malformed: A line has not a name and a number, or the file ends within a line.
    """
    words = data.split()
    names, numbers = words[::2], words[1::2]
    if len(words) != 2 * data.count(b"\n") or data[-1:] not in b"\n" or not _numbers(numbers):
        raise Malformed(f"snmp6: wanted a name and a number a line, ends {data[-40:]!r}")
    return tuple(names), numbers


def _numbers(words: Sequence[bytes]) -> bool:
    """Tell whether these are all numbers; most often none of them is below 0."""
    if b"".join(words).isdigit() and max(map(len, words)) <= DIGITS:
        return True
    return all(map(NUMBER.fullmatch, words))


class Netstat(OnScrape):
    """Serves node_netstat_* of the fields that it is told to show."""

    name = "netstat"

    def __init__(
        self, netstat: NetFile, snmp: NetFile, snmp6: NetFile, shown: re.Pattern[str]
    ) -> None:
        """Read nothing yet.

        Args:
            netstat: /proc/net/netstat.
            snmp: /proc/net/snmp.
            snmp6: /proc/net/snmp6; not there where IPv6 is off.
            shown: Searched in each field's name, PROTOCOL_NAME.
        """
        self._files = (netstat, snmp)
        self._ipv6 = snmp6
        self._fields = shown
        self._names: tuple[tuple[bytes, ...], ...] = ()
        self._shown: list[int] = []
        self._template = b""

    def collect(self) -> bytes:
        """Read the three files once."""
        seen = [parse(file.read()) for file in self._files]
        seen.append(parse6(self._ipv6.there() or b""))
        names = tuple(one for one, _ in seen)
        if names != self._names:  # the first time, and with a kernel module that adds a protocol
            self._prepare(names)
        values = [value for _, found in seen for value in found]
        return self._template % tuple([values[at] for at in self._shown])

    def _prepare(self, names: tuple[tuple[bytes, ...], ...]) -> None:
        *ipv4, ipv6 = names
        keys = [*_keys([line for lines in ipv4 for line in lines]), *map(_key6, ipv6)]
        shown = {key: at for at, key in enumerate(keys) if key and self._fields.search(key)}
        self._shown = list(shown.values())
        self._template = b"".join(map(_place, shown))
        self._names = names


def _keys(lines: Sequence[bytes]) -> list[str]:
    found = list[str]()
    for line in lines:
        if not NAMES.fullmatch(line):
            raise Malformed(f"netstat: wanted names, saw {line[:80]!r}")
        protocol, *names = line.decode().split()
        found += [f"{protocol.removesuffix(':')}_{name}" for name in names]
    return found


def _key6(name: bytes) -> str:
    """Return a field's name, Ip6_InReceives of Ip6InReceives; empty of one without a 6, which is not shown."""
    if not NAME.fullmatch(name):
        raise Malformed(f"snmp6: no field is called {name[:40]!r}")
    protocol, six, rest = name.decode().partition("6")
    return f"{protocol}6_{rest}" if six else ""


def _place(key: str) -> bytes:
    text = f"Statistic {key.replace('_', '', 1)}."
    family = Family(f"node_netstat_{key}", Kind.UNTYPED, text)
    return family.header() + family.series() + b"%b\n"
