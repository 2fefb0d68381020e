"""What merging equal pages of memory saves (KSM), from /sys/kernel/mm/ksm, as node_exporter's `ksmd`.

Files: Documentation/admin-guide/mm/ksm.rst of the kernel.
"""

from pathlib import Path

from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import sample, written
from exporter.sysfiles import whole


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_ksmd_{name}", Kind.GAUGE, text)


FAMILIES = {
    "full_scans": Family(
        "node_ksmd_full_scans_total",
        Kind.COUNTER,
        "How many times all mergeable areas have been scanned.",
    ),
    "general_profit": _gauge(
        "general_profit_bytes",
        "How effective is KSM. ksm_saved_pages * sizeof(page) - (all_rmap_items) * sizeof(rmap_item)",
    ),
    "merge_across_nodes": _gauge(
        "merge_across_nodes", "Specifies if pages from different NUMA nodes can be merged."
    ),
    "pages_shared": _gauge("pages_shared", "How many shared pages are being used."),
    "pages_sharing": _gauge(
        "pages_sharing", "How many more sites are sharing them i.e. how much saved."
    ),
    "pages_to_scan": _gauge("pages_to_scan", "How many pages to scan before ksmd goes to sleep."),
    "pages_unshared": _gauge(
        "pages_unshared", "How many pages unique but repeatedly checked for merging."
    ),
    "pages_volatile": _gauge(
        "pages_volatile", "How many pages changing too fast to be placed in a tree."
    ),
    "run": _gauge("run", "The status of ksmd. stopped = 0, running = 1"),
}
SLEEP = _gauge("sleep_seconds", "How many seconds ksmd should sleep before next scan.")


class Merging(OnScrape):
    """Serves node_ksmd_*."""

    name = "ksmd"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> bytes:
        """Read each file once; one that this kernel does not have is left out.

        Raises:
            Absent: The kernel cannot merge pages.
        """
        values = {name: whole(self._folder / name) for name in FAMILIES}
        found = [
            sample(FAMILIES[name], value) for name, value in values.items() if value is not None
        ]
        if (sleep := whole(self._folder / "sleep_millisecs")) is not None:
            found.append(sample(SLEEP, sleep / 1000))
        if not found:
            raise Absent(f"nothing in {self._folder}")
        return written(found)
