"""What faults do to file systems. Rule: one file, whose name tells who made it, takes all room."""

from lab.faults.fault import run
from lab.ports import Lab

_NAME = "hale-lab-fill"
_FILL = """
dd if=/dev/zero of="$1" bs=64K 2>/dev/null
dd if=/dev/zero of="$1" bs=512 oflag=append conv=notrunc 2>/dev/null
sync "$1"
df --output=avail --block-size=1 "$1" | tail -1
"""


def fill(lab: Lab, node: str, directory: str) -> str:
    """Fill the file system under a directory and return what is free after it, in bytes.

    Writing until ENOSPC is the point, so dd's exit status means nothing.
    """
    script = ["/bin/sh", "-c", _FILL, "sh", _file(directory)]
    return run(lab, node, script, timeout=120.0).stdout.strip()


def release(lab: Lab, node: str, directory: str) -> None:
    """Remove the file, if it is there."""
    run(lab, node, ["rm", "--force", _file(directory)])


def _file(directory: str) -> str:
    return f"{directory.rstrip('/')}/{_NAME}"
