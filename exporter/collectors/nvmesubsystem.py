"""Paths to NVMe subsystems, as a rule over a fabric, from /sys/class/nvme-subsystem, as node_exporter does.

States are the kernel's (drivers/nvme/host/sysfs.c); nothing is asked of a controller.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_nvmesubsystem_{name}", Kind.GAUGE, text)


INFO = _gauge("info", "Non-numeric information about an NVMe subsystem.")
NAMESPACE = _gauge("namespace_info", "Maps an NVMe namespace block device to its subsystem.")
PATHS = _gauge("paths", "Number of controller paths for an NVMe subsystem.")
LIVE = _gauge("paths_live", "Number of controller paths in live state for an NVMe subsystem.")
STATE = _gauge(
    "path_state",
    "Current NVMe controller path state (1 for the current state, 0 for all others).",
)
STATES = ("connecting", "dead", "deleting", "live", "new", "resetting", "unknown")
FILES = {"subsysnqn": "nqn", "model": "model", "serial": "serial", "iopolicy": "iopolicy"}


class NvmeSubsystem(OnScrape):
    """Serves node_nvmesubsystem_*."""

    name = "nvmesubsystem"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._folder = sysfs / "class/nvme-subsystem"

    def collect(self) -> bytes:
        """Read each subsystem and its paths."""
        folders = sysfiles.entries(self._folder, "nvme-subsys.*")
        if not folders:
            raise Absent("nvmesubsystem: there is none")
        return written(one for folder in folders for one in _of(folder))


def _of(folder: Path) -> Iterator[Sample]:
    subsystem = folder.name
    said = {label: sysfiles.text(folder / name) or "" for name, label in FILES.items()}
    yield sample(INFO, 1, subsystem=subsystem, **said)
    for namespace in sysfiles.entries(folder, "nvme[0-9]+n[0-9]+"):
        yield sample(NAMESPACE, 1, subsystem=subsystem, device=namespace.name)
    paths = sysfiles.entries(folder, "nvme[0-9]+")
    states = [_state(sysfiles.text(path / "state")) for path in paths]
    yield sample(PATHS, len(paths), subsystem=subsystem)
    yield sample(LIVE, states.count("live"), subsystem=subsystem)
    for path, state in zip(paths, states, strict=True):
        labels = {"subsystem": subsystem, "controller": path.name}
        transport = sysfiles.text(path / "transport") or ""
        for one in STATES:
            yield sample(STATE, one == state, **labels, transport=transport, state=one)


def _state(word: str | None) -> str:
    word = "deleting" if word == "deleting (no IO)" else word
    return word if word in STATES else "unknown"
