"""The mount table as PID 1 sees it (proc(5), /proc/[pid]/mounts and /proc/[pid]/mountinfo).

PID 1's mounts are the node's; our own may be a sandbox's.
"""

import re
from typing import NamedTuple

from exporter.collector import Malformed

# How fs/proc_namespace.c writes what would break its own format: \ooo.
ESCAPE = re.compile(rb"\\([0-7]{3})")
NUMBER = re.compile(rb"[0-9]{1,10}:[0-9]{1,10}")


class Mount(NamedTuple):
    """One line of the mount table.

    Attributes:
        path: The mount point as bytes, for the kernel.
        read_only: Whether nothing can be written, be it asked for or after an error.
        number: The kernel's of the file system, such as 8:1; empty where it is not known.
    """

    device: str
    mountpoint: str
    fstype: str
    path: bytes
    read_only: bool
    number: str = ""

    @property
    def what(self) -> tuple[bytes, str, str]:
        """Where it is, of what, and of which type."""
        return self.path, self.device, self.fstype


def parse(data: bytes) -> list[Mount]:
    """Read a mount table as proc(5) describes /proc/[pid]/mounts, in its order.

    Raises:
        Malformed: It is empty, a line has fewer than four fields, or it ends within a line.
    """
    if not data.endswith(b"\n"):
        raise Malformed(f"mounts: ends within a line: {data[-40:]!r}")
    return [_parse_line(row) for row in data.splitlines()]


def _parse_line(row: bytes) -> Mount:
    # The kernel separates by one space; an empty device name leaves two in a row.
    fields = row.split(b" ")
    if len(fields) < 4:
        raise Malformed(f"mounts: wanted device, mount point, type and options, saw {row[:80]!r}")
    path = _unescaped(fields[1])
    return Mount(
        device=fields[0].decode("utf-8", "replace"),
        mountpoint=path.decode("utf-8", "replace"),
        fstype=fields[2].decode("utf-8", "replace"),
        path=path,
        read_only=_read_only(fields[3]),
    )


class FileSystem(NamedTuple):
    """What is mounted, apart from how it is mounted in one place.

    Attributes:
        number: The kernel's, such as 8:1.
        read_only: Whether it can only be read, however it is mounted: one for writing may be mounted read-only, as
            into a container.
    """

    number: str
    read_only: bool


def file_systems(mountinfo: bytes) -> dict[tuple[bytes, str, str], FileSystem]:
    """Return what is mounted, by `Mount.what`.

    Format: proc(5), /proc/[pid]/mountinfo; a line that is none is passed over. Of several the last is on top.
    """
    found = {}
    for row in mountinfo.splitlines():
        # After " - " follow type, device and the file system's own options.
        ours, _, its = row.partition(b" - ")
        fields, tail = ours.split(b" "), its.split(b" ")
        if len(fields) >= 6 and len(tail) >= 3 and NUMBER.fullmatch(fields[2]):
            fstype, device = (word.decode("utf-8", "replace") for word in tail[:2])
            found[_unescaped(fields[4]), device, fstype] = FileSystem(
                fields[2].decode(), _read_only(tail[2])
            )
    return found


def _unescaped(path: bytes) -> bytes:
    return ESCAPE.sub(lambda octal: bytes((int(octal[1], 8) & 0xFF,)), path)


def _read_only(options: bytes) -> bool:
    # ext4 keeps "rw" and says emergency_ro when errors=remount-ro has struck (Linux 6.13).
    return not {b"ro", b"emergency_ro"}.isdisjoint(options.split(b","))
