"""Runs a program that SIGKILL does not end, and prints what `run` made of it.

The program is the first process of a new PID namespace. Such a one cannot finish dying before every
other process in there is reaped, and one of them, a child of ours, we leave a zombie. To whoever
waits for the program this is the same as one that hangs in the kernel on a dead disk.
"""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

from gate.process import run

CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000  # linux/sched.h
NO_NAMESPACES = 77
OFTEN = 0.05


def main(path: str) -> int:
    """Return NO_NAMESPACES where this kernel lets us make none."""
    flags = CLONE_NEWPID if os.geteuid() == 0 else CLONE_NEWPID | CLONE_NEWUSER
    if ctypes.CDLL(None).unshare(flags) != 0:
        return NO_NAMESPACES
    to_come, second = ["/bin/true"], list[subprocess.Popen[bytes]]()

    def join_it(_number: int, _frame: object) -> None:
        if to_come and Path(path).exists():
            # Taken away first: the next signal may come while this one starts it.
            second.append(subprocess.Popen([to_come.pop()]))

    # A signal, since a thread would have the namespace that it was started in.
    signal.signal(signal.SIGALRM, join_it)
    signal.setitimer(signal.ITIMER_REAL, OFTEN, OFTEN)
    ran = run(("/bin/sh", "-c", 'echo started | tee "$0"; exec sleep 600', path), 1.0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(ran, [child.wait() for child in second])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
