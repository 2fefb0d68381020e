"""What is left of a lab on the machine, asked of the kernel, and its removal.

The rule: the end of a lab does not depend on what its start wrote down. Processes are found by
control group, mounts and loop devices by the lab's directory.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups
from lab.commands import completed
from lab.names import Place
from lab.ports import LabError

_NSPAWN = Path("/run/systemd/nspawn")


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of one lab.

    Attributes:
        processes: Ids of those in the lab's control groups.
        mounts: Mount points below the lab's directories, in the order they were made; the
            network namespace's handle is one of them.
        loops: Loop devices whose file is below the lab's directory.
        groups: Control groups.
        directories: State and unfinished images.
    """

    processes: frozenset[int] = frozenset()
    mounts: tuple[Path, ...] = ()
    loops: tuple[Path, ...] = ()
    groups: tuple[Path, ...] = ()
    directories: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return any(
            (
                self.processes,
                self.mounts,
                self.loops,
                self.groups,
                self.directories,
            )
        )

    def __str__(self) -> str:
        things = {
            "process": sorted(self.processes),
            "mount": self.mounts,
            "loop device": self.loops,
            "control group": self.groups,
            "directory": self.directories,
        }
        return ", ".join(f"{kind} {thing}" for kind, found in things.items() for thing in found)


def find(place: Place, layout: cgroups.Layout) -> Remains:
    """Look for everything that belongs to the lab. Changes nothing."""
    groups = [group for group in layout.groups(place.name) if group.is_dir()]
    mounts = Path("/proc/self/mountinfo").read_text()
    ours = (place.directory, place.workshop)
    return Remains(
        processes=frozenset().union(*(cgroups.processes(group) for group in groups)),
        mounts=mounts_below(mounts, ours),
        loops=tuple(_loops(place.directory)),
        groups=tuple(groups),
        directories=tuple(path for path in ours if path.exists()),
    )


def remove(place: Place, layout: cgroups.Layout) -> None:
    """Remove everything that belongs to the lab. Where there is nothing, nothing happens.

    Must not be called by a process that is in the lab's control group.

    Raises:
        LabError: Something could not be removed; the message lists it. Calling again is safe.
    """
    cgroups.end(layout, place.name)
    _remove_machine_files(place)
    for mount in reversed(find(place, layout).mounts):
        _unmount(mount)
    for loop in _loops(place.directory):
        completed(["losetup", "--detach", str(loop)], timeout=10)
    cgroups.remove(layout, place.name)
    _remove_directories(place)
    left = find(place, layout)
    if left:
        raise LabError(f"lab {place.id}: could not remove {left}. Run `hale-lab down` again.")


def mounts_below(mountinfo: str, directories: tuple[Path, ...]) -> tuple[Path, ...]:
    r"""Return mount points at or below some directories, in the order of /proc/self/mountinfo.

    Octal escapes such as \040 are decoded, see proc(5).
    """
    found = []
    for line in mountinfo.splitlines():
        point = Path(line.split()[4].encode().decode("unicode_escape"))
        if any(point.is_relative_to(directory) for directory in directories):
            found.append(point)
    return tuple(found)


def _loops(directory: Path) -> Iterator[Path]:
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):  # it was detached while we looked
            file = backing.read_text().strip().removesuffix(" (deleted)")
            if Path(file).is_relative_to(directory):
                yield Path("/dev", backing.parent.parent.name)


def _unmount(point: Path) -> None:
    """Unmount; a mount that is still in use a second later is taken out of sight at once."""
    for _ in range(20):
        if completed(["umount", str(point)], timeout=20).code == 0 or not point.is_mount():
            return
        time.sleep(0.05)
    completed(["umount", "--lazy", str(point)], timeout=20)


def _remove_machine_files(place: Place) -> None:
    """Remove what nspawn keeps per container: it would itself, had it not been killed."""
    for kind in ("propagate", "unix-export"):
        for directory in (_NSPAWN / kind).glob(f"{place.name}-*"):
            shutil.rmtree(directory, ignore_errors=True)
    for root in place.node("any").parent.glob("*/root"):
        status = root.stat()  # of the mounted root: image_path_lock() names its lock by it
        (_NSPAWN / "locks" / f"inode-{status.st_dev}:{status.st_ino}").unlink(missing_ok=True)


def _remove_directories(place: Place) -> None:
    for directory in (place.directory, place.workshop):
        if not mounts_below(Path("/proc/self/mountinfo").read_text(), (directory,)):
            shutil.rmtree(directory, ignore_errors=True)
