"""Whether disks rotate, from /sys/block/*/queue/rotational; asked once for each, in a thread of its own.

The kernel answers under a lock of the disk's queue, which a dead disk may keep for ever; a scrape does not wait for it.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from exporter.files import beginning

PROMPT = 0.2  # seconds that the scrape that first sees a disk waits for the answer


class Rotation:
    """Remembers the answer for each disk for as long as the disk is there."""

    def __init__(self, sysfs: Path) -> None:
        self._folder = sysfs / "block"
        self._known: dict[str, str] = {}
        self._asking: threading.Thread | None = None

    def of(self, disks: Sequence[str]) -> list[str]:
        """Return 1 for each disk that rotates and 0 for the others, among them those that cannot be asked.

        While one question hangs no other is asked.
        """
        if len(self._known) > len(disks):
            self._known = {disk: self._known[disk] for disk in disks if disk in self._known}
        new = [disk for disk in disks if disk not in self._known]
        if new and not (self._asking and self._asking.is_alive()):
            self._asking = threading.Thread(target=self._ask, args=(new,), daemon=True)
            self._asking.start()
            self._asking.join(PROMPT)
        return [self._known.get(disk, "0") for disk in disks]

    def _ask(self, disks: Sequence[str]) -> None:
        for disk in disks:
            try:
                answer = beginning(self._folder / disk / "queue/rotational", 16).strip()
            except OSError:  # a partition, which has no queue, or one that is just going
                answer = b""
            self._known[disk] = "1" if answer == b"1" else "0"
