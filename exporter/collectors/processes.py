"""How many processes and threads there are in each state, from /proc, as node_exporter's `processes`."""

from collections import Counter
from pathlib import Path

from exporter.exposition import Family, Kind
from exporter.gathered import sample, written
from exporter.procfile import ProcFile
from exporter.tasks import processes, threads
from exporter.wholes import read_whole

NAME = "processes"
INTERVAL = 15.0  # seconds

THREADS = Family("node_processes_threads", Kind.GAUGE, "Allocated threads in system")
MOST_THREADS = Family("node_processes_max_threads", Kind.GAUGE, "Limit of threads in the system")
THREADS_STATE = Family(
    "node_processes_threads_state", Kind.GAUGE, "Number of threads in each state."
)
STATE = Family("node_processes_state", Kind.GAUGE, "Number of processes in each state.")
PIDS = Family("node_processes_pids", Kind.GAUGE, "Number of PIDs")
MOST_PIDS = Family("node_processes_max_processes", Kind.GAUGE, "Number of max PIDs limit")


class Processes:
    """Serves node_processes_*."""

    def __init__(self, procfs: Path) -> None:
        self._procfs = procfs
        self._most_threads = ProcFile(procfs / "sys/kernel/threads-max")
        self._most_pids = ProcFile(procfs / "sys/kernel/pid_max")

    def read(self) -> bytes:
        """Read the stat file of every process and thread once.

        Raises:
            Absent: This /proc has no limits to tell, or hides other users' processes from us.
            Malformed: A file could not be understood.
            OSError: A file could not be read.
        """
        most = read_whole(self._most_threads), read_whole(self._most_pids)
        states, thread_states, allocated = Counter[str](), Counter[str](), 0
        for task in processes(self._procfs):
            states[task.state] += 1
            thread_states[task.state] += 1
            allocated += task.threads
            if task.threads > 1:
                others = threads(self._procfs, task.pid)
                thread_states.update(one.state for one in others if one.pid != task.pid)
        return written(
            [
                sample(THREADS, allocated),
                sample(MOST_THREADS, most[0]),
                *(sample(STATE, n, state=state) for state, n in sorted(states.items())),
                *(
                    sample(THREADS_STATE, n, thread_state=s)
                    for s, n in sorted(thread_states.items())
                ),
                sample(PIDS, states.total()),
                sample(MOST_PIDS, most[1]),
            ]
        )
