"""Samples of few and changing series, gathered one by one and written out family by family.

For what is read seldom or is small; collectors that every scrape runs over many series make templates instead.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from exporter.exposition import Family, block, line


class Sample(NamedTuple):
    """One value of one series; `labels` by name, as node_exporter writes them."""

    family: Family
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def sample(family: Family, value: float, /, **labels: str) -> Sample:
    """Return a sample with these labels."""
    return Sample(family, value, tuple(sorted(labels.items())))


def written(samples: Iterable[Sample]) -> bytes:
    """Write samples in the text format, families by name; of a series that is there twice the first is taken."""
    families: dict[str, tuple[Family, dict[bytes, bytes]]] = {}
    for one in samples:
        family, lines = families.setdefault(one.family.name, (one.family, {}))
        series = family.series(**dict(one.labels))
        lines.setdefault(series, line(series, one.value))
    return b"".join(
        block(family, list(lines.values())) for _, (family, lines) in sorted(families.items())
    )


@dataclass(frozen=True, slots=True)
class Devices:
    """Devices whose files ask the hardware, as `hardware.in_background` reads them.

    Attributes:
        name: The collector's.
        find: Returns the devices that there are.
        read: Returns the samples of one, all of them read, in a thread; none where it has nothing to say.
    """

    name: str
    find: Callable[[], Collection[str]]
    read: Callable[[str], tuple[Sample, ...]]

    def body(self, readings: Mapping[str, tuple[Sample, ...]]) -> bytes:
        """Return the series of the devices that answered."""
        return written(one for samples in readings.values() for one in samples)
