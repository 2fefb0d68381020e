"""Files below /proc/net of the node's own network, which is PID 1's: never is a sandbox's shown as the node's."""

from pathlib import Path

from exporter.collector import Absent
from exporter.procfile import ProcFile


class NetFile:
    """One such file, by its name below /proc/net; it stays open between two scrapes."""

    def __init__(self, procfs: Path, name: str) -> None:
        """Open nothing yet.

        Args:
            procfs: Where /proc is.
            name: Such as `snmp` or `stat/nf_conntrack`.
        """
        self.name = f"net/{name}"
        self._file = ProcFile(procfs / "1" / self.name)
        # For a node that hides PID 1 from us (hidepid=).
        self._own = ProcFile(procfs / self.name)

    def read(self) -> bytes:
        """Return the whole file as it is now.

        Raises:
            Absent: The file does not exist, as where its module is not loaded.
            Malformed: It is longer than any that the kernel writes.
            OSError: It could not be read; the next call opens it anew.
        """
        try:
            return self._file.read()
        except (Absent, PermissionError):
            return self._own.read()

    def there(self) -> bytes | None:
        """Return the whole file; None where it does not exist.

        Raises:
            Malformed: It is longer than any that the kernel writes.
            OSError: It could not be read.
        """
        try:
            return self.read()
        except Absent:
            return None
