"""What went through the network devices, from /proc/net/dev, as node_exporter's `netdev`.

It is PID 1's /proc/net/dev, so that never a sandbox's network is shown as the node's. Netlink, where node_exporter
reads since 1.4, has one counter more (nohandler, which we take from /sys), but asks under a lock that a driver that
hangs may hold for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.devices import Devices
from exporter.exposition import Family, Kind, block
from exporter.netcounters import Aliases, Counters
from exporter.netns import NetFile

# The kernel's columns (net/core/net-procfs.c) and node_exporter's word for each.
RECEIVE = {
    b"bytes": "receive_bytes",
    b"packets": "receive_packets",
    b"errs": "receive_errs",
    b"drop": "receive_drop",
    b"fifo": "receive_fifo",
    b"frame": "receive_frame",
    b"compressed": "receive_compressed",
    b"multicast": "receive_multicast",
}
TRANSMIT = {
    b"bytes": "transmit_bytes",
    b"packets": "transmit_packets",
    b"errs": "transmit_errs",
    b"drop": "transmit_drop",
    b"fifo": "transmit_fifo",
    b"colls": "transmit_colls",
    b"carrier": "transmit_carrier",
    b"compressed": "transmit_compressed",
}


def _family(word: str) -> Family:
    return Family(f"node_network_{word}_total", Kind.COUNTER, f"Network device statistic {word}.")


FAMILIES = tuple(_family(word) for word in (*RECEIVE.values(), *TRANSMIT.values()))
# The file of /sys, and node_exporter's word for it.
NOHANDLER = {"rx_nohandler": _family("receive_nohandler")}

# Where node_exporter hears them over netlink, which has other words for some (include/uapi/linux/if_link.h).
DETAILED = {
    "receive_errs": "receive_errors",
    "receive_fifo": "receive_fifo_errors",
    "receive_multicast": "multicast",
    "transmit_errs": "transmit_errors",
    "transmit_drop": "transmit_dropped",
    "transmit_fifo": "transmit_fifo_errors",
    "transmit_colls": "collisions",
}
# /proc/net/dev has but the sum of several (dev_seq_printf_stats in net/core/net-procfs.c): these are read from /sys.
SUMS = {
    "receive_drop": ("dropped", "missed_errors"),
    "receive_frame": ("frame_errors", "length_errors", "over_errors", "crc_errors"),
    "transmit_carrier": ("carrier_errors", "aborted_errors", "heartbeat_errors", "window_errors"),
}


def _parts() -> Iterator[tuple[str, Family]]:
    for total, words in SUMS.items():
        direction = total.partition("_")[0]
        for word in words:
            yield f"{direction[0]}x_{word}", _family(f"{direction}_{word}")


class Naming(NamedTuple):
    """How the counters are called.

    Attributes:
        columns: Of each column of FAMILIES its family; None for one that is not shown.
        files: The counters that come from /sys, by the name of the file.
    """

    columns: tuple[Family | None, ...]
    files: Mapping[str, Family]


SHORT = Naming(FAMILIES, NOHANDLER)
IN_DETAIL = Naming(
    tuple(
        None if word in SUMS else _family(DETAILED.get(word, word))
        for word in (*RECEIVE.values(), *TRANSMIT.values())
    ),
    {**dict(_parts()), **NOHANDLER},
)


class Traffic(NamedTuple):
    """The devices in file order, and of each its counters in the order of FAMILIES, digits as the kernel wrote them."""

    devices: tuple[bytes, ...]
    counters: tuple[tuple[bytes, ...], ...]


def parse(data: bytes) -> Traffic:
    """Find the known columns by the headline, which is where a newer kernel would name more of them.

    A device that is there twice, as it can be while devices come and go, is taken once.

    Raises:
        Malformed: A known column is missing, a line has not a number for each column, or the file ends within a line.
    """
    lines = data.split(b"\n")
    if len(lines) < 3 or lines[-1]:
        raise Malformed(f"net/dev: wanted two headlines and whole lines, ends {data[-40:]!r}")
    columns, places = _columns(lines[1])
    take = itemgetter(*places)
    found: dict[bytes, tuple[bytes, ...]] = {}
    for row in lines[2:-1]:
        name, _, rest = row.strip().rpartition(b":")
        numbers = rest.split()
        if len(numbers) != columns or not b"".join(numbers).isdigit() or not name or b"/" in name:
            raise Malformed(f"net/dev: wanted a device and {columns} numbers, saw {row[:80]!r}")
        found.setdefault(name, take(numbers))
    return Traffic(tuple(found), tuple(found.values()))


def _columns(headline: bytes) -> tuple[int, list[int]]:
    """Return how many numbers a line has, and where among them those of FAMILIES stand."""
    _, receive, transmit = (*headline.split(b"|"), b"", b"")[:3]
    rx, tx = receive.split(), transmit.split()
    try:
        places = [rx.index(key) for key in RECEIVE]
        places += [len(rx) + tx.index(key) for key in TRANSMIT]
    except ValueError:
        raise Malformed(f"net/dev: a column is missing in {headline[:160]!r}") from None
    return len(rx) + len(tx), places


Columns = Sequence[Sequence[bytes]]


class Layout(NamedTuple):
    """How a file that was understood is laid out: a table below two headlines.

    Attributes:
        head: The headlines.
        names: The first word of each line, `eth0:`.
        places: Which of a line's numbers each counter of FAMILIES is.
        shown: The lines of the devices that are shown.
        width: Words of each line.
    """

    head: bytes
    names: list[bytes]
    places: list[int]
    shown: tuple[int, ...]
    width: int

    def columns(self, data: bytes) -> list[list[bytes]] | None:
        """Return the shown devices' counters by column; None when this file is not laid out in this way.

        As long as the same names stand in the same places nothing has moved, and all numbers are looked at in one go.
        """
        words, lines = data[len(self.head) :].split(), len(self.names)
        if not data.startswith(self.head) or not data.endswith(b"\n"):
            return None
        if len(words) != self.width * lines or data.count(b"\n") != lines + 2:
            return None
        if words[:: self.width] != self.names:
            return None
        table = [words[at :: self.width] for at in range(1, self.width)]
        if not b"".join(chain.from_iterable(table)).isdigit():
            return None
        columns = [table[at] for at in self.places]
        if len(self.shown) < lines:
            return [[column[at] for at in self.shown] for column in columns]
        return columns


class Netdev(OnScrape):
    """Serves node_network_* of every device that it is not told to leave out."""

    name = "netdev"

    def __init__(
        self,
        file: NetFile,
        folder: Path,
        keep: Devices,
        naming: Naming = SHORT,
        with_aliases: bool = False,
    ) -> None:
        """Read nothing yet.

        Args:
            file: net/dev.
            folder: /sys/class/net.
            keep: Which devices to show.
            naming: How the counters are called.
            with_aliases: Whether each series has the alias that the administrator gave to its device.
        """
        self._file = file
        self._keep = keep
        self._naming = naming
        self._counters = Counters(folder, naming.files)
        self._aliases = Aliases(folder) if with_aliases else None
        self._layout: Layout | None = None
        self._template = b""

    def collect(self) -> bytes:
        """Read net/dev once, and files of /sys for each device."""
        data = self._file.read()
        if self._aliases is not None and self._aliases.changed():
            self._layout = None
        columns: Columns | None = self._layout.columns(data) if self._layout else None
        if columns is None:  # the first time, and when a device came or went
            columns = self._prepare(data)
        return self._template % tuple(chain.from_iterable(columns)) + self._counters.lines()

    def _prepare(self, data: bytes) -> Columns:
        traffic = parse(data)
        names = [name.decode("utf-8", "backslashreplace") for name in traffic.devices]
        at = [at for at, name in enumerate(names) if self._keep.keeps(name)]
        shown, raw = [names[one] for one in at], [traffic.devices[one] for one in at]
        labels = [{"device": name} for name in shown]
        if self._aliases is not None:
            self._aliases.watch(raw)
            labels = [one | more for one, more in zip(labels, self._aliases.labels(), strict=True)]
        self._template = b"".join(_place(family, labels) for family in self._naming.columns)
        self._counters.watch(zip(raw, labels, strict=True))
        self._layout = _layout(data, tuple(at))
        # From a row for each device to a row for each counter, which is how the format wants them.
        return list(zip(*(traffic.counters[one] for one in at), strict=True))


def _layout(data: bytes, shown: tuple[int, ...]) -> Layout | None:
    """Return how a file is laid out that was understood.

    None when it is no table: where no space stands behind a name's colon, as kernels wrote it once, and where a device
    is there twice.
    """
    first, second, *rows = data.split(b"\n")[:-1]
    count, places = _columns(second)
    names = [row.split()[0] for row in rows]
    alike = all(len(row.split()) == count + 1 for row in rows)
    if not alike or len(set(names)) < len(names) or not all(one.endswith(b":") for one in names):
        return None
    head = first + b"\n" + second + b"\n"
    return Layout(head, names, places, shown, count + 1)


def _place(family: Family | None, labels: Sequence[Mapping[str, str]]) -> bytes:
    """Return the text of one column with a place for each device's number; no text where it is not shown."""
    if family is None:
        return b"%.0s" * len(labels)  # takes the number, and writes nothing
    return block(family, [_literal(family.series(**one)) + b"%b\n" for one in labels])


def _literal(series: bytes) -> bytes:
    return series.replace(b"%", b"%%")
