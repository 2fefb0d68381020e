"""Exporters that run beside each other and are scraped in turns, as Prometheus scrapes.

Ours runs in an environment as install.sh makes it on a node: `make node` makes it of what is packed now. That of
developers has more, some of which would be loaded: rich alone, which structlog takes where it is, costs 3 MiB.
"""

import http.client
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
HALE = str(ROOT / ".tools/node/bin/hale-exporter")
PEER = str(ROOT / ".tools/usr/bin/prometheus-node-exporter")
PATIENCE = 20.0

# What Prometheus 3 sends: OpenMetrics first, gzip, over a connection that is kept.
HEADERS = {
    "Accept": (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    ),
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/3",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures: CPU milliseconds a scrape, and the median latency in milliseconds."""

    cpu: float
    latency: float


class Exporter:
    """A running exporter."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.name = name
        self.process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def cpu_seconds(self) -> float:
        """On-CPU time of all its threads so far (Documentation/scheduler/sched-stats.rst)."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def scrape(self, headers: dict[str, str] = HEADERS) -> tuple[float, bytes]:
        """Scrape once; return the seconds that it took, and the body as it came."""
        began = time.perf_counter()
        self._connection.request("GET", "/metrics", headers=headers)
        with self._connection.getresponse() as answer:
            body = answer.read()
            assert answer.status == 200, answer.status
        return time.perf_counter() - began, body

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


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
    exporter = Exporter(name, process, port)
    try:
        _first(exporter)
        yield exporter
    finally:
        exporter.close()
        process.terminate()
        process.wait()


def _first(exporter: Exporter) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            exporter.scrape()
            return
        except OSError:
            exporter.close()
            if time.monotonic() > until or exporter.process.poll() is not None:
                raise
            time.sleep(0.005)


def measure(exporter: Exporter, scrapes: int) -> Round:
    """Scrape so many times."""
    before = exporter.cpu_seconds()
    latencies = [exporter.scrape()[0] for _ in range(scrapes)]
    cpu = (exporter.cpu_seconds() - before) / scrapes
    return Round(cpu * 1e3, statistics.median(latencies) * 1e3)


def series(exporter: Exporter) -> int:
    """Return how many samples a scrape has."""
    _, body = exporter.scrape({"Accept-Encoding": "identity"})
    return sum(1 for row in body.splitlines() if not row.startswith(b"#"))


def side_by_side(
    title: str, ours: Sequence[str], theirs: Sequence[str], rounds: int, scrapes: int
) -> None:
    """Run both, scrape them in turns, and print the medians and their ratio.

    Args:
        title: What is compared.
        ours: The flags of hale-exporter; `theirs` those of node_exporter.
        rounds: Of each.
        scrapes: In a round.
    """
    with ExitStack() as stack:
        pair = [
            stack.enter_context(running("hale-exporter", [HALE, *ours])),
            stack.enter_context(running("node_exporter", [PEER, *theirs])),
        ]
        counts = {one.name: series(one) for one in pair}
        found: dict[str, list[Round]] = {one.name: [] for one in pair}
        for number in range(rounds):
            # In turns, and each goes first in every other round.
            for one in pair if number % 2 == 0 else reversed(pair):
                found[one.name].append(measure(one, scrapes))
    print(f"{title}; {rounds} rounds of {scrapes} scrapes in turns, medians")
    cpu = {name: statistics.median(one.cpu for one in found[name]) for name in found}
    wait = {name: statistics.median(one.latency for one in found[name]) for name in found}
    for name, count in counts.items():
        print(
            f"  {name:14} {count:6} series  CPU {cpu[name]:8.3f} ms  latency {wait[name]:8.3f} ms"
        )
    ratios = (
        statistics.median(us.cpu / them.cpu for us, them in zip(*found.values(), strict=True)),
        statistics.median(
            us.latency / them.latency for us, them in zip(*found.values(), strict=True)
        ),
    )
    print(f"  ratio of each round, median   CPU {ratios[0]:8.3f}     latency {ratios[1]:8.3f}")
