"""How soon the healer hears of a service that was killed, while Prometheus scrapes every 15 s.

    .venv/bin/python bench/shortway.py [--rounds 20] [--limit 0.3] [--dist dist]

Needs root and what `make dist` made. It boots scenarios/first with production's intervals, the short way and a healer
that only explains, and kills nginx, which systemd does not restart there, again and again, each time after the group of
the time before is gone from Alertmanager. However often it is asked, Alertmanager may show one alert: when the healer
has heard, when the rule has fired and Prometheus has posted it too; and none once nginx is back.

Heard is when the healer has journalled the webhook. All nodes have the clock of one kernel. "Began anew" counts the
rounds in which Prometheus, before the rule fired, repeated that the round before is over, which ends the alert in
Alertmanager until the exporter's next post.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from cluster.document import parse
from lab import life, scenario
from lab.drills.install import wait_until_heard
from lab.drills.reading import merged
from lab.names import Place
from lab.ports import Lab, LabError

NODE, WATCHER, UNIT = "web1", "mon1", "nginx.service"
ALERTMANAGER, PROMETHEUS = "http://10.77.0.10:9093", "http://10.77.0.10:9090"
MINE = "filter=alertname%3D%22ServiceDown%22"

OVERRIDES = {
    "services": {"nginx": {"native_restart": None}},
    "ladders": {name: {"mode": "explain"} for name in ("restart-service", "restart-exporter")},
    # What the healer reads for itself is not what is measured.
    "healer": {"mode": "explain", "resync": "30s"},
    "monitoring": {
        "scrape_interval": "15s",
        "evaluation_interval": "15s",
        "resend_delay": "1m",
        "alertmanagers": [ALERTMANAGER],
        "group_wait": "10s",
        # Production's minute would only make each round a minute longer: a group goes when its interval ends.
        "group_interval": "5s",
        # Nobody is there to be told, and a group that cannot be told does not go.
        "receivers": {"people": None},
        "for": dict.fromkeys(("HealerHolds", "HealerEscalation", "ServiceFlapping"), "12h"),
    },
    "exporter": {"short_way": {}},
}

KILL = """\
pid=$(systemctl show -P MainPID "$1")
date +%s.%N
kill -KILL "$pid"
"""
START = 'systemctl reset-failed "$1"; systemctl start "$1"'
GET = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
GROUPS = re.compile(r"^alertmanager_dispatcher_aggregation_groups (\S+)$", re.MULTILINE)
HEARD = """\
import json, sqlite3, sys
journal = sqlite3.connect("file:/var/lib/hale-healer/journal.db?mode=ro", uri=True)
asked = "SELECT at_wall, body FROM events WHERE kind = 'alerts_received' AND at_wall > ? ORDER BY seq"
print(json.dumps([[at, body] for at, body in journal.execute(asked, [float(sys.argv[1])])]))
"""
SENT = 1.0
"""Seconds from a rule's evaluation until Alertmanager has its post for certain."""

WITHIN = 120.0
"""Seconds that anything awaited here is given; a rule fires within two scrapes and an evaluation."""

T = TypeVar("T")
PYTHON = "/opt/hale/bin/python"


@dataclass(frozen=True, slots=True)
class Round:
    """One kill; seconds until the healer had heard, and until the rule fired, where that was awaited."""

    heard: float
    fired: float | None
    anew: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and print them; 1 when the median is over the limit or Alertmanager showed two alerts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--fired", type=int, default=20, help="rounds in which the rule is awaited")
    parser.add_argument("--limit", type=float, default=0.3, help="seconds, of the median")
    parser.add_argument("--dist", type=Path, default=Path("dist"))
    words = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        chosen = scenario.load(_changed(Path(directory)))
        try:
            with (
                life.signals_end(),
                life.visited(Place(id="shortway"), chosen, words.dist.resolve()) as lab,
            ):
                rounds = measured(lab, words.rounds, words.fired)
        except LabError as error:
            print(f"shortway: {error}", file=sys.stderr)
            return 2
    heard = sorted(one.heard for one in rounds)
    median = statistics.median(heard)
    fired = [one.fired for one in rounds if one.fired is not None]
    print(
        f"median {median * 1000:.0f} ms ({heard[0] * 1000:.0f} to {heard[-1] * 1000:.0f}) of {len(rounds)} rounds, "
        f"limit {words.limit * 1000:.0f} ms"
    )
    if fired:
        print(
            f"rule fired: median {statistics.median(fired):.1f} s of {len(fired)} rounds; one alert at every look, "
            f"begun anew in {sum(one.anew for one in rounds)}"
        )
    return 0 if median <= words.limit else 1


def _changed(directory: Path) -> Path:
    """Write the scenario with what is changed; its drills are not needed."""
    first = scenario.find("first")
    base = parse((first / "cluster.yml").read_bytes(), "cluster.yml").value
    (directory / "cluster.yml").write_text(yaml.safe_dump(merged(base, OVERRIDES), sort_keys=False))
    (directory / "lab.yml").write_bytes((first / "lab.yml").read_bytes())
    return directory


def measured(lab: Lab, rounds: int, fired: int) -> list[Round]:
    """Kill nginx again and again; prints each round.

    Raises:
        LabError: Something did not come about within WITHIN, or Alertmanager showed two alerts.
    """
    wait_until_heard(lab, [WATCHER])
    _until(lambda: _scraped(lab), f"Prometheus does not scrape {NODE}")
    # The Watchdog's group is always there, once its rule fires.
    _until(lambda: _get(lab, f"{ALERTMANAGER}/api/v2/alerts"), "no Watchdog")
    idle = _groups(lab)
    print("round  heard after  rule fired after  began anew")
    return [_one(lab, number, idle, to_the_rule=number <= fired) for number in range(1, rounds + 1)]


def _one(lab: Lab, number: int, idle: float, *, to_the_rule: bool) -> Round:
    _until(lambda: _groups(lab) <= idle, "the group of the round before is still there")
    # The exporter ends its alert at the scrape; the rule still fires until its next evaluation.
    _until(lambda: not _firing(lab), "the rule still fires for the round before")
    killed = float(_run(lab, NODE, "/bin/sh", "-ec", KILL, "sh", UNIT))
    at = _until(lambda: _heard(lab, killed), "the healer has heard nothing")
    (first,) = _until(lambda: _alerts(lab), "Alertmanager does not show the alert")
    fired, anew = None, False
    if to_the_rule:
        _until(lambda: _firing(lab), "the rule does not fire")
        fired = time.time() - killed
        time.sleep(SENT)
        (both,) = _until(lambda: _alerts(lab), "Alertmanager does not show the alert any more")
        if both["fingerprint"] != first["fingerprint"]:
            raise LabError(f"round {number}: {both} is not the alert {first}")
        anew = both["startsAt"] != first["startsAt"]
    _run(lab, NODE, "/bin/sh", "-ec", START, "sh", UNIT)
    _until(lambda: not _alerts(lab), "the alert does not end")
    one = Round(at - killed, fired, anew)
    after = "-" if fired is None else f"{fired:.1f} s"
    again = "-" if fired is None else "yes" if anew else "no"
    print(f"{number:>5}  {one.heard * 1000:>8.0f} ms  {after:>16}  {again:>10}", flush=True)
    return one


def _firing(lab: Lab) -> bool:
    """Tell whether Prometheus' rule fires, which posts it right after its evaluation."""
    found = _get(lab, f"{PROMETHEUS}/api/v1/alerts")["data"]["alerts"]
    return any(
        one["labels"]["alertname"] == "ServiceDown" and one["state"] == "firing" for one in found
    )


def _scraped(lab: Lab) -> bool:
    found = _get(lab, f"{PROMETHEUS}/api/v1/query?query=hale_service_up%7Bnode%3D%22{NODE}%22%7D")
    return [one["value"][1] for one in found["data"]["result"]] == ["1"]


def _alerts(lab: Lab) -> list[dict[str, Any]]:
    """Return what Alertmanager shows; two are an error wherever they are seen."""
    found: list[dict[str, Any]] = _get(lab, f"{ALERTMANAGER}/api/v2/alerts?{MINE}")
    if len(found) > 1:
        raise LabError(f"Alertmanager shows {len(found)} alerts: {found}")
    return found


def _groups(lab: Lab) -> float:
    """Return how many groups its dispatcher has, of which a request for groups shows only those with alerts."""
    (count,) = GROUPS.findall(_text(lab, f"{ALERTMANAGER}/metrics"))
    return float(count)


def _heard(lab: Lab, since: float) -> float | None:
    found = json.loads(_run(lab, WATCHER, PYTHON, "-c", HEARD, str(since)))
    times: list[float] = [at for at, body in found if '"ServiceDown"' in body]
    return times[0] if times else None


def _get(lab: Lab, url: str) -> Any:
    return json.loads(_text(lab, url))


def _text(lab: Lab, url: str) -> str:
    done = lab.host_exec([sys.executable, "-c", GET, url])
    if done.code:
        raise LabError(f"{url}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _run(lab: Lab, node: str, *argv: str) -> str:
    done = lab.exec(node, argv)
    if done.code:
        raise LabError(f"{node}: {argv[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _until(wanted: Callable[[], T | None], otherwise: str) -> T:
    until = time.monotonic() + WITHIN
    while not (found := wanted()):
        if time.monotonic() > until:
            raise LabError(f"{otherwise}, for {WITHIN:.0f} s")
        time.sleep(0.2)
    return found


if __name__ == "__main__":
    sys.exit(main())
