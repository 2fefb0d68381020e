"""NVMe controllers and their namespaces, from /sys/class/nvme, as node_exporter's `nvme`.

`nuse` is asked of the controller (drivers/nvme/host/sysfs.c), which one that is failing may never answer.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_nvme_{name}", Kind.GAUGE, text)


INFO = _gauge("info", "Non-numeric data from /sys/class/nvme/<device>, value is always 1.")
NAMESPACE = _gauge("namespace_info", "Information about NVMe namespaces. Value is always 1")
CAPACITY = _gauge("namespace_capacity_bytes", "Capacity of the NVMe namespace in bytes.")
SIZE = _gauge("namespace_size_bytes", "Size of the NVMe namespace in bytes.")
USED = _gauge("namespace_used_bytes", "Used space of the NVMe namespace in bytes.")
BLOCK = _gauge(
    "namespace_logical_block_size_bytes", "Logical block size of the NVMe namespace in bytes."
)
# The controller's files and their labels.
FILES = {
    "firmware_rev": "firmware_revision",
    "model": "model",
    "serial": "serial",
    "state": "state",
    "cntlid": "cntlid",
}
# nvme0n1 is a namespace, nvme0c1n1 one path to one.
NAMESPACES = re.compile(r"nvme[0-9]+n([0-9]+)")


def nvme(sysfs: Path) -> Devices:
    """Return the collector's reader: how controllers are found and one is read.

    Args:
        sysfs: Where /sys is.
    """
    folder = sysfs / "class/nvme"

    def find() -> list[str]:
        found = sysfiles.entries(folder)
        if not found:
            raise Absent("nvme: there is no controller")
        return [one.name for one in found]

    return Devices("nvme", find, lambda device: tuple(_read(folder / device)))


def _read(folder: Path) -> Iterator[Sample]:
    device = folder.name
    said = {label: sysfiles.text(folder / name) or "" for name, label in FILES.items()}
    yield sample(INFO, 1, device=device, **said)
    for entry in sysfiles.entries(folder):
        if match := NAMESPACES.match(entry.name):
            yield from _namespace(entry, device, match[1])


def _namespace(folder: Path, device: str, nsid: str) -> Iterator[Sample]:
    labels = {"device": device, "nsid": nsid}
    state = sysfiles.text(folder / "ana_state") or "unknown"
    yield sample(NAMESPACE, 1, **labels, ana_state=state)
    block = sysfiles.whole(folder / "queue/logical_block_size")
    size, used = sysfiles.whole(folder / "size"), sysfiles.whole(folder / "nuse")
    if block is None or block < 0:
        return
    yield sample(BLOCK, block, **labels)
    # As node_exporter: `size` counted in the namespace's own blocks, although the kernel counts in 512 bytes.
    if size is not None and size >= 0:
        yield sample(CAPACITY, size * block, **labels)
        yield sample(SIZE, size * block, **labels)
    if used is not None and used >= 0:
        yield sample(USED, used * block, **labels)
