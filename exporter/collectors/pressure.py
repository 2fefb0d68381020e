"""How long work had to wait for what is short, from /proc/pressure, as node_exporter's `pressure`.

Format: Documentation/accounting/psi.rst of the kernel.
"""

import errno
from pathlib import Path

from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile
from exporter.psi import Pressure, parse


def _family(name: str, text: str) -> Family:
    return Family(
        f"node_pressure_{name}_seconds_total", Kind.COUNTER, f"Total time in seconds {text}"
    )


# For each resource, which of its two totals node_exporter shows and under which name.
RESOURCES = {
    "cpu": {"some": _family("cpu_waiting", "that processes have waited for CPU time")},
    "io": {
        "some": _family("io_waiting", "that processes have waited due to IO congestion"),
        "full": _family("io_stalled", "no process could make progress due to IO congestion"),
    },
    "memory": {
        "some": _family("memory_waiting", "that processes have waited for memory"),
        "full": _family(
            "memory_stalled", "no process could make progress due to memory congestion"
        ),
    },
    "irq": {"full": _family("irq_stalled", "no process could make progress due to IRQ congestion")},
}
TEMPLATES = {
    resource: b"".join(family.header() + family.series() + b"%a\n" for family in shown.values())
    for resource, shown in RESOURCES.items()
}


class Stalls(OnScrape):
    """Serves node_pressure_* for each resource that the kernel watches."""

    name = "pressure"

    def __init__(self, folder: Path) -> None:
        self._files = {resource: ProcFile(folder / resource) for resource in RESOURCES}

    def collect(self) -> bytes:
        """Read each resource once."""
        parts = []
        for resource, file in self._files.items():
            try:
                seen = parse(file.read())
            except Absent:
                continue  # irq is there since Linux 6.1 only
            except OSError as error:
                if error.errno == errno.EOPNOTSUPP:
                    raise Absent("pressure stall information is switched off (psi=0)") from error
                raise
            parts.append(TEMPLATES[resource] % _seconds(resource, seen))
        if not parts:
            raise Absent("the kernel has no pressure stall information")
        return b"".join(parts)


def _seconds(resource: str, seen: Pressure) -> tuple[float, ...]:
    shown = RESOURCES[resource]
    totals = [total for word, total in (("some", seen.some), ("full", seen.full)) if word in shown]
    if None in totals:
        raise Malformed(f"pressure: {resource} has not all of {', '.join(shown)}")
    # Divided twice, as node_exporter does: the same digits come out.
    return tuple(total / 1000.0 / 1000.0 for total in totals if total is not None)
