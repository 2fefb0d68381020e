"""Processes that run libraries of which a newer version is installed: the file is gone, and they still map it.

A process that hangs may hold the lock of its mappings, and reading them waits for it: each is read as a device is that
may never answer.
"""

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from exporter.exposition import Family, Kind
from exporter.files import beginning
from exporter.gathered import sample, written
from exporter.tasks import refuse_if_hidden

NAME = "deleted_libraries"
INTERVAL = 300.0  # seconds; libraries change when packages do
TIMEOUT = 60.0  # seconds; with thousands of processes a round takes some of them

# deleted_libraries.py of node-exporter-textfile-collector-scripts.
LINKING = Family(
    "node_processes_linking_deleted_libraries",
    Kind.GAUGE,
    "Count of running processes that link a deleted library",
)
OF_UNIT = Family(
    "hale_unit_processes_linking_deleted_libraries",
    Kind.GAUGE,
    "Processes of a unit that map a library whose file was removed or replaced.",
)
UNKNOWN = Family(
    "hale_processes_libraries_unknown",
    Kind.GAUGE,
    "Processes whose mappings may not be read, which takes CAP_SYS_PTRACE.",
)

# proc_pid_maps(5): address, rights, offset, device, inode, path. As the script does, a path with spaces is passed over;
# beyond it the folders of other architectures and distributions count.
MAPPING = re.compile(rb"^(?:\S+ +){5}(/(?:\S*/)?lib(?:32|64|x32)?/\S+) \(deleted\)$", re.MULTILINE)
# vm.max_map_count is 65,530 by default, with some 150 bytes each.
MOST_BYTES = 16 * 1024 * 1024
PAGE = 4096  # more than a cgroup file has
# sd_pid_get_unit(3): the first part of the path that is no slice.
UNIT = re.compile(
    rb"(?:0:|\d+:name=systemd):/(?:[^/]*/)*?([^/]+\.(?:service|scope|socket|mount|swap))(?:/|$)"
)


class Process(NamedTuple):
    """What one process maps that is gone.

    Attributes:
        libraries: Their paths; None where it is not told.
        unit: Whose it is; "" for none, and where nothing of it is gone.
    """

    libraries: frozenset[str] | None
    unit: str = ""


class DeletedLibraries:
    """Serves node_processes_linking_deleted_libraries and the same by unit, as a `hardware.Reader`."""

    name = NAME

    def __init__(self, procfs: Path) -> None:
        """Read nothing yet; `procfs` is where /proc is seen from here."""
        self._procfs = procfs

    def find(self) -> Collection[str]:
        """Return the numbers of all processes.

        Raises:
            Absent: Other users' are hidden from us.
        """
        refuse_if_hidden(self._procfs)
        return [name for name in os.listdir(self._procfs) if name.isdecimal()]  # noqa: PTH208

    def read(self, device: str) -> Process:
        """Read one process's mappings; it may have ended, which is none."""
        try:
            libraries = mapped(beginning(self._procfs / device / "maps", MOST_BYTES))
        except PermissionError:
            return Process(None)
        except (FileNotFoundError, ProcessLookupError):
            return Process(frozenset())
        return Process(libraries, self._unit(device) if libraries else "")

    def _unit(self, pid: str) -> str:
        try:
            return unit_of(beginning(self._procfs / pid / "cgroup", PAGE))
        except OSError:  # it ended meanwhile
            return ""

    def body(self, readings: Mapping[str, Process]) -> bytes:
        """Return the series of all processes that have been read."""
        linking, units = Counter[str](), Counter[str]()
        for process in readings.values():
            if process.libraries:
                linking.update(process.libraries)
                units[process.unit] += 1
        unknown = sum(process.libraries is None for process in readings.values())
        return written(
            [
                *(
                    sample(LINKING, count, library_path=folder, library_name=name)
                    for folder, name, count in _sorted(linking)
                ),
                *(sample(OF_UNIT, count, unit=unit) for unit, count in sorted(units.items())),
                sample(UNKNOWN, unknown),
            ]
        )


def _sorted(linking: Counter[str]) -> list[tuple[str, str, int]]:
    return [
        (*os.path.split(path), count) for path, count in sorted(linking.items()) if "/lib/" in path
    ]


def mapped(maps: bytes) -> frozenset[str]:
    """Return the libraries of a maps file that are gone."""
    if b" (deleted)\n" not in maps:  # nearly all
        return frozenset()
    return frozenset(path.decode("utf-8", "replace") for path in MAPPING.findall(maps))


def unit_of(cgroup: bytes) -> str:
    """Return the unit of a process from its cgroup file, of version 2 or 1; "" for none."""
    for row in cgroup.splitlines():
        match = UNIT.match(row)
        if match:
            return match[1].decode("utf-8", "replace")
    return ""
