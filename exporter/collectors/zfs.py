"""ZFS on Linux: its cache, its pools and their datasets, from /proc/spl/kstat/zfs, as node_exporter's `zfs`.

Format: OpenZFS' module/os/linux/spl/spl-kstat.c. A pool whose disks do not answer can keep whoever reads about it
waiting, so each pool is read for itself.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.files import whole
from exporter.gathered import Devices, Sample, sample

# Files for all pools together, and what their series begin with.
FILES = {
    "abdstats": "zfs_abd",
    "arcstats": "zfs_arc",
    "dbufstats": "zfs_dbuf",
    "dmu_tx": "zfs_dmu_tx",
    "dnodestats": "zfs_dnode",
    "fm": "zfs_fm",
    "vdev_cache_stats": "zfs_vdev_cache",
    "vdev_mirror_stats": "zfs_vdev_mirror",
    "xuio_stats": "zfs_xuio",
    "zfetchstats": "zfs_zfetch",
    "zil": "zfs_zil",
}
# kstat.h: the types of whole numbers.
SIGNED, UNSIGNED = b"3", b"4"
HEADLINE = [b"name", b"type", b"data"]
FEWEST_COLUMNS = 12  # of a pool's `io`
STATES = ("online", "degraded", "faulted", "offline", "removed", "unavail", "suspended")
STATE = Family("node_zfs_zpool_state", Kind.GAUGE, "kstat.zfs.misc.state")
NAME = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
# The device under which what is said of all pools together is read.
ALL = ""


def zfs(procfs: Path) -> Devices:
    """Return the collector's reader: how pools are found and one is read.

    Args:
        procfs: Where /proc is.
    """
    folder = procfs / "spl/kstat/zfs"

    def find() -> list[str]:
        if not folder.is_dir():
            raise Absent("zfs: it is not there")
        return [ALL, *(one.name for one in sysfiles.entries(folder) if one.is_dir())]

    def read(pool: str) -> tuple[Sample, ...]:
        return tuple(_of_pool(folder / pool) if pool else _of_all(folder))

    return Devices("zfs", find, read)


def _of_all(folder: Path) -> Iterator[Sample]:
    for file, prefix in FILES.items():
        for name, value in numbers(_whole(folder / file)):
            yield sample(_family(prefix, name, f"kstat.zfs.misc.{file}.{name}"), value)


def _of_pool(folder: Path) -> Iterator[Sample]:
    pool = folder.name
    for name, value in columns(_whole(folder / "io")):
        yield sample(_family("zfs_zpool", name, f"kstat.zfs.misc.io.{name}"), value, zpool=pool)
    for file in sysfiles.entries(folder, "objset-.*"):
        data = _whole(file)
        if (dataset := dataset_of(data)) is None:
            continue
        for name, value in numbers(data, {UNSIGNED}):
            family = _family("zfs_zpool_dataset", name, f"kstat.zfs.misc.objset.{name}")
            yield sample(family, value, zpool=pool, dataset=dataset)
    state = (sysfiles.text(folder / "state") or "").lower()
    for one in STATES if state else ():
        yield sample(STATE, state == one, zpool=pool, state=one)


def _whole(path: Path) -> bytes:
    """Return a file that may be longer than what /sys has; empty where a pool is just going."""
    try:
        return whole(path)
    except OSError:
        return b""


def _family(prefix: str, name: str, text: str) -> Family:
    return Family(f"node_{prefix}_{name.replace('-', '_')}", Kind.UNTYPED, text)


def numbers(
    data: bytes, types: set[bytes] | frozenset[bytes] = frozenset({SIGNED, UNSIGNED})
) -> Iterator[tuple[str, int]]:
    """Yield the whole numbers of a file of names, types and values; what stands before its headline is its header."""
    begun = False
    for row in sysfiles.rows(data):
        if not begun:
            begun = row == HEADLINE
        elif len(row) >= 3 and row[1] in types:
            name, value = row[0].decode("ascii", "replace"), _number(row[2])
            if NAME.fullmatch(name) and value is not None:
                yield name, value


def dataset_of(data: bytes) -> str | None:
    """Return the dataset that a pool's objset file is about; its name may have spaces."""
    for row in data.splitlines():
        words = row.split(maxsplit=2)
        if len(words) == 3 and words[0] == b"dataset_name":
            return words[2].decode("utf-8", "replace")
    return None


def columns(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield the numbers of a pool's `io`: a line of names, and one of values below it."""
    rows = list(sysfiles.rows(data))
    for names, values in pairwise(rows):
        if names[0] == b"nread" and len(names) >= FEWEST_COLUMNS and len(values) == len(names):
            for name, value in zip(names, map(_number, values), strict=True):
                word = name.decode("ascii", "replace")
                if NAME.fullmatch(word) and value is not None:
                    yield word, value


def _number(word: bytes) -> int | None:
    return sysfiles.number(word.decode("ascii", "replace"))
