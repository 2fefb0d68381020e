"""How often each interrupt came to each processor, from /proc/interrupts (proc(5)), as node_exporter's `interrupts`."""

from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.devices import Devices
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.procfile import ProcFile
from exporter.wholes import is_whole

FAMILY = Family("node_interrupts_total", Kind.COUNTER, "Interrupt details.")


class Interrupt(NamedTuple):
    """One line: its number or name, what it comes from, and its counts by column, digits as the kernel wrote them."""

    name: str
    info: str
    devices: str
    counts: tuple[bytes, ...]


def parse(data: bytes) -> list[Interrupt]:
    """Read the lines that have a count for each column of the headline and say what they are; ERR and MIS do not.

    Raises:
        Malformed: There is no headline, a count is none, or the file ends within a line.
    """
    headline, *rows = data.split(b"\n")
    processors = headline.split()
    columns = len(processors)
    named = columns and all(one.startswith(b"CPU") for one in processors)
    if not named or not rows or rows[-1]:
        raise Malformed(f"interrupts: wanted processors and whole lines, ends {data[-40:]!r}")
    found: dict[str, Interrupt] = {}
    for row in rows:
        key, colon, rest = row.partition(b":")
        words = rest.split()
        if colon and len(words) > columns:
            one = _interrupt(key.lstrip(b" "), words, columns)
            found[one.name] = one  # of a name that is there twice the last, as node_exporter
    return list(found.values())


def _interrupt(key: bytes, words: list[bytes], columns: int) -> Interrupt:
    counts = tuple(words[:columns])
    if not all(map(is_whole, counts)):
        raise Malformed(f"interrupts: wanted numbers for {key[:20]!r}, saw {counts[:8]}")
    said = [word.decode("utf-8", "replace") for word in words[columns:]]
    name = key.decode("utf-8", "replace")
    if is_whole(key):
        return Interrupt(name, said[0], " ".join(said[1:]), counts)
    return Interrupt(name, " ".join(said), "", counts)


class Interrupts(OnScrape):
    """Serves node_interrupts_total."""

    name = "interrupts"

    def __init__(self, file: ProcFile, keep: Devices, zeros: bool) -> None:
        """Read nothing yet.

        Args:
            file: /proc/interrupts.
            keep: Which to show, by NAME;INFO;DEVICES.
            zeros: Whether to show those that never came to a processor.
        """
        self._file = file
        self._keep = keep
        self._zeros = zeros
        self._kept: dict[tuple[str, str, str], bool] = {}
        self._grid = Grid([FAMILY], ("cpu", "devices", "info", "type"), b"%b")

    def collect(self) -> bytes:
        """Read /proc/interrupts once."""
        rows, counts = list[tuple[str, ...]](), list[bytes]()
        for one in parse(self._file.read()):
            if self._keeps(one):
                for cpu, count in enumerate(one.counts):
                    if self._zeros or count.strip(b"0"):
                        rows.append((str(cpu), one.devices, one.info, one.name))
                        counts.append(count)
        return self._grid.fill(tuple(rows), [counts])

    def _keeps(self, one: Interrupt) -> bool:
        key = (one.name, one.info, one.devices)
        if (known := self._kept.get(key)) is None:
            known = self._kept[key] = self._keep.keeps(";".join(key))
        return known
