"""What went through the network devices, from /proc/net/dev, as node_exporter's `netdev`.

It is PID 1's /proc/net/dev, so that never a sandbox's network is shown as the node's. Netlink, where node_exporter
reads since 1.4, has one counter more (nohandler, which we take from /sys), but asks under a lock that a driver that
hangs may hold for ever.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path

from exporter.collector import Absent, Malformed, OnScrape
from exporter.devices import Devices
from exporter.exposition import Family, Kind, block
from exporter.procfile import ProcFile

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
NOHANDLER = _family("receive_nohandler")

# Files of /sys that stay open, one for each device: a node with more devices opens the rest each time.
KEPT_OPEN = 256


@dataclass(frozen=True, slots=True)
class Traffic:
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


@dataclass(frozen=True, slots=True)
class Layout:
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

    def __init__(self, file: ProcFile, own: ProcFile, folder: Path, keep: Devices) -> None:
        """Read nothing yet.

        Args:
            file: PID 1's net/dev.
            own: Our own, for a node that hides PID 1 from us (hidepid=).
            folder: /sys/class/net.
            keep: Which devices to show.
        """
        self._file = file
        self._own = own
        self._keep = keep
        self._unhandled = Unhandled(folder)
        self._layout: Layout | None = None
        self._template = b""

    def collect(self) -> bytes:
        """Read net/dev once, and a file of /sys for each device."""
        data = self._read()
        columns: Columns | None = self._layout.columns(data) if self._layout else None
        if columns is None:  # the first time, and when a device came or went
            columns = self._prepare(data)
        return self._template % tuple(chain.from_iterable(columns)) + self._unhandled.lines()

    def _read(self) -> bytes:
        try:
            return self._file.read()
        except (Absent, PermissionError):
            return self._own.read()

    def _prepare(self, data: bytes) -> Columns:
        traffic = parse(data)
        names = [name.decode("utf-8", "backslashreplace") for name in traffic.devices]
        at = [at for at, name in enumerate(names) if self._keep.keeps(name)]
        shown = [names[one] for one in at]
        self._template = b"".join(
            block(family, [_literal(family.series(device=name)) + b"%b\n" for name in shown])
            for family in FAMILIES
        )
        raw = [traffic.devices[one] for one in at]
        self._unhandled.watch(dict(zip(shown, raw, strict=True)))
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


def _literal(series: bytes) -> bytes:
    return series.replace(b"%", b"%%")


class Unhandled:
    """The packets that nobody wanted (rx_nohandler), which /proc/net/dev does not have."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, tuple[bytes, ProcFile]] = {}

    def watch(self, devices: dict[str, bytes]) -> None:
        """Take over the devices, by their names as shown and as the kernel has them."""
        for name in self._files.keys() - devices.keys():
            self._files.pop(name)[1].close()
        for name, raw in devices.items():
            if name not in self._files:
                path = self._folder / os.fsdecode(raw) / "statistics/rx_nohandler"
                self._files[name] = NOHANDLER.series(device=name), ProcFile(path)

    def lines(self) -> bytes:
        """Return the block of this counter; a device that has none, or is just going, is left out."""
        found = []
        for number, (series, file) in enumerate(self._files.values()):
            value = _whole(file)
            if value is not None:
                found.append(series + value + b"\n")
            if number >= KEPT_OPEN:
                file.close()
        return block(NOHANDLER, found)


def _whole(file: ProcFile) -> bytes | None:
    for _ in range(
        2
    ):  # a device of the same name may have come since: then only a fresh look helps
        try:
            value = file.read_value()
        except (Absent, Malformed):
            return None
        except OSError:
            continue
        return value if value.isdigit() else None
    return None
