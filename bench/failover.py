"""How long clients wait when the holder of the virtual address loses its power and nobody watches.

    .venv/bin/python bench/failover.py [--rounds 7] [--dist dist]

Needs root and what `make dist` made. It boots scenarios/web-tier, stops Prometheus, Alertmanager and the healer,
and then cuts the power of the address's holder again and again, while a load asks for the page RATE times a second.
The wait is the time from the cut to the first of a steady row of answered requests. The second column is what is lost
when the address goes home: VRRP preempts.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import life, scenario
from lab.drills.asking import Nodes
from lab.drills.gather import Tail
from lab.load import PATIENCE, Request, outages, parse_line
from lab.names import Place
from lab.ports import Lab, LabError

URL = "http://10.77.0.100/"
ADDRESS = "10.77.0.100"
HOLDER = "lb1"
WATCHER = "mon1"
MONITORING = ("hale-healer.service", "prometheus.service", "prometheus-alertmanager.service")
RATE = 50.0
LIMIT = 5.0
"""Seconds that are promised as the median at an advert_interval of one second: three of them without an
advertisement make the backup take over (RFC 5798, 6.1: master down interval), and its skew time and ARP come on top."""

STEADY = 3.0
"""Seconds without a lost request before a round begins, and after each move of the address."""

_WITHIN = 90.0


@dataclass(frozen=True, slots=True)
class Round:
    """One cut: seconds until clients were served again, requests lost then, and on the way home."""

    waited: float
    lost: int
    lost_home: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and print them; 1 when the median is over the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dist", type=Path, default=Path("dist"))
    words = parser.parse_args(arguments)
    chosen = scenario.load(scenario.find("web-tier"))
    place = Place(id="failover")
    try:
        with life.signals_end(), life.visited(place, chosen, words.dist) as lab:
            rounds = measured(lab, words.rounds)
    except LabError as error:
        print(f"failover: {error}", file=sys.stderr)
        return 2
    median = statistics.median(one.waited for one in rounds)
    print(f"median {median:.1f} s of {len(rounds)} rounds, limit {LIMIT:.0f} s")
    return 0 if median <= LIMIT else 1


@dataclass(slots=True)
class Clients:
    """Reads what became of the requests."""

    tail: Tail
    known: list[Request] = field(default_factory=list)

    def since(self, at: float) -> list[Request]:
        """Return requests that were sent since then and have ended."""
        self.known += [found for one in self.tail.lines() if (found := parse_line(one)) is not None]
        return [request for request in self.known if request.at >= at]

    def steady(self) -> bool:
        """Tell whether every request of the last seconds was answered."""
        last = self.since(time.time() - STEADY - PATIENCE)
        return bool(last) and all(request.ok for request in last)


def measured(lab: Lab, rounds: int) -> list[Round]:
    """Stop what watches, and cut the holder's power again and again; prints each round.

    Raises:
        LabError: The tier did not come to rest, or clients were not served again within _WITHIN.
    """
    stopped = lab.exec(WATCHER, ["systemctl", "stop", *MONITORING])
    if stopped.code:
        raise LabError(f"{WATCHER}: {stopped.stderr.strip()}")
    file = lab.directory / "load.jsonl"
    argv = [sys.executable, "-m", "lab.load", f"--rate={RATE}", f"--out={file}", URL]
    load = lab.spawn_host(argv, lab.directory / "load.log")
    try:
        print("round  clients waited  requests lost  lost when it went home")
        return [_one(lab, Clients(Tail(file)), number) for number in range(1, rounds + 1)]
    finally:
        load.stop()


def _one(lab: Lab, clients: Clients, number: int) -> Round:
    nodes = Nodes(lab, time.time)

    def at_rest() -> bool:
        return nodes.holds(HOLDER, ADDRESS) and clients.steady()

    def served_again() -> bool:
        lost = outages(clients.since(cut))
        return bool(lost) and all(one.back is not None for one in lost) and clients.steady()

    _wait(at_rest, f"{HOLDER} does not hold {ADDRESS}, or requests are lost")
    cut = time.time()
    lab.power_off(HOLDER)
    _wait(served_again, f"{URL} is not served again after {HOLDER} lost its power")
    lost = outages(clients.since(cut))
    restored = time.time()
    lab.power_on(HOLDER)
    _wait(at_rest, f"{HOLDER} does not take {ADDRESS} back")
    one = Round(
        waited=max(outage.back or 0.0 for outage in lost) - cut,
        lost=sum(outage.requests for outage in lost),
        lost_home=sum(not request.ok for request in clients.since(restored)),
    )
    print(f"{number:>5}  {one.waited:>12.1f} s  {one.lost:>13}  {one.lost_home:>22}", flush=True)
    return one


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + _WITHIN
    while not condition():
        if time.monotonic() > until:
            raise LabError(f"{otherwise}, for {_WITHIN:.0f} s")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
