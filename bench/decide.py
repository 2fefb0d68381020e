"""From a POST to the gate's `begun`: Hale beside Debian's `webhook` and ansible-rulebook, in turns.

    .venv/bin/python bench/decide.py [--nodes 15] [--clusters 7]

Hale decides with all its guards on fresh evidence, and makes durable what it heard, what it will do, and at the gate
what has begun, before anything happens; `webhook` (github.com/adnanh/webhook) starts a command, and ansible-rulebook a
module. So this says what the safety costs. Each round is another node with its own group, so that no guard has anything
to say of the round before; when every node had its turn the next cluster is started.
The healer's session with the node's gate is warm. The parts are told by the journal's own times.

Exit status 1 where a median or a 99th percentile is above what is promised.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loopback import post, until
from nodes import Size
from peer import Peer, peers
from plant import HEALER, Plant, plant

P50, P99 = 0.020, 0.080
"""Seconds that are promised."""


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds from the POST on; `heard`: the hint is durable, `opened`: the incident is, `intended`: the action is."""

    heard: float
    opened: float
    intended: float
    begun: float
    peers: Mapping[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nodes", type=int, default=15)
    parser.add_argument("--clusters", type=int, default=7)
    words = parser.parse_args(arguments)
    rounds: list[Round] = []
    for _ in range(words.clusters):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as made, ExitStack() as stack:
            directory = Path(made)
            (directory / "hale").mkdir()
            size = Size(words.nodes, 1, own_groups=True)
            cluster = stack.enter_context(plant(size, directory / "hale"))
            beside = stack.enter_context(peers(directory))
            rounds += [one_round(cluster, beside, node) for node in size.names]
    print(f"{words.clusters} clusters of {words.nodes} nodes, one after the other")
    return told(rounds)


def one_round(cluster: Plant, beside: Sequence[Peer], node: str) -> Round:
    """Let one service fail, and measure from the POST that says so."""
    (service,) = cluster.size.on(node)
    alert = cluster.alert(node, service)
    cluster.warm(node, service)
    cluster.fail(node, [service])
    cluster.wait_firing(1, node)
    cluster.tell_alertmanager([alert])
    body = cluster.webhook([alert])
    at = time.clock_gettime(time.CLOCK_BOOTTIME)
    post(f"http://127.0.0.1:{HEALER}/webhook", body)
    heard = time.clock_gettime(time.CLOCK_BOOTTIME) - at
    until(lambda: node in cluster.begun, f"the gate of {node} begins", pause=0.01)
    opened, intended = cluster.journalled(node)
    cluster.mend(node, [service])
    until(lambda: cluster.open_incidents() == 0, "the incident is over")
    theirs = {one.name: one.round(body) for one in beside}
    return Round(heard, opened - at, intended - at, cluster.begun[node] - at, theirs)


def told(rounds: Sequence[Round]) -> int:
    """Print the medians and 99th percentiles, and the ratio; return the exit status."""
    parts = {
        "heard (202, durable)": [one.heard for one in rounds],
        "incident durable": [one.opened for one in rounds],
        "action durable": [one.intended for one in rounds],
        "begun at the gate": [one.begun for one in rounds],
    }
    theirs = {name: [one.peers[name] for one in rounds] for name in rounds[0].peers}
    parts |= {f"{name}: command begins": found for name, found in theirs.items()}
    print(f"{'from the POST on, milliseconds':32} {'median':>8} {'p99':>8}")
    for name, found in parts.items():
        print(f"{name:32} {statistics.median(found) * 1000:8.1f} {p99(found) * 1000:8.1f}")
    begun = parts["begun at the gate"]
    print(f"{len(rounds)} rounds")
    for name, found in theirs.items():
        ratio = statistics.median(begun) / statistics.median(found)
        print(f"{ratio:.2f} times the median of {name}")
    held = statistics.median(begun) <= P50 and p99(begun) <= P99
    print(
        f"promised: median {P50 * 1000:.0f}, p99 {P99 * 1000:.0f}: {'held' if held else 'NOT held'}"
    )
    return 0 if held else 1


def p99(found: Sequence[float]) -> float:
    """Return the value that all but one in a hundred do not exceed."""
    return sorted(found)[max(0, -(-99 * len(found) // 100) - 1)]


if __name__ == "__main__":
    sys.exit(main())
