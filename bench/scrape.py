"""What one scrape costs: hale-exporter beside Debian's prometheus-node-exporter, the same collectors.

    .venv/bin/python bench/scrape.py [--rounds 7] [--scrapes 200]

Both run at once on loopback and are scraped in turns, with gzip, as Prometheus does. CPU is the on-CPU time of all
threads from /proc/PID/task/*/schedstat (first field, nanoseconds; Documentation/scheduler/sched-stats.rst).
"""

import argparse
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLLECTORS = (
    *("cpu", "diskstats", "filesystem", "loadavg", "meminfo"),
    *("netdev", "pressure", "stat", "uname"),
)
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures: CPU milliseconds a scrape, and the median latency in milliseconds."""

    cpu: float
    latency: float


@dataclass(frozen=True, slots=True)
class Exporter:
    """A running exporter."""

    name: str
    process: "subprocess.Popen[bytes]"
    url: str

    def cpu_seconds(self) -> float:
        """On-CPU time of all its threads so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def scrape(self) -> float:
        """Scrape once; return the seconds that it took."""
        request = urllib.request.Request(  # noqa: S310 -- our own URL
            self.url, headers={"Accept-Encoding": "gzip"}
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 -- our own URL
            answer.read()
        return time.perf_counter() - began


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(name: str, argv: Sequence[str]) -> Iterator[Exporter]:
    """Run an exporter for as long as the context lasts; it has answered once."""
    port = free_port()
    process = subprocess.Popen(
        [*argv, f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    exporter = Exporter(name, process, f"http://127.0.0.1:{port}/metrics")
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                exporter.scrape()
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield exporter
    finally:
        process.terminate()
        process.wait()


def measure(exporter: Exporter, scrapes: int) -> Round:
    """Scrape so many times."""
    before = exporter.cpu_seconds()
    latencies = [exporter.scrape() for _ in range(scrapes)]
    cpu = (exporter.cpu_seconds() - before) / scrapes
    return Round(cpu * 1e3, statistics.median(latencies) * 1e3)


def main() -> None:
    """Print each round, then the medians and their ratio."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--scrapes", type=int, default=200)
    args = words.parse_args()
    chosen = ["--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS)]
    hale = [str(Path(sys.executable).parent / "hale-exporter"), *chosen]
    peer = [str(ROOT / ".tools/usr/bin/prometheus-node-exporter"), *chosen]
    with ExitStack() as stack:
        pair = [
            stack.enter_context(running("hale-exporter", hale)),
            stack.enter_context(running("node_exporter", peer)),
        ]
        found: dict[str, list[Round]] = {one.name: [] for one in pair}
        for number in range(args.rounds):
            # In turns, and each goes first in every other round.
            for one in pair if number % 2 == 0 else reversed(pair):
                found[one.name].append(measure(one, args.scrapes))
    print(
        f"scrape of {', '.join(COLLECTORS)}; {args.rounds} rounds of {args.scrapes} in turns, medians"
    )
    cpu = {name: statistics.median(one.cpu for one in rounds) for name, rounds in found.items()}
    wait = {
        name: statistics.median(one.latency for one in rounds) for name, rounds in found.items()
    }
    for name in found:
        print(f"  {name:14} CPU {cpu[name]:7.3f} ms a scrape   latency {wait[name]:7.3f} ms")
    ratio = cpu["hale-exporter"] / cpu["node_exporter"]
    print(
        f"  ratio          CPU {ratio:7.2f}               latency {wait['hale-exporter'] / wait['node_exporter']:7.2f}"
    )


if __name__ == "__main__":
    main()
