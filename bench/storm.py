"""Thousands of alerts at once: how long until each is decided, how much memory it takes, and what idling costs.

    .venv/bin/python bench/storm.py [--rounds 7]

Every service of a cluster fails at once. Alertmanager has it, and then it is posted: 1,000 alerts as one POST and as
1,000 POSTs (16 at a time), and 10,000 as one. An alert is decided when the journal says what is done about its
incident, with the word of every guard. Production's numbers for the guards: of a thousand that fail alike a few are
treated, and the others wait for the proof. Beside it Debian's `webhook` and ansible-rulebook, which start their command
once for each POST, whatever is in it; their commands are counted for as many seconds as Hale has by its promise.

Exit status 1 where a promise is not kept, an alert is lost, or one has two incidents.
"""

import argparse
import contextlib
import math
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from loopback import post, until
from nodes import Size
from peer import Peer, peers
from plant import HEALER, Plant, plant

AT_ONCE = 16
IDLE_SECONDS = 30.0
WEBHOOK = f"http://127.0.0.1:{HEALER}/webhook"

EVERY = "15s"
"""Between two scrapes and evaluations, as by default. With 10,000 alerts to evaluate each second Prometheus would take
most of this machine."""

SMALL, LARGE = Size(20, 50), Size(100, 100)

PROMISED = {1000: 3.0, 10_000: 30.0}
"""Seconds until all are decided."""

DECIDED = """SELECT count(DISTINCT incident) FROM events
WHERE kind IN ('incident_held', 'action_intended', 'incident_escalated', 'incident_closed')"""

MEMORY_MB, IDLE_SHARE = 200.0, 0.01


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm; `seconds` until all were decided, `memory` at its highest in MB, `idle` as a share of one CPU."""

    alerts: int
    posts: int
    seconds: float
    opened: int
    memory: float
    idle: float
    right: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Raise the storms and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    words = parser.parse_args(arguments)
    print(
        f"{'alerts':>7} {'POSTs':>6} {'decided, s':>11} {'incidents':>10} {'MB':>6} {'idle':>9}   peers: s, begun"
    )
    held = True
    for size, apart, rounds in (
        (SMALL, False, words.rounds),
        (SMALL, True, words.rounds),
        (LARGE, False, 1),
    ):
        found = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
                storm, beside = one_storm(Path(made), size, apart=apart)
            found.append(storm)
            print(
                f"{storm.alerts:7} {storm.posts:6} {storm.seconds:11.2f} {storm.opened:10} {storm.memory:6.0f} "
                f"{storm.idle:9.2%}   {'; '.join(beside)}",
                flush=True,
            )
        held &= kept(found)
    return 0 if held else 1


def kept(storms: Sequence[Storm]) -> bool:
    """Print the median of storms of one kind; return whether what is promised of it was kept."""
    alerts, median = storms[0].alerts, statistics.median(one.seconds for one in storms)
    memory, idle = max(one.memory for one in storms), statistics.median(one.idle for one in storms)
    good = median <= PROMISED[alerts] and memory <= MEMORY_MB and idle < IDLE_SHARE
    good &= all(one.right for one in storms)
    print(
        f"        {storms[0].posts} POSTs: median {median:.2f} s of {len(storms)}, promised {PROMISED[alerts]:.0f} s; "
        f"at most {memory:.0f} MB, promised {MEMORY_MB:.0f}; idle {idle:.2%}, promised {IDLE_SHARE:.0%}: "
        f"{'held' if good else 'NOT held'}"
    )
    return good


def one_storm(directory: Path, size: Size, *, apart: bool) -> tuple[Storm, list[str]]:
    """Let all fail, post it to both, and wait until all is decided."""
    with ExitStack() as stack:
        (directory / "hale").mkdir()
        cluster = stack.enter_context(plant(size, directory / "hale", every=EVERY))
        beside = stack.enter_context(peers(directory))
        idle = idle_share(cluster)
        alerts = [cluster.alert(node, one) for node in size.names for one in size.on(node)]
        for node in size.names:
            cluster.fail(node, size.on(node))
        cluster.wait_firing(len(alerts))
        # Here one machine is all the nodes, and would have to accept all of the connections too.
        with ThreadPoolExecutor(AT_ONCE) as ready:
            list(ready.map(lambda node: cluster.warm(node, size.on(node)[0]), size.names))
        bodies = [cluster.webhook([one]) for one in alerts] if apart else [cluster.webhook(alerts)]
        began = time.monotonic()
        cluster.tell_alertmanager(alerts)
        posted(WEBHOOK, bodies)
        until(lambda: decided(cluster) >= len(alerts), "every alert is decided", pause=0.1)
        seconds = time.monotonic() - began
        causes = opened(cluster)
        storm = Storm(
            len(alerts),
            len(bodies),
            seconds,
            len(causes),
            cluster.memory_mb(),
            idle,
            right=len(causes) == len(set(causes)) == len(alerts),
        )
        return storm, [commands(one, bodies, PROMISED[len(alerts)]) for one in beside]


def idle_share(cluster: Plant) -> float:
    """What part of one CPU the healer takes while nothing is wrong."""
    before, began = cluster.cpu_seconds(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return (cluster.cpu_seconds() - before) / (time.monotonic() - began)


def posted(url: str, bodies: Sequence[Mapping[str, Any]], until_then: float = math.inf) -> None:
    """POST all, some at a time; none any more after a moment of the monotonic clock."""

    def one(body: Mapping[str, Any]) -> int:
        return post(url, body) if time.monotonic() < until_then else 200

    with ThreadPoolExecutor(AT_ONCE) as senders:
        codes = set(senders.map(one, bodies))
    if not codes <= {200, 202}:
        raise RuntimeError(f"answered {codes}")


def decided(cluster: Plant) -> int:
    """How many incidents have a decision in the journal, a merged one included."""
    return int(_asked(cluster, DECIDED)[0][0])


def opened(cluster: Plant) -> list[str]:
    """The fingerprints of the alerts that opened an incident, or joined one."""
    rows = _asked(
        cluster,
        "SELECT coalesce(json_extract(body, '$.cause.fingerprint'), json_extract(body, '$.alert.fingerprint')) "
        "FROM events WHERE kind IN ('incident_opened', 'alert_joined')",
    )
    return [str(row[0]) for row in rows]


def _asked(cluster: Plant, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(
        sqlite3.connect(f"file:{cluster.directory}/journal.db?mode=ro", uri=True)
    ) as journal:
        return journal.execute(query).fetchall()


def commands(beside: Peer, bodies: Sequence[Mapping[str, Any]], within: float) -> str:
    """Post the same to a peer: how many commands it began, and after how many seconds."""
    began = time.monotonic()
    try:
        posted(beside.url, bodies, began + within)
    except HTTPError as error:
        return f"{beside.name} answers {error.code}"  # ansible-rulebook takes a megabyte
    count = beside.begun(len(bodies), max(0.0, began + within - time.monotonic()))
    return f"{beside.name} {time.monotonic() - began:.2f}, {count}"


if __name__ == "__main__":
    sys.exit(main())
