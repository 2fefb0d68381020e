"""What the work of one unit took and how long it had to wait, from its own cgroup (cgroup-v2.rst).

Reading these files waits for nobody: the kernel keeps the sums in memory.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.files import beginning
from exporter.psi import parse

WAITING = Family(
    "hale_service_pressure_waiting_seconds_total",
    Kind.COUNTER,
    "Time that some work of the service has waited for a resource.",
)
STALLED = Family(
    "hale_service_pressure_stalled_seconds_total",
    Kind.COUNTER,
    "Time that all work of the service has waited for a resource at once.",
)
CPU = Family(
    "hale_service_cpu_seconds_total",
    Kind.COUNTER,
    "Processor time that the service took, since its unit was started.",
)
TASKS = Family("hale_service_tasks", Kind.GAUGE, "Processes and threads of the service.")
OOM_KILLS = Family(
    "hale_service_oom_kills_total",
    Kind.COUNTER,
    "Processes of the service that were killed for want of memory, since its unit was started.",
)

RESOURCES = ("cpu", "io", "memory")
MICROSECONDS = 1_000_000
LARGEST = 64 * 1024
"""Bytes that are read of one file; each has a few lines."""

KEYED = re.compile(rb"^(\w+) (\d{1,20})$", re.M)
"""A flat keyed file: cpu.stat has microseconds, memory.events counts."""

MODES = {"user": b"user_usec", "system": b"system_usec"}

# The second is there where systemd runs both kinds of cgroups, which is no longer usual.
HIERARCHIES = ("", "unified")


class Reading(NamedTuple):
    """One number of a unit's.

    Attributes:
        label: The family's own label; empty for one that has none.
        of: Its value.
        value: In the family's unit.
    """

    family: Family
    value: float
    label: str = ""
    of: str = ""


class UnitCgroup:
    """Reads the files of units' cgroups."""

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet.

        Args:
            folder: /sys/fs/cgroup.
        """
        self._folders = [folder / name for name in HIERARCHIES]

    def of(self, cgroup: str) -> Iterator[Reading]:
        """Yield what there is; a file that is missing or not understood costs its own numbers.

        Args:
            cgroup: As systemd names it, `/system.slice/nginx.service`; empty when the unit has none now.
        """
        if not cgroup.startswith("/") or ".." in cgroup.split("/"):
            return
        unit = cgroup[1:]
        for resource in RESOURCES:
            yield from _pressure(resource, self._read(f"{unit}/{resource}.pressure"))
        spent = dict(KEYED.findall(self._read(f"{unit}/cpu.stat")))
        for mode, key in MODES.items():
            if key in spent:
                yield Reading(CPU, int(spent[key]) / MICROSECONDS, "mode", mode)
        if (tasks := self._read(f"{unit}/pids.current").strip()).isdigit():
            yield Reading(TASKS, int(tasks))
        events = dict(KEYED.findall(self._read(f"{unit}/memory.events")))
        if b"oom_kill" in events:
            yield Reading(OOM_KILLS, int(events[b"oom_kill"]))

    def _read(self, name: str) -> bytes:
        for folder in self._folders:
            try:
                return beginning(folder / name, LARGEST)
            except OSError:  # the unit has just ended, an older kernel, psi=0, a controller is off
                continue
        return b""


def _pressure(resource: str, data: bytes) -> Iterator[Reading]:
    try:
        seen = parse(data)
    except Malformed:  # there is none, or the kernel as it is now writes none: psi=0
        return
    for family, value in ((WAITING, seen.some), (STALLED, seen.full)):
        if value is not None:
            yield Reading(family, value / MICROSECONDS, "resource", resource)
