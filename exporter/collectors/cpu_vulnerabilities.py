"""What the kernel says of its processors' known flaws, from /sys, as node_exporter's `cpu_vulnerabilities`.

Format: Documentation/ABI/testing/sysfs-devices-system-cpu of the kernel.
"""

from pathlib import Path

from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import sample, written
from exporter.sysfiles import entries, text

FAMILY = Family(
    "node_cpu_vulnerabilities_info",
    Kind.GAUGE,
    "Details of each CPU vulnerability reported by sysfs. The value of the series is an int encoded state of the "
    "vulnerability. The same state is stored as a string in the label",
)
AS_THEY_BEGIN = ("not affected", "vulnerable", "mitigation", "unknown")


def parse(said: str) -> tuple[str, str]:
    """Return the state, and what stands behind its first word; of an unknown text that it is unknown, and all of it."""
    for state in AS_THEY_BEGIN:
        if said.lower().startswith(state):
            more = said.split()[1:] if state != "not affected" else []
            return state, " ".join(more)
    return "unknown", said


class Vulnerabilities(OnScrape):
    """Serves node_cpu_vulnerabilities_info."""

    name = "cpu_vulnerabilities"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> bytes:
        """Read the file of each flaw once.

        Raises:
            Absent: The kernel says nothing of any.
        """
        found = []
        for file in entries(self._folder):
            if (said := text(file)) is not None:
                state, mitigation = parse(said)
                found.append(
                    sample(FAMILY, 1, codename=file.name, mitigation=mitigation, state=state)
                )
        if not found:
            raise Absent(f"nothing in {self._folder}")
        return written(found)
