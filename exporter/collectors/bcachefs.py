"""File systems of bcachefs and their devices, from /sys/fs/bcachefs, as node_exporter's `bcachefs`.

Formats: as node_exporter's captured tree has them (tests/exporter/fixtures). What the kernel must look up in the file
system to answer may take long, or hang with a disk; so each file system is read in a thread.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample


def _family(name: str, text: str, kind: Kind = Kind.GAUGE) -> Family:
    return Family(f"node_bcachefs_{name}", kind, text)


INFO = _family("info", "Filesystem information.")
CACHE = _family("btree_cache_size_bytes", "Btree cache memory usage in bytes.")
COMPRESSED = _family("compression_compressed_bytes", "Compressed size by algorithm.")
UNCOMPRESSED = _family("compression_uncompressed_bytes", "Uncompressed size by algorithm.")
ERRORS = _family("errors_total", "Error count by error type.", Kind.COUNTER)
WRITES = _family("btree_writes_total", "Number of btree writes by type.", Kind.COUNTER)
WRITTEN = _family("btree_write_average_size_bytes", "Average btree write size by type.")
DEVICE = _family("device_info", "Device information.")
BUCKET = _family("device_bucket_size_bytes", "Bucket size in bytes.")
BUCKETS = _family("device_buckets", "Total number of buckets.")
DURABILITY = _family("device_durability", "Device durability setting.")
IO_DONE = _family(
    "device_io_done_bytes_total", "IO bytes by operation type and data type.", Kind.COUNTER
)
IO_ERRORS = _family("device_io_errors_total", "IO errors by error type.", Kind.COUNTER)

# For people, with units of 1024.
SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,3})?)([kKMGTPE]?)", re.ASCII)
UNITS = " KMGTPE"
COUNTER = re.compile(r"^since filesystem creation:\s*(\S+)$", re.MULTILINE)
NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
# `io_errors` has two sections, of which the second begins when somebody set them back.
SINCE_CREATION = "IO errors since filesystem creation"


def bcachefs(sysfs: Path) -> Devices:
    """Return the collector's reader: how file systems are found and one is read.

    Args:
        sysfs: Where /sys is.
    """
    folder = sysfs / "fs/bcachefs"

    def find() -> list[str]:
        found = [one.name for one in sysfiles.entries(folder) if one.is_dir()]
        if not found:
            raise Absent("bcachefs: none is mounted")
        return found

    return Devices("bcachefs", find, lambda uuid: tuple(_of(folder / uuid, uuid)))


def size(word: str) -> int | None:
    """Return the number that bcachefs wrote for people, such as `1.26k`; None where it is none."""
    match = SIZE.fullmatch(word)
    if match is None:
        return None
    number, unit = match.groups()
    return int(float(number) * 1024 ** UNITS.index(unit.upper())) if unit else int(float(number))


def _of(folder: Path, uuid: str) -> Iterator[Sample]:
    yield sample(INFO, 1, uuid=uuid)
    if (cache := size(sysfiles.text(folder / "btree_cache_size") or "")) is not None:
        yield sample(CACHE, cache, uuid=uuid)
    for name, row in _rows(folder / "compression_stats"):
        yield from _sized(COMPRESSED, row[:1], uuid=uuid, algorithm=name)
        yield from _sized(UNCOMPRESSED, row[1:2], uuid=uuid, algorithm=name)
    for name, row in _rows(folder / "btree_write_stats"):
        yield from _sized(WRITES, row[:1], uuid=uuid, type=name)
        yield from _sized(WRITTEN, row[1:2], uuid=uuid, type=name)
    for name, row in _rows(folder / "errors"):
        yield from _sized(ERRORS, row[:1], uuid=uuid, error_type=name)
    for file in sysfiles.entries(folder / "counters", NAME):
        if match := COUNTER.search(sysfiles.text(file) or ""):
            yield from _sized(_counter(file.name), [match[1]], uuid=uuid)
    for device in sysfiles.entries(folder, "dev-.+"):
        yield from _device(device, uuid=uuid, device=device.name.removeprefix("dev-"))


def _counter(name: str) -> Family:
    text = f"Bcachefs counter {name} since filesystem creation."
    return _family(f"{name}_total", text, Kind.COUNTER)


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield a table's rows: what stands in front, without its colon, and what follows. A headline has no number."""
    for row in (sysfiles.text(path) or "").splitlines():
        name, *numbers = row.split() or [""]
        if numbers:
            yield name.removesuffix(":"), numbers


def _sized(family: Family, words: list[str], **labels: str) -> Iterator[Sample]:
    for word in words:
        if (number := size(word)) is not None:
            yield sample(family, number, **labels)


def _device(folder: Path, **labels: str) -> Iterator[Sample]:
    said = {name: sysfiles.text(folder / name) or "" for name in ("label", "state")}
    yield sample(DEVICE, 1, **labels, **said)
    for family, name in (
        (BUCKET, "bucket_size"),
        (BUCKETS, "nbuckets"),
        (DURABILITY, "durability"),
    ):
        yield from _sized(family, [sysfiles.text(folder / name) or ""], **labels)
    operation = ""
    for name, number in _split(sysfiles.text(folder / "io_done") or ""):
        if not number:
            operation = name
        elif operation:
            yield from _sized(IO_DONE, [number], **labels, operation=operation, data_type=name)
    _, _, errors = (sysfiles.text(folder / "io_errors") or "").partition(SINCE_CREATION)
    for name, number in _split(errors.partition("IO errors since")[0]):
        yield from _sized(IO_ERRORS, [number], **labels, type=name)


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and behind each line's colon."""
    for row in text.splitlines():
        name, colon, number = row.partition(":")
        if colon:
            yield name.strip(), number.strip()
