"""Put one directory or file in the place of another, so that nobody ever finds half of either there.

renameat2(2). Rule: what was there is kept beside it, and who was killed anywhere in between can tell how far it came
from the inode numbers.
"""

import ctypes
import errno
import os
import stat
from pathlib import Path

from backup.words import Failed, Reason

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2
_LIBC = ctypes.CDLL(None, use_errno=True)

Inode = int
"""The number alone: all names of one path are on one file system, and a boot may give that another device number."""


def inode(path: Path) -> Inode | None:
    """Return which file lies at a path; None where there is none."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_ino


def switch(staged: Path, place: Path, kept: Path) -> None:
    """Put `staged` at `place`, and what was there at `kept`. All three lie on one file system.

    It may be called again after it was cut off, until it returns.

    Raises:
        Failed: not_switched; the old one is still at `place`, or at `kept` where the file system cannot exchange.
    """
    try:
        if inode(place) is None:
            _rename(staged, place, _NOREPLACE)
        else:
            _exchange(staged, place, kept)
        _durable(place.parent)
    except OSError as error:
        raise Failed(Reason.NOT_SWITCHED, f"{place}: {error.strerror}") from error


def set_aside(old: Path, kept: Path) -> None:
    """Keep what was there under a name of its own, and never in the place of something else.

    Raises:
        Failed: not_switched; it stays where it is.
    """
    try:
        _rename(old, kept, _NOREPLACE)
        _durable(kept.parent)
    except OSError as error:
        raise Failed(Reason.NOT_SWITCHED, f"{kept}: {error.strerror}") from error


def _exchange(staged: Path, place: Path, kept: Path) -> None:
    try:
        _rename(staged, place, _EXCHANGE)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        # This file system cannot exchange. For a moment nothing is there, and the next run goes on from that.
        _rename(place, kept, _NOREPLACE)
        _rename(staged, place, _NOREPLACE)


def _rename(source: Path, target: Path, flags: int) -> None:
    names = (os.fsencode(source), os.fsencode(target))
    if _LIBC.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(flags)) != 0:
        number = ctypes.get_errno()
        if number == errno.EINVAL and flags == _NOREPLACE and not os.path.lexists(target):
            source.rename(target)
            return
        raise OSError(number, os.strerror(number), str(source))


def written_out(folder: Path) -> None:
    """Wait until all of a folder's file system is on its disk (syncfs(2)).

    Raises:
        OSError: the disk failed.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _LIBC.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(fd)


def _durable(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def may_be_switched(place: Path) -> None:
    """See that a path can be replaced, and that nobody but root can lead us elsewhere on the way to it.

    Raises:
        Failed: mount_point or not_switched; nothing was touched.
    """
    if os.path.ismount(place):
        raise Failed(
            Reason.MOUNT_POINT, f"{place} is a mount point; back up a directory below it instead"
        )
    for folder in reversed(place.parents):
        try:
            seen = folder.lstat()
        except FileNotFoundError:
            raise Failed(Reason.NOT_SWITCHED, f"{folder} is not there") from None
        shared = seen.st_mode & 0o022 and not seen.st_mode & stat.S_ISVTX
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid not in (0, os.geteuid()) or shared:
            raise Failed(
                Reason.NOT_SWITCHED, f"{folder} must be a directory that only root can write in"
            )
