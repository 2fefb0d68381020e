"""What hale-exporter takes while it runs: time and CPU until its first answer, memory, and that after many scrapes.

    .venv/bin/python bench/footprint.py [--starts 7] [--scrapes 10000]

With everything on that is on by default. Memory is /proc/PID/status; anonymous is what no file backs. Growth is counted
from the two-hundredth scrape, when every cache is filled.
"""

import argparse
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from exporters import HALE, PATIENCE, Exporter, free_port

WARM = 200  # scrapes


def memory(exporter: Exporter, key: str) -> int:
    """Return a line of /proc/PID/status in KiB."""
    status = Path(f"/proc/{exporter.process.pid}/status").read_text()
    return int(status.partition(f"\n{key}:")[2].split(None, 1)[0])


def descriptors(exporter: Exporter) -> int:
    """Return how many it has open."""
    return sum(1 for _ in Path(f"/proc/{exporter.process.pid}/fd").iterdir())


def start(flags: Sequence[str] = ()) -> tuple[Exporter, float, float]:
    """Start it; return it, and the seconds and those of CPU until its first 200."""
    port = free_port()
    began = time.perf_counter()
    argv = [HALE, *flags, f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    exporter = Exporter("hale-exporter", process, port)
    while True:
        try:
            exporter.scrape()
            return exporter, time.perf_counter() - began, exporter.cpu_seconds()
        except OSError:
            exporter.close()
            assert time.perf_counter() - began < PATIENCE
            assert process.poll() is None
            time.sleep(0.002)


def stop(exporter: Exporter) -> None:
    """End it."""
    exporter.close()
    exporter.process.terminate()
    exporter.process.wait()


def main() -> None:
    """Print the figures."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--starts", type=int, default=7)
    words.add_argument("--scrapes", type=int, default=10_000)
    args = words.parse_args()
    seconds, cpu = [], []
    for _ in range(args.starts):
        exporter, took, worked = start()
        seconds.append(took)
        cpu.append(worked)
        stop(exporter)
    print(f"start to the first 200: median {statistics.median(seconds):.2f} s of {args.starts}")
    print(f"  CPU until then: median {statistics.median(cpu):.2f} s, least {min(cpu):.2f} s")
    exporter, *_ = start()
    try:
        for _ in range(WARM):
            exporter.scrape()
        before, opened = memory(exporter, "VmRSS"), descriptors(exporter)
        for _ in range(args.scrapes - WARM):
            exporter.scrape()
        after = memory(exporter, "VmRSS")
        print(f"after {args.scrapes} scrapes: RSS {after / 1024:.1f} MiB")
        print(f"  of it anonymous {memory(exporter, 'RssAnon') / 1024:.1f} MiB")
        print(f"  grown since scrape {WARM} by {(after - before) / 1024:.2f} MiB")
        print(f"  descriptors {opened} before, {descriptors(exporter)} after")
    finally:
        stop(exporter)


if __name__ == "__main__":
    main()
