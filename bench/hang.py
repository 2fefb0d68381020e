"""How long hale-exporter takes to answer while 1 and 10 mounts hang, the bus is silent and a sensor blocks.

    .venv/bin/python bench/hang.py [--scrapes 50]        as root, with /dev/fuse

What hangs is real: FUSE mounts that take every question and answer none (tests/exporter/hung_mounts.py), a socket in
the bus's place that accepts and says nothing, links to such a mount in the place of sensors. At the end, when they have
been given up, the mounts answer again.
"""

import argparse
import socket
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.exporter.hanging import Served, exporter, hung_mounts, proc_tree, sensors

SIZE = (
    'node_filesystem_size_bytes{{device="filer:{0.name}",fstype="fuse",mountpoint="{0}"}} 4096000'
)
ERROR = 'node_filesystem_device_error{{device="filer:{0.name}",fstype="fuse",mountpoint="{0}"}} 1'
BESIDES = 'mountpoint="/"'  # what must be there whatever hangs


def timed(served: Served) -> tuple[float, str]:
    """Scrape once; return the seconds that it took, and what came."""
    began = time.perf_counter()
    body = served.scrape()
    return time.perf_counter() - began, body


def measure(hanging: int, scrapes: int) -> None:
    """Print the times with so many mounts that hang."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mounts = stack.enter_context(hung_mounts(folder, hanging))
        (folder / "bus_of_sensors").mkdir()
        stalled = stack.enter_context(hung_mounts(folder / "bus_of_sensors", 1))
        bus = stack.enter_context(socket.socket(socket.AF_UNIX))
        bus.bind(str(folder / "bus"))
        bus.listen(64)
        flags = [
            f"--path.procfs={proc_tree(folder, mounts.table)}",
            f"--path.sysfs={sensors(folder, stalled.file)}",
        ]

        def let_go() -> None:
            mounts.process.kill()
            stalled.process.kill()

        environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus"}
        began = time.perf_counter()
        served = stack.enter_context(exporter(flags, mounts.inside, let_go, environment))
        first, body = timed(served)
        since_start = time.perf_counter() - began
        assert BESIDES in body
        assert "filer" not in body.replace('device_error{device="filer', "")
        times = [timed(served)[0] for _ in range(scrapes)]
        threads, descriptors = served.threads, served.descriptors
        served.until(*(ERROR.format(path) for path in mounts.paths))  # each is given up
        mounts.tell("answer")
        began = time.perf_counter()
        served.until(*(SIZE.format(path) for path in mounts.paths))
        back = time.perf_counter() - began
    print(
        f"  {hanging:2} mounts hang: first scrape {1e3 * first:5.1f} ms, {since_start:4.2f} s after the start;"
        f" then median {1e3 * statistics.median(times):5.1f} ms, longest {1e3 * max(times):5.1f} ms;"
        f" {threads} threads, {descriptors} descriptors"
    )
    if hanging:
        print(f"     and answer again: served {back:4.2f} s later")


def main() -> None:
    """Print the figures for none, 1 and 10 mounts."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--scrapes", type=int, default=50)
    args = words.parse_args()
    print("hale-exporter with a silent bus and sensors that block")
    for hanging in (0, 1, 10):
        measure(hanging, args.scrapes)


if __name__ == "__main__":
    main()
