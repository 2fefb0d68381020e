"""Whether the disk below a path is one to restore to. Only the kernel's own word counts.

Sources: the kernel's Documentation/ABI/testing/sysfs-fs-ext4, and statvfs(3).
"""

import os
from pathlib import Path

from backup.words import Failed, Reason

SYS = Path("/sys")


def sound(folder: Path, sys: Path = SYS) -> None:
    """See that the kernel has seen no error on a folder's file system, and has not stopped writing to it.

    Raises:
        Failed: failing_disk; nothing was touched.
    """
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise Failed(Reason.FAILING_DISK, f"{folder} is on a file system that is read-only")
    device = folder.stat().st_dev
    block = sys / f"dev/block/{os.major(device)}:{os.minor(device)}"
    name = block.resolve().name if block.exists() else ""
    counted = _number(sys / f"fs/ext4/{name}/errors_count") if name else None
    if counted:
        raise Failed(Reason.FAILING_DISK, f"{name} has {counted} errors of its file system")
    state = _text(block / "device/state")
    if state not in ("", "running"):
        raise Failed(Reason.FAILING_DISK, f"{name} is {state}")


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""  # another file system, or no disk behind it
