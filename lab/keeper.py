"""Keeps one node's container: starts it in its control group and starts it again when it reboots.

`python -m lab.keeper` outlives the command that started it. It holds no state: the node is off
when its keeper is gone. This module imports nothing of the lab, so that it starts fast and small.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REBOOT = 133
"""Exit status of systemd-nspawn --keep-unit after a reboot from inside (EXIT_FORCE_RESTART)."""


def keep(groups: Sequence[Path], pid_file: Path, argv: Sequence[str]) -> int:
    """Run a container until it ends by anything but a reboot, and return its exit status.

    Args:
        groups: Control groups that the container must be in from its first instant.
        pid_file: Gets nspawn's process id; exists until the node is off.
        argv: nspawn's command line.
    """

    def enter() -> None:
        # Between fork and exec: the container would put its own groups under ours otherwise.
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    code = REBOOT
    try:
        while code == REBOOT:
            container = subprocess.Popen(argv, preexec_fn=enter, stdin=subprocess.DEVNULL)
            pid_file.write_text(str(container.pid))
            code = container.wait()
            print(f"keeper: the container ended with status {code}", flush=True)
    finally:
        pid_file.unlink(missing_ok=True)
    return code


def main() -> int:
    """Read `GROUP... PID_FILE -- ARGV...` from the command line and keep that container."""
    words = sys.argv[1:]
    cut = words.index("--")
    *groups, pid_file = map(Path, words[:cut])
    pid_file.write_text("")  # from now on the node is not off, whoever looks
    if os.fork():
        os._exit(0)  # whoever started us waits no longer, and need not collect us
    os.setsid()
    return keep(groups, pid_file, words[cut + 1 :])


if __name__ == "__main__":
    sys.exit(main())
