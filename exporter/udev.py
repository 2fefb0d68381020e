"""What udev found out about block devices, from its database; reading it is reading a small file of /run.

Format: systemd's src/libsystemd/sd-device/device-private.c, one property for each line that begins with `E:`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from exporter.files import beginning

# More than any entry by far; the rest of a file that is longer is not looked at.
MAX_BYTES = 256 * 1024
NOTHING: Mapping[str, str] = MappingProxyType({})

Stamp = tuple[int, int, int]


def parse(data: bytes) -> dict[str, str]:
    """Return the properties; what is not one is passed over, and text that is no UTF-8 is made readable."""
    found: dict[str, str] = {}
    for row in data.decode("utf-8", "replace").split("\n"):
        key, equals, value = row.removeprefix("E:").partition("=")
        if equals and row.startswith("E:"):
            found[key] = value
    return found


class Udev:
    """Remembers what it read of each device until udev writes it anew."""

    def __init__(self, folder: Path) -> None:
        self._beginning = f"{folder}/b"
        self._known: dict[str, tuple[Stamp, Mapping[str, str]]] = {}

    def properties(self, number: str) -> Mapping[str, str]:
        """Return what is known of the block device MAJOR:MINOR, the same object while that does not change."""
        path = self._beginning + number  # no Path: it is asked of every disk at every scrape
        try:
            seen = os.stat(path)  # noqa: PTH116
            stamp = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
            known = self._known.get(number)
            if known is None or known[0] != stamp:
                known = self._known[number] = stamp, parse(beginning(path, MAX_BYTES))
        except OSError:  # no udev here, as in a container, or nothing known of this one
            self._known.pop(number, None)
            return NOTHING
        return known[1]

    def forget_all_but(self, numbers: set[str]) -> None:
        """Let go of the devices that are gone."""
        for number in self._known.keys() - numbers:
            del self._known[number]
