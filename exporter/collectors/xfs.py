"""What XFS did, by file system, from /sys/fs/xfs/*/stats/stats, as node_exporter's `xfs`.

Format: fs/xfs/xfs_stats.c, xfs_stats_format(): a word and its counters on each line. Counts of the kernel's memory.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written

# By the line's word: the names of its counters in their order; "" for those that node_exporter leaves out.
LINES: dict[bytes, tuple[str, ...]] = {
    b"extent_alloc": (
        *("extent_allocation_extents_allocated", "extent_allocation_blocks_allocated"),
        *("extent_allocation_extents_freed", "extent_allocation_blocks_freed"),
    ),
    b"abt": (
        *("allocation_btree_lookups", "allocation_btree_compares"),
        *("allocation_btree_records_inserted", "allocation_btree_records_deleted"),
    ),
    b"blk_map": (
        *("block_mapping_reads", "block_mapping_writes", "block_mapping_unmaps"),
        *("block_mapping_extent_list_insertions", "block_mapping_extent_list_deletions"),
        *("block_mapping_extent_list_lookups", "block_mapping_extent_list_compares"),
    ),
    b"bmbt": (
        *("block_map_btree_lookups", "block_map_btree_compares"),
        *("block_map_btree_records_inserted", "block_map_btree_records_deleted"),
    ),
    b"dir": (
        *("directory_operation_lookup", "directory_operation_create"),
        *("directory_operation_remove", "directory_operation_getdents"),
    ),
    b"ig": (
        *("inode_operation_attempts", "inode_operation_found", "inode_operation_recycled"),
        *("inode_operation_missed", "inode_operation_duplicates", "inode_operation_reclaims"),
        "inode_operation_attribute_changes",
    ),
    b"rw": ("write_calls", "read_calls"),
    b"vnodes": (
        *("vnode_active", "vnode_allocate", "vnode_get", "vnode_hold"),
        *("vnode_release", "vnode_reclaim", "vnode_remove"),
    ),
}
FAMILIES = {
    name: Family(
        f"node_xfs_{name}_total",
        Kind.COUNTER,
        f"XFS: {name.replace('_', ' ')} of a filesystem (xfs.org, Runtime Stats).",
    )
    for names in LINES.values()
    for name in names
}


class Xfs(OnScrape):
    """Serves node_xfs_*."""

    name = "xfs"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._folder = sysfs / "fs/xfs"

    def collect(self) -> bytes:
        """Read the counters of each file system."""
        found = [
            one
            for folder in sysfiles.entries(self._folder)
            for one in parse(sysfiles.content(folder / "stats/stats") or b"", folder.name)
        ]
        if not found:
            raise Absent("xfs: none is mounted")
        return written(found)


def parse(data: bytes, device: str) -> Iterator[Sample]:
    """Yield the counters of one file system; a line that is not as it should be is passed over."""
    for word, *numbers in sysfiles.rows(data):
        names = LINES.get(word, ())
        counts = [sysfiles.number(one.decode("ascii", "replace")) for one in numbers[: len(names)]]
        if len(counts) < len(names) or any(count is None or count < 0 for count in counts):
            continue
        for name, count in zip(names, counts, strict=True):
            yield sample(FAMILIES[name], count or 0, device=device)
