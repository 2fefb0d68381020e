"""Memory errors that the memory controllers counted, from /sys/devices/system/edac, as node_exporter's `edac`.

Documentation/admin-guide/RAS. Counts of the kernel: no memory is asked.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written


def _counter(name: str, text: str) -> Family:
    return Family(f"node_edac_{name}_total", Kind.COUNTER, text)


# The file's prefix, and what its errors are called: corrected (ce) and uncorrected (ue).
WORDS = {"ce": "correctable", "ue": "uncorrectable"}
OF_CONTROLLER = {
    key: _counter(f"{word}_errors", f"Total {word} memory errors.") for key, word in WORDS.items()
}
OF_ROW = {
    key: _counter(f"csrow_{word}_errors", f"Total {word} memory errors for this csrow.")
    for key, word in WORDS.items()
}
OF_CHANNEL = {
    key: _counter(f"channel_{word}_errors", f"Total {word} memory errors for this channel.")
    for key, word in WORDS.items()
}
# Errors of which the controller could not say where they were.
NOWHERE = "unknown"


class Edac(OnScrape):
    """Serves node_edac_*."""

    name = "edac"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._controllers = sysfs / "devices/system/edac/mc"

    def collect(self) -> bytes:
        """Read each controller, its rows and their channels."""
        controllers = sysfiles.entries(self._controllers, "mc[0-9]+")
        if not controllers:
            raise Absent("edac: no memory controller tells of errors")
        return written(one for folder in controllers for one in _controller(folder))


def _controller(folder: Path) -> Iterator[Sample]:
    controller = folder.name.removeprefix("mc")
    for key in WORDS:
        yield from _count(OF_CONTROLLER[key], folder / f"{key}_count", controller=controller)
        nowhere = folder / f"{key}_noinfo_count"
        yield from _count(OF_ROW[key], nowhere, controller=controller, csrow=NOWHERE)
    for row in sysfiles.entries(folder, "csrow[0-9]+"):
        yield from _row(row, {"controller": controller, "csrow": row.name.removeprefix("csrow")})


def _row(row: Path, labels: dict[str, str]) -> Iterator[Sample]:
    for key in WORDS:
        yield from _count(OF_ROW[key], row / f"{key}_count", **labels)
    for file in sysfiles.entries(row, "ch[0-9]+_ce_count"):
        channel = re.sub(r"\D", "", file.name)
        dimm = _dimm(sysfiles.text(row / f"ch{channel}_dimm_label"))
        for key in WORDS:
            path = row / f"ch{channel}_{key}_count"
            more = {"channel": channel, "dimm_label": dimm}
            yield from _count(OF_CHANNEL[key], path, **labels, **more)


def _dimm(label: str | None) -> str:
    """Return a label as node_exporter does, which takes the number signs out of it."""
    if label is None:
        return "unknown"
    label = label.replace("#", "").replace("csrow", "_csrow")
    return label.replace("channel", "_channel")


def _count(family: Family, path: Path, **labels: str) -> Iterator[Sample]:
    if (count := sysfiles.whole(path)) is not None and count >= 0:
        yield sample(family, count, **labels)
