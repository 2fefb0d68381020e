"""The node's processes, from /proc/PID (proc(5)): no more of each than one asks for, since there may be thousands.

A process may end at any moment, also between two files of its own; then it was not there.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exporter.collector import Absent, Malformed
from exporter.files import FLAGS

MOST_BYTES = 4096  # a page; each of these files is less
# As the kernel says that it does not know, or would not tell us.
NO_CHANNEL = ("0", "")
# proc(5), under mount options.
HIDDEN = "other users' processes are hidden from us: /proc is mounted with hidepid="


class Task(NamedTuple):
    """One process or thread.

    Attributes:
        name: Of its program, as it gave it itself; at most 15 bytes.
        state: A letter of proc(5), such as R, S, D or Z.
        parent: The process that has to reap it.
        threads: How many it has, itself included; 0 of a zombie that has none left.
    """

    pid: int
    name: str
    state: str
    parent: int
    threads: int


def parse(data: bytes) -> Task:
    """Read a stat file; a name may hold anything, brackets and line feeds too.

    Raises:
        Malformed: It is none.
    """
    head, _, rest = data.rpartition(b")")
    pid, _, name = head.partition(b" (")
    words = rest.split()
    numbers = [pid, *words[1:2], *words[17:18]]
    if len(numbers) < 3 or not all(one.isdigit() and len(one) < 20 for one in numbers):
        raise Malformed(f"stat of a process: saw {data[:80]!r}")
    state = words[0].decode("ascii", "replace")
    return Task(int(pid), name.decode("utf-8", "replace"), state, int(words[1]), int(words[17]))


def processes(procfs: Path) -> Iterator[Task]:
    """Yield every process that is still there when it is read.

    Raises:
        Absent: Other users' are hidden from us; nobody could tell a count of our own from one of all.
        Malformed: A stat file could not be understood.
        OSError: /proc could not be listed, or a stat file not be read.
    """
    refuse_if_hidden(procfs)
    try:
        yield from _tasks(procfs)
    except PermissionError as error:  # hidepid=noaccess shows their numbers and nothing else
        raise Absent(HIDDEN) from error


def refuse_if_hidden(procfs: Path) -> None:
    """Look for PID 1, which every /proc has.

    Raises:
        Absent: It is hidden from us, and so are all other users' processes.
    """
    if not (procfs / "1").exists():
        raise Absent(HIDDEN)


def threads(procfs: Path, pid: int) -> Iterator[Task]:
    """Yield the threads of a process; none where it has ended."""
    yield from _tasks(procfs / str(pid) / "task")


def _tasks(folder: Path) -> Iterator[Task]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a Path for each of thousands is what would cost
    except (FileNotFoundError, ProcessLookupError):
        return
    for name in names:
        if name.isdecimal() and (data := _read(f"{folder}/{name}/stat")):
            yield parse(data)


def wait_channel(procfs: Path, pid: int) -> str:
    """Return where in the kernel a process waits; "" where that is not told, which takes CAP_SYS_PTRACE."""
    try:
        channel = (_read(f"{procfs}/{pid}/wchan") or b"").decode("ascii", "replace").strip()
    except OSError:
        return ""
    return "" if channel in NO_CHANNEL else channel


def open_files(procfs: Path, pid: int) -> int:
    """Return how many descriptors a process has open; 0 before Linux 6.2, which is the first to tell everyone."""
    try:
        return os.stat(f"{procfs}/{pid}/fd").st_size  # noqa: PTH116 - as above
    except OSError:
        return 0


def file_limit(procfs: Path, pid: int) -> int | None:
    """Return how many descriptors a process may open; None where there is no limit, or it is not told."""
    try:
        data = _read(f"{procfs}/{pid}/limits") or b""
    except OSError:
        return None
    _, _, rest = data.partition(b"Max open files")
    words = rest.split(None, 1)
    return int(words[0]) if words and words[0].isdigit() and len(words[0]) < 20 else None


def _read(path: str) -> bytes | None:
    """Return a small file; None where the process has ended.

    Raises:
        OSError: It could not be read.
    """
    try:
        fd = os.open(path, FLAGS)
    except FileNotFoundError:
        return None
    try:
        return os.read(fd, MOST_BYTES)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
