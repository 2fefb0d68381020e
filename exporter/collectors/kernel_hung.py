"""How many tasks the kernel has found hung, from /proc/sys/kernel, as node_exporter's `kernel_hung`.

The counter is there since Linux 6.13 (Documentation/admin-guide/sysctl/kernel.rst).
"""

from exporter.collector import OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile
from exporter.wholes import read_whole

FAMILY = Family(
    "node_kernel_hung_tasks_total",
    Kind.COUNTER,
    "Total number of tasks that have been detected as hung since the system booted.",
)
TEMPLATE = FAMILY.header() + FAMILY.series() + b"%d\n"


class HungTasks(OnScrape):
    """Serves node_kernel_hung_tasks_total."""

    name = "kernel_hung"

    def __init__(self, file: ProcFile) -> None:
        self._file = file

    def collect(self) -> bytes:
        """Read hung_task_detect_count once."""
        return TEMPLATE % read_whole(self._file)
