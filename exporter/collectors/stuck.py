"""Processes that are stuck or soon will be: out of reach of signals, dead and not reaped, out of descriptors.

Names of programs and of places in the kernel are labels here, so each family is held to a few series.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.tasks import Task, file_limit, open_files, processes, wait_channel

NAME = "stuck"
INTERVAL = 15.0  # seconds

WAITING = Family(
    "hale_processes_uninterruptible",
    Kind.GAUGE,
    "Processes in uninterruptible sleep, by where in the kernel they wait.",
)
ZOMBIES = Family(
    "hale_processes_zombies", Kind.GAUGE, "Dead processes that wait for their parent to reap them."
)
RATIO = Family(
    "hale_processes_descriptors_ratio",
    Kind.GAUGE,
    "Open descriptors of a process as a part of its limit, of those that have used half of it.",
)
HIGHEST = Family(
    "hale_processes_descriptors_ratio_highest",
    Kind.GAUGE,
    "Open descriptors of the process that comes closest to its limit, as a part of that.",
)

MOST = 20  # series of a family; what is more is counted as `other`, or has the lowest ratios
OTHER = "other"
# Nobody's limit is so low that fewer open files could be half of it (the kernel's default is 1024).
FEW = 64
HALF = 0.5


class Stuck:
    """Serves hale_processes_*."""

    def __init__(self, procfs: Path, used: Callable[[Path, int], int] = open_files) -> None:
        """Read nothing yet.

        Args:
            procfs: Where /proc is seen from here.
            used: Tells how many descriptors a process has open; 0 where it does not know.
        """
        self._procfs = procfs
        self._used = used

    def read(self) -> bytes:
        """Read two files of every process once, and a third of those that are stuck or have many files open.

        Raises:
            Absent: Other users' processes are hidden from us.
            Malformed: A file could not be understood.
            OSError: A file could not be read.
        """
        tasks = {task.pid: task for task in processes(self._procfs)}
        waiting = Counter(
            wait_channel(self._procfs, one.pid) for one in tasks.values() if one.state == "D"
        )
        zombies = Counter(_parent(one, tasks) for one in tasks.values() if one.state == "Z")
        return written(
            [
                *(sample(WAITING, n, wait_channel=where) for where, n in bounded(waiting).items()),
                *(sample(ZOMBIES, n, parent=name) for name, n in bounded(zombies).items()),
                *self._ratios(tasks.values()),
            ]
        )

    def _ratios(self, tasks: Iterable[Task]) -> list[Sample]:
        used = {task: self._used(self._procfs, task.pid) for task in tasks}
        if not any(used.values()):  # this kernel does not tell
            return []
        ratios: dict[str, float] = {}
        for task, count in used.items():
            limit = file_limit(self._procfs, task.pid) if count >= FEW else None
            if limit:
                ratios[task.name] = max(ratios.get(task.name, 0.0), count / limit)
        worst = sorted(ratios.items(), key=lambda pair: -pair[1])[:MOST]
        shown = [sample(RATIO, ratio, process=name) for name, ratio in worst if ratio >= HALF]
        return [*shown, sample(HIGHEST, max(ratios.values(), default=0.0))]


def _parent(zombie: Task, tasks: Mapping[int, Task]) -> str:
    parent = tasks.get(zombie.parent)
    return parent.name if parent else ""


def bounded(counts: Counter[str]) -> dict[str, int]:
    """Return the most frequent ones, and the rest together."""
    if len(counts) <= MOST:
        return dict(counts)
    kept = dict(counts.most_common(MOST - 1))
    return kept | {OTHER: counts.total() - sum(kept.values()) + kept.get(OTHER, 0)}
