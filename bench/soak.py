"""What ten thousand scrapes leave behind in hale-exporter: memory, descriptors, threads.

    .venv/bin/python bench/soak.py [--scrapes 10000] [--warm-up 200] [HALE-EXPORTER'S FLAGS]

Every other scrape comes over a fresh connection, the others over a kept one as Prometheus' do, in turns with gzip and
without, in both formats. Memory is Rss and Anonymous of /proc/PID/smaps_rollup (proc(5)), after the warm-up and at the
end; the background collectors run meanwhile as they do always.
"""

import argparse
import http.client
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from exporters import HALE, PATIENCE, free_port

# What Prometheus sends by default, and what it sends with OpenMetrics switched off.
FORMATS = ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "text/plain")
WAYS = tuple(product((True, False), FORMATS, ("gzip", "identity")))


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds; memory in KiB."""

    rss: int
    anonymous: int
    descriptors: int
    threads: int


def held(pid: int) -> Held:
    """Look at a process."""
    proc = Path(f"/proc/{pid}")
    text = (proc / "smaps_rollup").read_text()
    rss, anonymous = (
        int(re.findall(rf"^{name}: +(\d+) kB$", text, re.M)[0]) for name in ("Rss", "Anonymous")
    )
    count = [sum(1 for _ in (proc / folder).iterdir()) for folder in ("fd", "task")]
    return Held(rss, anonymous, *count)


@contextmanager
def exporter(flags: list[str]) -> Iterator[tuple[int, int]]:
    """Run hale-exporter; yields its process id and its port, once it listens."""
    port = free_port()
    process = subprocess.Popen(
        [HALE, *flags, f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                scrape(http.client.HTTPConnection("127.0.0.1", port), FORMATS[0], "gzip")
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


def scrape(connection: http.client.HTTPConnection, accept: str, coding: str) -> int:
    """Scrape once; return how many bytes came."""
    connection.request("GET", "/metrics", headers={"Accept": accept, "Accept-Encoding": coding})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return len(answer.read())


def scrape_often(port: int, times: int) -> None:
    """Scrape so many times, each way in turns."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for number in range(times):
        fresh, accept, coding = WAYS[number % len(WAYS)]
        if not fresh:
            scrape(kept, accept, coding)
            continue
        once = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        scrape(once, accept, coding)
        once.close()
    kept.close()


def main() -> None:
    """Print what is held before and after, and what has grown."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--scrapes", type=int, default=10_000)
    words.add_argument("--warm-up", type=int, default=200)
    args, flags = words.parse_known_args()
    with exporter(flags) as (pid, port):
        scrape_often(port, args.warm_up)
        time.sleep(1)  # it has to see that the last connection is closed
        before = held(pid)
        began = time.monotonic()
        scrape_often(port, args.scrapes)
        took = time.monotonic() - began
        time.sleep(1)
        after = held(pid)
    print(f"{args.scrapes} scrapes in {took:.0f} s, after {args.warm_up} to warm up")
    for name, one in (("before", before), ("after", after)):
        print(
            f"  {name:7} RSS {one.rss / 1024:6.2f} MiB, of it anonymous {one.anonymous / 1024:6.2f} MiB"
            f"   descriptors {one.descriptors}   threads {one.threads}"
        )
    print(
        f"  grown   RSS {(after.rss - before.rss) / 1024:6.2f} MiB"
        f"   descriptors {after.descriptors - before.descriptors:+d}"
        f"   threads {after.threads - before.threads:+d}"
    )


if __name__ == "__main__":
    main()
