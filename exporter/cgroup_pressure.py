"""How long the work of one unit had to wait, from its own cgroup (cgroup-v2.rst, "PSI").

Reading these files waits for nobody: the kernel keeps the sums in memory.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter.collector import Malformed
from exporter.exposition import Family, Kind
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
RESOURCES = ("cpu", "io", "memory")
MICROSECONDS = 1_000_000

# The second is there where systemd runs both kinds of cgroups, which is no longer usual.
HIERARCHIES = ("", "unified")


class CgroupPressure:
    """Reads the pressure files of cgroups."""

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet.

        Args:
            folder: /sys/fs/cgroup.
        """
        self._folders = [folder / name for name in HIERARCHIES]

    def of(self, cgroup: str) -> Iterator[tuple[Family, str, float]]:
        """Return the family, the resource and the seconds of each sum that there is; nothing where there is none.

        Args:
            cgroup: As systemd names it, `/system.slice/nginx.service`; empty when the unit has none now.
        """
        if not cgroup.startswith("/") or ".." in cgroup.split("/"):
            return
        for resource in RESOURCES:
            data = self._read(f"{cgroup[1:]}/{resource}.pressure")
            try:
                seen = parse(data) if data is not None else None
            except Malformed:  # the kernel as it is now writes none of it: psi=0
                seen = None
            if seen is None:
                continue
            for family, value in ((WAITING, seen.some), (STALLED, seen.full)):
                if value is not None:
                    yield family, resource, value / MICROSECONDS

    def _read(self, name: str) -> bytes | None:
        for folder in self._folders:
            try:
                return (folder / name).read_bytes()
            except OSError:  # a unit that has just ended, an older kernel, psi=0
                continue
        return None
