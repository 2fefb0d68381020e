"""What /sys/class/net has of each network device besides /proc/net/dev, without waiting for a driver.

The counters below statistics/ are handed out under no lock that a driver could hold (netstat_show in
net/core/net-sysfs.c), and so is the alias since Linux 4.15.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, Malformed
from exporter.exposition import Family, block
from exporter.procfile import ProcFile

# Files of /sys that stay open, one for each device and counter: a node with more devices opens the rest each time.
KEPT_OPEN = 256


class Counters:
    """Counters that /proc/net/dev does not have, one file for each device and counter."""

    def __init__(self, folder: Path, families: Mapping[str, Family]) -> None:
        """Open nothing yet.

        Args:
            folder: /sys/class/net.
            families: By the name of the file below a device's statistics.
        """
        self._folder = folder
        self._families = families
        self._files: dict[str, dict[bytes, ProcFile]] = {name: {} for name in families}

    def watch(self, devices: Iterable[tuple[bytes, Mapping[str, str]]]) -> None:
        """Take over the devices, each by its name as the kernel has it, with the labels of its series."""
        there = list(devices)
        for name, family in self._families.items():
            before = self._files[name]
            # Of devices that stay, the files stay open.
            now = {family.series(**labels): raw for raw, labels in there}
            for series in before.keys() - now.keys():
                before[series].close()
            self._files[name] = {
                series: before.get(series) or self._file(raw, name) for series, raw in now.items()
            }

    def _file(self, raw: bytes, name: str) -> ProcFile:
        return ProcFile(self._folder / os.fsdecode(raw) / "statistics" / name)

    def lines(self) -> bytes:
        """Return the blocks of the counters; a device that has none, or is just going, is left out."""
        blocks, number = [], 0
        for name, files in self._files.items():
            found = []
            for series, file in files.items():
                value = _whole(file)
                if value is not None:
                    found.append(series + value + b"\n")
                if number >= KEPT_OPEN:
                    file.close()
                number += 1
            blocks.append(block(self._families[name], found))
        return b"".join(blocks)


def _whole(file: ProcFile) -> bytes | None:
    # A device of the same name may have come since: then only a fresh look helps.
    for _ in range(2):
        try:
            value = file.read_value()
        except (Absent, Malformed):
            return None
        except OSError:
            continue
        return value if value.isdigit() else None
    return None


class Aliases:
    """What administrators call the devices (`ip link set DEV alias TEXT`)."""

    def __init__(self, folder: Path) -> None:
        """Read nothing yet; `folder` is /sys/class/net."""
        self._folder = folder
        self._devices: tuple[Path, ...] = ()
        self._seen: list[str | None] = []

    def watch(self, devices: Sequence[bytes]) -> None:
        """Take over the devices, by their names as the kernel has them, and look at each."""
        self._devices = tuple(self._folder / os.fsdecode(raw) for raw in devices)
        self._seen = self._look()

    def changed(self) -> bool:
        """Look again, and return whether a device is called otherwise now."""
        return self._look() != self._seen

    def labels(self) -> list[dict[str, str]]:
        """Return the label of each device, as it was seen at the last `watch`; none of one that /sys has not."""
        return [{} if alias is None else {"ifalias": alias} for alias in self._seen]

    def _look(self) -> list[str | None]:
        found = []
        for device in self._devices:
            alias = sysfiles.text(device / "ifalias")
            found.append("" if alias is None and device.is_dir() else alias)
        return found
