"""Small files of /sys: one value each, or none where the driver does not know it.

Drivers answer with every error there is, so what cannot be read is None, and the caller knows whether that may be.
Reading may wait for hardware: whose file does is read in a thread (exporter/hardware.py).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from exporter.files import FLAGS

# sysfs hands out one page at the most (Documentation/filesystems/sysfs.rst); few attributes fill it.
PAGE = 64 * 1024
# What 64 bits can be in decimal; int() of a longer text is costly, and nobody's counter.
LONGEST = 20


def content(path: Path) -> bytes | None:
    """Return what is in the file; None when it cannot be read."""
    try:
        # Not Path.read_bytes(): it asks for the size first, which sysfs makes up.
        fd = os.open(path, FLAGS)
        try:
            return os.read(fd, PAGE)
        finally:
            os.close(fd)
    except (OSError, ValueError):  # ValueError: a NUL in a name that came out of another file
        return None


def text(path: Path) -> str | None:
    """Return the file's text without the white space around it; None when it cannot be read."""
    data = content(path)
    return None if data is None else data.decode("utf-8", "replace").strip()


def whole(path: Path) -> int | None:
    """Return the whole number, decimal or 0x..., that the file holds; None where it holds something else."""
    return number(text(path))


def number(word: str | None) -> int | None:
    """Return the whole number that a word is; None where it is none."""
    if word is None or len(word) > LONGEST + 1:
        return None
    if re.fullmatch(r"[-+]?[0-9]+", word, re.ASCII):
        return int(word)
    return int(word, 16) if re.fullmatch(r"0[xX][0-9a-fA-F]+", word, re.ASCII) else None


def entries(folder: Path, pattern: str = "") -> list[Path]:
    """Return what is in a folder and matches wholly, by name; nothing where there is no such folder.

    Args:
        folder: Where to look.
        pattern: A regular expression; an empty one matches everything.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a Path for each that matches is enough
    except (OSError, ValueError):  # as in `content`
        return []
    if pattern:
        names = list(filter(re.compile(pattern).fullmatch, names))
    return [folder / name for name in sorted(names)]


def rows(data: bytes) -> Iterator[list[bytes]]:
    """Yield the words of each line that has any."""
    for row in data.splitlines():
        if words := row.split():
            yield words
