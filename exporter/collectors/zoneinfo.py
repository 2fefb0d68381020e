"""How full each zone of memory is, from /proc/zoneinfo (proc(5)), as node_exporter's `zoneinfo`.

What the kernel counts for a whole NUMA node stands in that node's first zone, and so do these series.
"""

import re
from collections.abc import Iterator

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.procfile import ProcFile
from exporter.sysfiles import number, rows

ZONE = re.compile(rb"^Node ([0-9]+), zone +([A-Za-z0-9_]+)$", re.M)
PROTECTION = re.compile(rb"^ *protection: \(([0-9, ]*)\)$", re.M)


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_zoneinfo_{name}", Kind.GAUGE, text)


def _counter(name: str, text: str) -> Family:
    return Family(f"node_zoneinfo_{name}_total", Kind.COUNTER, text)


# By the kernel's word for it (mm/vmstat.c). Of /proc/zoneinfo node_exporter shows these alone.
FAMILIES = {
    b"nr_free_pages": _gauge("nr_free_pages", "Total number of free pages in the zone"),
    b"min": _gauge("min_pages", "Zone watermark pages_min"),
    b"low": _gauge("low_pages", "Zone watermark pages_low"),
    b"high": _gauge("high_pages", "Zone watermark pages_high"),
    b"scanned": _gauge("scanned_pages", "Pages scanned since last reclaim"),
    b"spanned": _gauge("spanned_pages", "Total pages spanned by the zone, including holes"),
    b"present": _gauge("present_pages", "Physical pages existing within the zone"),
    b"managed": _gauge("managed_pages", "Present pages managed by the buddy system"),
    b"nr_active_anon": _gauge(
        "nr_active_anon_pages", "Number of anonymous pages recently more used"
    ),
    b"nr_inactive_anon": _gauge(
        "nr_inactive_anon_pages", "Number of anonymous pages recently less used"
    ),
    b"nr_isolated_anon": _gauge("nr_isolated_anon_pages", "Temporary isolated pages from anon lru"),
    b"nr_anon_pages": _gauge(
        "nr_anon_pages", "Number of anonymous pages currently used by the system"
    ),
    b"nr_anon_transparent_hugepages": _gauge(
        "nr_anon_transparent_hugepages",
        "Number of anonymous transparent huge pages currently used by the system",
    ),
    b"nr_active_file": _gauge("nr_active_file_pages", "Number of active pages with file-backing"),
    b"nr_inactive_file": _gauge(
        "nr_inactive_file_pages", "Number of inactive pages with file-backing"
    ),
    b"nr_isolated_file": _gauge("nr_isolated_file_pages", "Temporary isolated pages from file lru"),
    b"nr_file_pages": _gauge("nr_file_pages", "Number of file pages"),
    b"nr_slab_reclaimable": _gauge("nr_slab_reclaimable_pages", "Number of reclaimable slab pages"),
    b"nr_slab_unreclaimable": _gauge(
        "nr_slab_unreclaimable_pages", "Number of unreclaimable slab pages"
    ),
    b"nr_mlock_stack": _gauge("nr_mlock_stack_pages", "mlock()ed pages found and moved off LRU"),
    b"nr_kernel_stack": _gauge("nr_kernel_stacks", "Number of kernel stacks"),
    b"nr_mapped": _gauge("nr_mapped_pages", "Number of mapped pages"),
    b"nr_dirty": _gauge("nr_dirty_pages", "Number of dirty pages"),
    b"nr_writeback": _gauge("nr_writeback_pages", "Number of writeback pages"),
    b"nr_unevictable": _gauge("nr_unevictable_pages", "Number of unevictable pages"),
    b"nr_shmem": _gauge("nr_shmem_pages", "Number of shmem pages (included tmpfs/GEM pages)"),
    b"nr_dirtied": _counter("nr_dirtied", "Page dirtyings since bootup"),
    b"nr_written": _counter("nr_written", "Page writings since bootup"),
    b"numa_hit": _counter("numa_hit", "Allocated in intended node"),
    b"numa_miss": _counter("numa_miss", "Allocated in non intended node"),
    b"numa_foreign": _counter("numa_foreign", "Was intended here, hit elsewhere"),
    b"numa_interleave": _counter("numa_interleave", "Interleaver preferred this zone"),
    b"numa_local": _counter("numa_local", "Allocation from local node"),
    b"numa_other": _counter("numa_other", "Allocation from other node"),
}


def parse(data: bytes) -> list[Sample]:
    """Read the known lines of each zone.

    Raises:
        Malformed: There is no zone, a known line has no number or is there twice, or the file ends within a line.
    """
    zones = ZONE.split(data)
    if len(zones) < 4 or not data.endswith(b"\n"):
        raise Malformed(f"zoneinfo: wanted zones and whole lines, ends {data[-40:]!r}")
    found: list[Sample] = []
    for node, zone, lines in zip(zones[1::3], zones[2::3], zones[3::3], strict=True):
        found += _samples(lines, {"node": node.decode(), "zone": zone.decode()})
    return found


def _samples(lines: bytes, labels: dict[str, str]) -> Iterator[Sample]:
    known = [
        (words[0], words[1]) for words in rows(lines) if len(words) > 1 and words[0] in FAMILIES
    ]
    if len(dict(known)) < len(known):  # the headline of another zone has been lost
        raise Malformed(f"zoneinfo: something is told twice of zone {labels['zone']}")
    for key, word in known:
        value = number(word.decode("ascii", "replace"))
        if value is None:
            raise Malformed(f"zoneinfo: {key.decode()} is followed by {word[:40]!r}")
        yield sample(FAMILIES[key], value, **labels)
    if match := PROTECTION.search(lines):
        for at, word in enumerate(match[1].decode().split(", ")):
            if (value := number(word)) is not None:
                yield sample(
                    _gauge(f"protection_{at}", f"Protection array {at}. field"), value, **labels
                )


class Zones(OnScrape):
    """Serves node_zoneinfo_*."""

    name = "zoneinfo"

    def __init__(self, file: ProcFile) -> None:
        self._file = file

    def collect(self) -> bytes:
        """Read /proc/zoneinfo once."""
        return written(parse(self._file.read()))
