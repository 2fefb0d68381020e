"""Energy that the processors used, from /sys/class/powercap, as node_exporter's `rapl`.

The counters are root's to read since Linux 5.10 (CVE-2020-8694): without a rule of udev's there is nothing to show.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written

JOULES = Family("node_rapl_joules_total", Kind.COUNTER, "Current RAPL value in joules")
INDEXED = re.compile(r"([^-]*)-([0-9]{1,9})", re.ASCII)
NOT_IN_A_NAME = re.compile(r"_*[^0-9A-Za-z_]+_*")


class Rapl(OnScrape):
    """Serves node_rapl_*; the registers are in the processor, and answer at once."""

    name = "rapl"

    def __init__(self, sysfs: Path, zone_label: bool) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
            zone_label: Whether the zone is a label of one metric, rather than in the metrics' names.
        """
        self._folder = sysfs / "class/powercap"
        self._zone_label = zone_label

    def collect(self) -> bytes:
        """Read each zone."""
        found = list(self._zones())
        if not found:
            raise Absent("rapl: there is no zone, or none that may be read")
        return written(found)

    def _zones(self) -> Iterator[Sample]:
        used: Counter[str] = Counter()
        for folder in sysfiles.entries(self._folder):
            if not (name := sysfiles.text(folder / "name")):
                continue
            # Some names end with their index, and some are there several times.
            match = INDEXED.fullmatch(name)
            name, index = (match[1], int(match[2])) if match else (name, used[name])
            used[name] = index + 1
            energy = sysfiles.whole(folder / "energy_uj")
            if energy is not None and energy >= 0:
                yield self._sample(name, index, str(folder), energy / 1_000_000)

    def _sample(self, zone: str, index: int, path: str, joules: float) -> Sample:
        labels = {"index": str(index), "path": path}
        if self._zone_label:
            return sample(JOULES, joules, **labels, rapl_zone=zone)
        name = f"node_rapl_{NOT_IN_A_NAME.sub('_', zone)}_joules_total"
        return sample(
            Family(name, Kind.COUNTER, f"Current RAPL {zone} value in joules"), joules, **labels
        )
