"""Whether SELinux is enforced, from selinuxfs and /etc/selinux/config (selinux(8)), as node_exporter's `selinux`."""

import re
from pathlib import Path

from exporter.exposition import Family, Kind
from exporter.gathered import sample, written
from exporter.sysfiles import text, whole

NAME = "selinux"
INTERVAL = 60.0  # seconds

CONFIG_MODE = Family("node_selinux_config_mode", Kind.GAUGE, "Configured SELinux enforcement mode")
CURRENT_MODE = Family("node_selinux_current_mode", Kind.GAUGE, "Current SELinux enforcement mode")
ENABLED = Family("node_selinux_enabled", Kind.GAUGE, "SELinux is enabled, 1 is true, 0 is false")

DISABLED = -1
MODES = {"enforcing": 1, "permissive": 0}


def configured(said: str) -> int:
    """Return the mode that the configuration asks for at the next boot; -1 for disabled and for none."""
    found = re.findall(r"^[ \t]*SELINUX[ \t]*=[ \t]*(\S*)[ \t]*$", said, re.M)
    return MODES.get(found[-1].lower(), DISABLED) if found else DISABLED


class Selinux:
    """Serves node_selinux_*."""

    def __init__(self, procfs: Path, sysfs: Path, rootfs: Path) -> None:
        self._procfs = procfs
        self._mode = sysfs / "fs/selinux/enforce"
        self._config = rootfs / "etc/selinux/config"

    def read(self) -> bytes:
        """Read the present mode and the configured one; the latter is a disk's, so it may hang."""
        mode = whole(self._mode)
        # A kernel without a policy labels everything so, whatever is mounted.
        label = (text(self._procfs / "self/attr/current") or "").rstrip("\0")
        if mode is None or label in ("", "kernel"):
            return written([sample(ENABLED, 0)])
        return written(
            [
                sample(CONFIG_MODE, configured(text(self._config) or "")),
                sample(CURRENT_MODE, mode),
                sample(ENABLED, 1),
            ]
        )
