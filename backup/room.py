"""Whether there is room for what is to be restored."""

import os
from pathlib import Path

from backup.words import Failed, Reason

SPARE = 64 * 1024 * 1024
"""Bytes that stay free, whatever is restored."""


def enough(place: Path, size: int) -> None:
    """See that a file system can take so many bytes and has some left after it.

    Raises:
        Failed: no_room.
    """
    seen = os.statvfs(place)
    free = seen.f_bavail * seen.f_frsize
    if free < size + SPARE:
        raise Failed(
            Reason.NO_ROOM, f"{place} has {free} bytes free, and {size + SPARE} are needed"
        )
