"""Files that are read without waiting for anybody, and never further than a file of their kind goes.

Rule: what is no regular file is not opened. A FIFO waits for its writer, /dev/zero has no end, and opening a device may
start something.
"""

import errno
import os
import stat
from pathlib import Path

from exporter.collector import Malformed

# Should a FIFO stand there nevertheless, as one that has just been put in the file's place: it answers at once.
FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# /proc/interrupts of 512 processors with 3,000 interrupts has 18 MiB; what is longer has no end.
MOST_BYTES = 32 * 1024 * 1024
CHUNK = 64 * 1024


def opened(path: Path | str) -> int:
    """Open a regular file and return its descriptor, which the caller closes.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be opened, or something else than a file stands there.
    """
    only_regular(os.stat(path), path)  # noqa: PTH116 - some callers have names only
    return os.open(path, FLAGS)


def opened_in(folder: int, name: str) -> int:
    """Open a regular file of an open folder, as `opened` does; a link is none."""
    only_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), name)
    return os.open(name, FLAGS | os.O_NOFOLLOW, dir_fd=folder)


def only_regular(seen: os.stat_result, path: Path | str) -> None:
    """Refuse what is no regular file; once more when it is open, where strangers can put something in its place.

    Raises:
        OSError: It is none.
    """
    kind = stat.S_IFMT(seen.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def beginning(path: Path | str, most: int) -> bytes:
    """Return the first bytes of a file, all of it where it has no more.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be read, or is no regular file.
    """
    fd = opened(path)
    try:
        return _read(fd, most)
    finally:
        os.close(fd)


def end(path: Path | str, most: int) -> bytes:
    """Return the last bytes of a file, as `beginning` does the first."""
    fd = opened(path)
    try:
        os.lseek(fd, max(0, os.lseek(fd, 0, os.SEEK_END) - most), os.SEEK_SET)
        return _read(fd, most)
    finally:
        os.close(fd)


def _read(fd: int, most: int) -> bytes:
    data = bytearray()
    # Only an empty read is the end: /proc hands out less than asked in the middle of a long file.
    while len(data) < most and (chunk := os.read(fd, min(CHUNK, most - len(data)))):
        data += chunk
    return bytes(data)


def whole(path: Path | str, most: int = MOST_BYTES) -> bytes:
    """Return all of a file.

    Args:
        path: Where it is.
        most: Bytes that such a file may have.

    Raises:
        FileNotFoundError: There is none.
        Malformed: It has more; nothing of it is taken.
        OSError: It cannot be read, or is no regular file.
    """
    data = beginning(path, most + 1)
    if len(data) > most:
        raise Malformed(f"{path}: more than {most} bytes")
    return data
