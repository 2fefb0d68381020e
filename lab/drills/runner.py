"""Runs one drill on a running lab: given, snapshot, load, fault, watch, undo, judge.

Rule: whatever was begun is taken back, also when a judge fails or the drill is interrupted.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from cluster.load import Loaded
from lab.drills import install
from lab.drills.facts.ruling import WatchQuery, WatchUrl
from lab.drills.fleet import fleet
from lab.drills.gather import Gatherer
from lab.drills.judgement import Report, judge
from lab.drills.model import Drill
from lab.drills.observation import Observation
from lab.drills.underway import Clock, Say, Underway
from lab.ports import Lab, LabError

_WARM_UP = 2.0  # seconds
_DEADMAN_AFTER = 30  # seconds


def run(drill: Drill, lab: Lab, clock: Clock, say: Say, directory: Path) -> Report:
    """Run a drill and judge it.

    Args:
        drill: What is given, what goes wrong and what has to hold.
        lab: A lab that is up.
        clock: The time.
        say: Told each moment as it becomes known.
        directory: Gets what eyes, pager and load write; what lies there is removed.

    Raises:
        NotGiven: The cluster was not in the state that is given; no fault was injected.
        LabError: The lab could not do what was asked; what was begun was taken back.
        ConfigErrors: The drill's changes make no valid cluster.yml; nothing was changed.
    """
    base = install.read_base(lab)
    changed = install.overridden(base, drill.given.overrides)
    _empty(directory)
    watches = tuple(w for fact in drill.facts if (w := fact.watch()) is not None)
    gatherer = Gatherer(lab, fleet(changed.cluster), directory, watches, clock.now)
    way = Underway(drill, lab, clock, say, gatherer)
    with ExitStack() as processes:
        _start_eyes(way, processes)
        way.wait_until_quiet()
        with ExitStack() as undo:
            undo.callback(_restore, way, base, changed)
            install.prepare(lab, drill.given, base, changed)
            seen = _stages(way, changed.cluster.healer.node, processes, undo)
            gatherer.fleet = fleet(
                base.cluster
            )  # what the drill added goes now; nobody waits for it
        way.wait_for_redundancy()
    return judge(drill, seen, tuple(way.faults), tuple(way.trouble))


def _empty(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for old in (*directory.glob("*.jsonl"), *directory.glob("*.log")):
        old.unlink()


def _stages(way: Underway, healer: str, processes: ExitStack, undo: ExitStack) -> Observation:
    way.wait_for_given()
    if way.drill.given.starts_healer_last:
        install.start_healer(way.lab, way.drill.given, healer)
        way.wait_for_healer()
    way.gatherer.forget_old_entries()
    if way.drill.settle is None:
        way.take_snapshots()
    load = way.drill.load
    if load.urls:
        _spawn(way, processes, "load", ["lab.load", f"--rate={load.rate}", *load.urls])
        way.warm_up(_WARM_UP)
    way.inject(undo)
    way.watch()
    return way.conclude()


def _start_eyes(way: Underway, processes: ExitStack) -> None:
    pager = ["lab.pager", f"--deadman-after={_DEADMAN_AFTER}"]
    _spawn(way, processes, "pages", pager)
    fleet = way.gatherer.fleet
    argv = [f"--prometheus={fleet.prometheus_url}", f"--healer={fleet.healer_url}"]
    for watch in way.gatherer.watches:
        match watch:
            case WatchQuery(expr):
                argv.append(f"--query={expr}")
            case WatchUrl(url):
                argv.append(f"--url={url}")
    _spawn(way, processes, "watch", ["lab.eyes", *argv])


def _spawn(way: Underway, processes: ExitStack, name: str, argv: Sequence[str]) -> None:
    directory = way.gatherer.directory
    out = f"--out={directory / name}.jsonl"
    module, *words = argv
    process = way.lab.spawn_host(
        [sys.executable, "-m", module, out, *words], directory / f"{name}.log"
    )
    processes.callback(process.stop)


def _restore(way: Underway, base: Loaded, changed: Loaded) -> None:
    try:
        install.restore(way.lab, way.drill.given, base, changed)
    except LabError as error:
        way.trouble.append(f"the scenario could not be restored: {error}")
