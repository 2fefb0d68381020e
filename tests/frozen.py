"""Processes that tests freeze."""

import os
import signal
import time
from pathlib import Path

PATIENCE = 10.0


def freeze(pid: int) -> None:
    """Send SIGSTOP to a process and wait until every thread of it stands still.

    kill(2) only wakes the thread that is to stop the others: while that one waits for a processor, they go on. Twenty
    milliseconds of that were seen beside a dozen busy processes, which is time enough to answer a request.

    Raises:
        AssertionError: It did not stand still in ten seconds.
    """
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + PATIENCE
    while not _stands_still(pid):
        assert time.monotonic() < end, f"process {pid} goes on after SIGSTOP"
        time.sleep(0.001)


def _stands_still(pid: int) -> bool:
    """Tell whether all its threads have the state T of proc_pid_stat(5), the first field behind the name."""
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)
