"""What sshd runs for each connection to a benchmark's nodes: the gate of the node whose address was asked.

    ForceCommand python -S session.py DIRECTORY

It imports little, since a hundred nodes that are connected to at once start a hundred of it on one machine.
"""

import os
import subprocess
import sys
import time
from pathlib import Path


def main(directory: Path) -> int:
    """Run that gate, and note when its `begun` leaves it."""
    number = int(os.environ["SSH_CONNECTION"].split()[2].rsplit(".", 1)[1])
    node = f"n{number:03}"
    home = directory / node
    paths = {"--config": "gate.json", "--state": "state", "--run": "run"}
    argv = [word for option, name in paths.items() for word in (option, str(home / name))]
    with subprocess.Popen(
        [sys.executable, "-m", "gate.cli", "serve", *argv],
        cwd=Path(__file__).parents[1],
        env={"PATH": f"{home}/bin:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
    ) as gate:
        while gate.stdout and (block := os.read(gate.stdout.fileno(), 65536)):
            if b'"begun"' in block:
                with (directory / "begun").open("a") as told:
                    told.write(f"{node} {time.clock_gettime(time.CLOCK_BOOTTIME)}\n")
            os.write(1, block)
    return gate.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
