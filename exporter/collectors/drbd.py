"""DRBD 8's devices, from /proc/drbd, as node_exporter's `drbd`. DRBD 9 has no such file any more.

Format: drbd_proc.c of DRBD 8.4.
"""

from collections.abc import Iterator

from exporter import sysfiles
from exporter.collector import OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.procfile import ProcFile


def _family(name: str, text: str, kind: Kind = Kind.GAUGE) -> Family:
    return Family(f"node_drbd_{name}", kind, text)


# By the file's key: the series, and the bytes of its unit. `nr` counts KiB too; node_exporter takes it as it is.
NUMBERS = {
    b"ns": (
        _family(
            "network_sent_bytes_total", "Total number of bytes sent via the network.", Kind.COUNTER
        ),
        1024,
    ),
    b"nr": (
        _family(
            "network_received_bytes_total",
            "Total number of bytes received via the network.",
            Kind.COUNTER,
        ),
        1,
    ),
    b"dw": (
        _family(
            "disk_written_bytes_total",
            "Net data written on local hard disk; in bytes.",
            Kind.COUNTER,
        ),
        1024,
    ),
    b"dr": (
        _family(
            "disk_read_bytes_total", "Net data read from local hard disk; in bytes.", Kind.COUNTER
        ),
        1024,
    ),
    b"al": (
        _family(
            "activitylog_writes_total",
            "Number of updates of the activity log area of the meta data.",
            Kind.COUNTER,
        ),
        1,
    ),
    b"bm": (
        _family(
            "bitmap_writes_total",
            "Number of updates of the bitmap area of the meta data.",
            Kind.COUNTER,
        ),
        1,
    ),
    b"lo": (_family("local_pending", "Number of open requests to the local I/O sub-system."), 1),
    b"pe": (_family("remote_pending", "Number of requests that the peer has not yet answered."), 1),
    b"ua": (
        _family(
            "remote_unacknowledged", "Number of requests of the peer that are not yet answered."
        ),
        1,
    ),
    b"ap": (
        _family("application_pending", "Number of requests that DRBD has not yet answered."),
        1,
    ),
    b"ep": (_family("epochs", "Number of Epochs currently on the fly."), 1),
    b"oos": (
        _family("out_of_sync_bytes", "Amount of data known to be out of sync; in bytes."),
        1024,
    ),
}
# By the file's key: the series, and which of the two nodes' words is 1.
PAIRS = {
    b"ro": (
        _family("node_role_is_primary", "Whether the role of the node is in the primary state."),
        b"Primary",
    ),
    b"ds": (
        _family("disk_state_is_up_to_date", "Whether the disk of the node is up to date."),
        b"UpToDate",
    ),
}
CONNECTED = _family("connected", "Whether DRBD is connected to the peer.")
NODES = ("local", "remote")


class Drbd(OnScrape):
    """Serves node_drbd_*."""

    name = "drbd"

    def __init__(self, file: ProcFile) -> None:
        """Read nothing yet.

        Args:
            file: /proc/drbd.
        """
        self._file = file

    def collect(self) -> bytes:
        """Read /proc/drbd once."""
        return written(parse(self._file.read()))


def parse(data: bytes) -> Iterator[Sample]:
    """Yield what is said of each device; words that are no KEY:VALUE, and unknown ones, are passed over."""
    device = "unknown"
    for word in data.split():
        key, colon, value = word.partition(b":")
        if not colon or b":" in value:
            continue
        if key.isdigit() and not value and len(key) < 10:
            device = f"drbd{int(key)}"
        elif key in NUMBERS:
            family, unit = NUMBERS[key]
            if (number := sysfiles.number(value.decode("ascii", "replace"))) is not None:
                yield sample(family, number * unit, device=device)
        elif key in PAIRS and value.count(b"/") == 1:
            family, good = PAIRS[key]
            for node, state in zip(NODES, value.split(b"/"), strict=True):
                yield sample(family, state == good, device=device, node=node)
        elif key == b"cs":
            yield sample(CONNECTED, value == b"Connected", device=device)
