"""What each NFS mount has asked of its server, from /proc/self/mountstats, as node_exporter's `mountstats`.

The kernel tells this from its memory: a server that does not answer holds up nothing.
"""

from collections.abc import Iterable, Iterator, Sequence

from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.mountstats import Mount, parse, servers
from exporter.procfile import ProcFile


def _counter(name: str, text: str) -> Family:
    return Family(f"node_mountstats_nfs_{name}_total", Kind.COUNTER, text)


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_mountstats_nfs_{name}", Kind.GAUGE, text)


AGE = _counter("age_seconds", "The age of the NFS mount in seconds.")
INFO = _gauge("mountpoint_info", "Info metric for an NFS mountpoint.")
# By the place of the number in its line.
BYTES = (
    _counter("read_bytes", "Number of bytes read using the read() syscall."),
    _counter("write_bytes", "Number of bytes written using the write() syscall."),
    _counter(
        "direct_read_bytes", "Number of bytes read using the read() syscall in O_DIRECT mode."
    ),
    _counter(
        "direct_write_bytes", "Number of bytes written using the write() syscall in O_DIRECT mode."
    ),
    _counter("total_read_bytes", "Number of bytes read from the NFS server, in total."),
    _counter("total_write_bytes", "Number of bytes written to the NFS server, in total."),
    _counter("read_pages", "Number of pages read directly via mmap()'d files."),
    _counter("write_pages", "Number of pages written directly via mmap()'d files."),
)
# None here and below is what node_exporter does not show.
EVENTS = (
    _counter(
        "event_inode_revalidate",
        "Number of times cached inode attributes are re-validated from the server.",
    ),
    _counter(
        "event_dnode_revalidate",
        "Number of times cached dentry nodes are re-validated from the server.",
    ),
    _counter("event_data_invalidate", "Number of times an inode cache is cleared."),
    _counter(
        "event_attribute_invalidate", "Number of times cached inode attributes are invalidated."
    ),
    _counter("event_vfs_open", "Number of times cached inode attributes are invalidated."),
    _counter("event_vfs_lookup", "Number of times a directory lookup has occurred."),
    _counter("event_vfs_access", "Number of times permissions have been checked."),
    _counter("event_vfs_update_page", "Number of updates (and potential writes) to pages."),
    _counter("event_vfs_read_page", "Number of pages read directly via mmap()'d files."),
    _counter("event_vfs_read_pages", "Number of times a group of pages have been read."),
    _counter("event_vfs_write_page", "Number of pages written directly via mmap()'d files."),
    _counter("event_vfs_write_pages", "Number of times a group of pages have been written."),
    _counter(
        "event_vfs_getdents", "Number of times directory entries have been read with getdents()."
    ),
    _counter(
        "event_vfs_setattr", "Number of times directory entries have been read with getdents()."
    ),
    _counter(
        "event_vfs_flush",
        "Number of pending writes that have been forcefully flushed to the server.",
    ),
    _counter(
        "event_vfs_fsync", "Number of times fsync() has been called on directories and files."
    ),
    _counter("event_vfs_lock", "Number of times locking has been attempted on a file."),
    _counter("event_vfs_file_release", "Number of times files have been closed and released."),
    None,
    _counter("event_truncation", "Number of times files have been truncated."),
    _counter(
        "event_write_extension",
        "Number of times a file has been grown due to writes beyond its existing end.",
    ),
    _counter(
        "event_silly_rename",
        "Number of times a file was removed while still open by another process.",
    ),
    _counter(
        "event_short_read",
        "Number of times the NFS server gave less data than expected while reading.",
    ),
    _counter(
        "event_short_write",
        "Number of times the NFS server wrote less data than expected while writing.",
    ),
    _counter(
        "event_jukebox_delay",
        "Number of times the NFS server indicated EJUKEBOX; retrieving data from offline storage.",
    ),
    _counter("event_pnfs_read", "Number of NFS v4.1+ pNFS reads."),
    _counter("event_pnfs_write", "Number of NFS v4.1+ pNFS writes."),
)
OPERATIONS = (
    _counter("operations_requests", "Number of requests performed for a given operation."),
    _counter(
        "operations_transmissions",
        "Number of times an actual RPC request has been transmitted for a given operation.",
    ),
    _counter(
        "operations_major_timeouts",
        "Number of times a request has had a major timeout for a given operation.",
    ),
    _counter(
        "operations_sent_bytes",
        "Number of bytes sent for a given operation, including RPC headers and payload.",
    ),
    _counter(
        "operations_received_bytes",
        "Number of bytes received for a given operation, including RPC headers and payload.",
    ),
    _counter(
        "operations_queue_time_seconds",
        "Duration all requests spent queued for transmission for a given operation before they were sent, in seconds.",
    ),
    _counter(
        "operations_response_time_seconds",
        "Duration all requests took to get a reply back after a request for a given operation "
        "was transmitted, in seconds.",
    ),
    _counter(
        "operations_request_time_seconds",
        "Duration all requests took from when a request was enqueued to when it was completely handled "
        "for a given operation, in seconds.",
    ),
)
TRANSPORT = (
    None,
    _counter(
        "transport_bind",
        "Number of times the client has had to establish a connection from scratch to the NFS server.",
    ),
    _counter(
        "transport_connect",
        "Number of times the client has made a TCP connection to the NFS server.",
    ),
    None,
    _gauge(
        "transport_idle_time_seconds",
        "Duration since the NFS mount last saw any RPC traffic, in seconds.",
    ),
    _counter("transport_sends", "Number of RPC requests for this mount sent to the NFS server."),
    _counter(
        "transport_receives", "Number of RPC responses for this mount received from the NFS server."
    ),
    _counter(
        "transport_bad_transaction_ids",
        "Number of times the NFS server sent a response with a transaction ID unknown to this client.",
    ),
    None,
    _counter("transport_backlog_queue", "Total number of items added to the RPC backlog queue."),
    _gauge(
        "transport_maximum_rpc_slots",
        "Maximum number of simultaneously active RPC requests ever used.",
    ),
    _counter(
        "transport_sending_queue",
        "Total number of items added to the RPC transmission sending queue.",
    ),
    _counter(
        "transport_pending_queue",
        "Total number of items added to the RPC transmission pending queue.",
    ),
)
IDLE = TRANSPORT[4]
# The last three operations are times, in milliseconds.
TIMES = OPERATIONS[-3:]

# node_exporter keeps the rest that a float can hold of what overflowed below 0.
MANTISSA = 2**53


class Mountstats(OnScrape):
    """Serves node_mountstats_nfs_*."""

    name = "mountstats"

    def __init__(self, statistics: ProcFile, table: ProcFile) -> None:
        """Read nothing yet.

        Args:
            statistics: /proc/self/mountstats: nobody may read another process's.
            table: /proc/self/mountinfo.
        """
        self._statistics = statistics
        self._table = table

    def collect(self) -> bytes:
        """Read both files once."""
        mounts = parse(self._statistics.read())
        if not mounts:
            raise Absent("mountstats: there is no NFS mount")
        return written(_samples(mounts, servers(self._table.read())))


def _samples(mounts: Iterable[Mount], table: Sequence[tuple[str, str]]) -> Iterator[Sample]:
    seen = set[tuple[str, str, str]]()
    for mount in mounts:
        address = _address(mount, table)
        for protocol in dict.fromkeys(protocol for protocol, _ in mount.transports):
            labels = {"export": mount.device, "protocol": protocol, "mountaddr": address}
            yield sample(INFO, 1, **labels, mountpoint=mount.point)
            key = (mount.device, protocol, address)
            if key in seen:  # the same server mounted at several places counts once
                break
            seen.add(key)
            yield from _of_mount(mount, labels)


def _address(mount: Mount, table: Sequence[tuple[str, str]]) -> str:
    """Return the address of a mount's server: both files have the mounts in the same order."""
    if mount.place < len(table) and table[mount.place][0] == mount.point:
        return table[mount.place][1]
    return next((address for point, address in table if point == mount.point and address), "")


def _of_mount(mount: Mount, labels: dict[str, str]) -> Iterator[Sample]:
    yield sample(AGE, mount.age, **labels)
    for family, number in zip(BYTES, mount.moved, strict=False):
        yield sample(family, number, **labels)
    for event, number in zip(EVENTS, mount.events, strict=False):
        if event is not None:
            yield sample(event, number, **labels)
    for at, (_, numbers) in enumerate(mount.transports):
        for what, number in zip(TRANSPORT, numbers, strict=True):
            if what is not None:
                rest = number % MANTISSA if what is IDLE else number
                yield sample(what, rest, **labels, transport=str(at))
    for name, numbers in mount.operations.items():
        for family, number in zip(OPERATIONS, numbers, strict=False):
            value = number % MANTISSA / 1000 if family in TIMES else number
            yield sample(family, value, **labels, operation=name)
