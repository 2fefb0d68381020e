"""Caches in front of disks, from /sys/fs/bcache, as node_exporter's `bcache`.

Documentation/admin-guide/bcache.rst. Sizes are written for people (drivers/md/bcache/util.c, bch_hprint()).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_bcache_{name}", Kind.GAUGE, text)


def _counter(name: str, text: str) -> Family:
    return Family(f"node_bcache_{name}", Kind.COUNTER, text)


SET = {
    "average_key_size": _gauge(
        "average_key_size_sectors", "Average data per key in the btree (sectors)."
    ),
    "btree_cache_size": _gauge(
        "btree_cache_size_bytes", "Amount of memory currently used by the btree cache."
    ),
    "cache_available_percent": _gauge(
        "cache_available_percent",
        "Percentage of cache device without dirty data, usable for writeback.",
    ),
    "congested": _gauge("congested", "Congestion."),
    "root_usage_percent": _gauge("root_usage_percent", "Percentage of the root btree node in use."),
    "tree_depth": _gauge("tree_depth", "Depth of the btree."),
    "internal/active_journal_entries": _gauge(
        "active_journal_entries", "Number of journal entries that are newer than the index."
    ),
    "internal/btree_nodes": _gauge("btree_nodes", "Total nodes in the btree."),
    "internal/cache_read_races": _counter(
        "cache_read_races_total",
        "Reads from the cache whose bucket was reused before they were done.",
    ),
}
READ_TIME = _gauge("btree_read_average_duration_seconds", "Average btree read duration.")
DIRTY = _gauge("dirty_data_bytes", "Amount of dirty data for this backing device in the cache.")
WRITEBACK = {
    "target": _gauge(
        "dirty_target_bytes",
        "Current dirty data target threshold for this backing device in bytes.",
    ),
    "rate": _gauge("writeback_rate", "Current writeback rate for this backing device in bytes."),
    "proportional": _gauge(
        "writeback_rate_proportional_term",
        "Current result of proportional controller, part of writeback rate",
    ),
    "integral": _gauge(
        "writeback_rate_integral_term",
        "Current result of integral controller, part of writeback rate",
    ),
    "change": _gauge(
        "writeback_change", "Last writeback rate change step for this backing device."
    ),
}
TOTAL = {
    "bypassed": _counter(
        "bypassed_bytes_total",
        "Amount of IO (both reads and writes) that has bypassed the cache.",
    ),
    "cache_hits": _counter(
        "cache_hits_total", "Hits counted per individual IO as bcache sees them."
    ),
    "cache_misses": _counter(
        "cache_misses_total", "Misses counted per individual IO as bcache sees them."
    ),
    "cache_bypass_hits": _counter(
        "cache_bypass_hits_total", "Hits for IO intended to skip the cache."
    ),
    "cache_bypass_misses": _counter(
        "cache_bypass_misses_total", "Misses for IO intended to skip the cache."
    ),
    "cache_miss_collisions": _counter(
        "cache_miss_collisions_total",
        "Instances where data insertion from cache miss raced with write (data already present).",
    ),
}
READAHEADS = _counter("cache_readaheads_total", "Count of times readahead occurred.")
CACHE = {
    "io_errors": _gauge(
        "io_errors", "Number of errors that have occurred, decayed by io_error_halflife."
    ),
    "metadata_written": _counter(
        "metadata_written_bytes_total",
        "Sum of all non data writes (btree writes and all other metadata).",
    ),
    "written": _counter(
        "written_bytes_total", "Sum of all data that has been written to the cache."
    ),
}
PRIORITY = {
    "Unused": _gauge(
        "priority_stats_unused_percent",
        "The percentage of the cache that doesn't contain any data.",
    ),
    "Metadata": _gauge("priority_stats_metadata_percent", "Bcache's metadata overhead."),
}

SIZE = re.compile(
    r"(?P<sign>-?)(?P<whole>\d{1,19})(?:\.(?P<part>\d{1,4}))?(?P<unit>[kMGTPEZY]?)", re.ASCII
)


def amount(text: str) -> int | None:
    """Return the number that bcache wrote, such as `-1.5k`; None where it is none.

    What stands behind the point is a count of 1024ths by a hundred (bch_hprint), so .10 is more than .9.
    """
    match = SIZE.fullmatch(text)
    if match is None:
        return None
    value: float = int(match["whole"])
    if match["unit"]:
        part = int(match["part"] or 0) / 10.24
        value = int((value + part) * 1024 ** (" kMGTPEZY".index(match["unit"])))
    elif match["part"]:
        value = float(f"{match['whole']}.{match['part']}")
    return -int(value) if match["sign"] else int(value)


class Bcache(OnScrape):
    """Serves node_bcache_*."""

    name = "bcache"

    def __init__(self, sysfs: Path, priority_stats: bool) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
            priority_stats: Whether to read what the kernel has to sort all buckets for.
        """
        self._folder = sysfs / "fs/bcache"
        self._priority_stats = priority_stats

    def collect(self) -> bytes:
        """Read each set of caches, its caches and the disks behind."""
        found = [one for f in sysfiles.entries(self._folder, ".*-.*") for one in self._of(f)]
        if not found:
            raise Absent("bcache: there is none")
        return written(found)

    def _of(self, folder: Path) -> Iterator[Sample]:
        uuid = folder.name
        yield from _amounts(SET, folder, uuid=uuid)
        micro = sysfiles.text(folder / "internal/btree_read_average_duration_us")
        # Nanoseconds, as node_exporter takes them for, whatever the file's name says.
        if (nanoseconds := amount(micro or "")) is not None:
            yield sample(READ_TIME, nanoseconds * 1e-9, uuid=uuid)
        for disk in sysfiles.entries(folder, "bdev[0-9].*"):
            yield from _disk(disk, uuid)
        for cache in sysfiles.entries(folder, "cache[0-9].*"):
            yield from _amounts(CACHE, cache, uuid=uuid, cache_device=cache.name)
            if self._priority_stats:
                yield from _priority(cache, uuid)


def _disk(folder: Path, uuid: str) -> Iterator[Sample]:
    labels = {"uuid": uuid, "backing_device": folder.name}
    yield from _amounts({"dirty_data": DIRTY}, folder, **labels)
    for word, text in _lines(folder / "writeback_rate_debug"):
        value = amount(text.removesuffix("/sec"))
        if word in WRITEBACK and value is not None:
            yield sample(WRITEBACK[word], value, **labels)
    yield from _amounts(TOTAL, folder / "stats_total", **labels)
    ahead = amount(sysfiles.text(folder / "stats_total/cache_readaheads") or "")
    if ahead:  # gone since Linux 5.13
        yield sample(READAHEADS, ahead, **labels)


def _priority(cache: Path, uuid: str) -> Iterator[Sample]:
    for word, text in _lines(cache / "priority_stats"):
        percent = sysfiles.number(text.removesuffix("%"))
        if word in PRIORITY and percent is not None:
            yield sample(PRIORITY[word], percent, uuid=uuid, cache_device=cache.name)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for row in (sysfiles.text(path) or "").splitlines():
        word, colon, rest = row.partition(":")
        if colon and (words := rest.split()):
            yield word, words[-1]


def _amounts(families: dict[str, Family], folder: Path, **labels: str) -> Iterator[Sample]:
    for name, family in families.items():
        if (value := amount(sysfiles.text(folder / name) or "")) is not None:
            yield sample(family, value, **labels)
