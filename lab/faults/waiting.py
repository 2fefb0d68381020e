"""Files that let their readers wait. Rule: whoever waits is set free before the file goes."""

from lab.faults.fault import run
from lab.ports import Lab

# Opened for both ends, so that it never waits for a reader itself.
_LET = '[ -p "$1" ] || exit 0; exec 3<>"$1"; rm --force "$1"; sleep 0.2; exec 3>&-'


def let(lab: Lab, node: str, path: str) -> None:
    """Set free whoever waits for a pipe, and remove it; nothing happens where there is none."""
    run(lab, node, ["/bin/sh", "-c", _LET, "sh", path])
