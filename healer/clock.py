"""The only clock. Everything else gets the time as an argument or through ports.Clock."""

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """This machine's time."""

    def __init__(self) -> None:
        # One boot id for the life of the process: it cannot outlive its boot.
        self._boot_id = _BOOT_ID.read_text().strip()

    def wall(self) -> float:
        """Epoch seconds."""
        return time.time()

    def boottime(self) -> float:
        """CLOCK_BOOTTIME, seconds: goes on through a suspend, never jumps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot."""
        return self._boot_id
