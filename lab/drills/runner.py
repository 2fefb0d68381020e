"""Runs one drill on a running lab: given, snapshot, fault, watch, undo, judge.

Rule: whatever was begun is taken back, also when a judge fails or the drill is interrupted.
"""

from contextlib import ExitStack
from pathlib import Path

from cluster.load import Loaded
from cluster.model import Cluster
from lab.drills import caches, cast, databases, install, leading
from lab.drills.fleet import fleet
from lab.drills.judgement import Report, judge
from lab.drills.model import Drill
from lab.drills.observation import Observation
from lab.drills.session import Session, opened
from lab.drills.underway import Say, Underway
from lab.drills.waiting import Clock
from lab.ports import Lab, LabError


def run(drill: Drill, lab: Lab, clock: Clock, say: Say, directory: Path) -> Report:
    """Run a drill in a session of its own and judge it; see `run_in`."""
    with opened(lab, [drill], clock, directory) as session:
        return run_in(session, drill, say)


def run_in(session: Session, drill: Drill, say: Say) -> Report:
    """Run a drill and judge it.

    Args:
        session: Watches the lab; it was opened with this drill among others.
        drill: What is given, what goes wrong and what has to hold.
        say: Told each moment as it becomes known.

    Raises:
        NotGiven: The cluster was not in the state that is given; no fault was injected.
        LabError: The lab could not do what was asked; what was begun was taken back.
        ConfigErrors: The drill's changes make no valid cluster.yml; nothing was changed.
    """
    lab, base = session.lab, session.base
    place = databases.place_of(base.cluster)
    written = place or caches.cache_of(base.cluster)
    if written is not None:
        drill = cast.cast(session, written, drill)
    changed = install.overridden(base, drill.given.overrides)
    gatherer = session.gatherer(drill, changed.cluster)
    way = Underway(drill, lab, session.clock, say, gatherer)
    way.wait_until_quiet()
    if drill.given.monitoring_anew:
        install.start_monitoring_anew(lab, base.cluster.monitoring.nodes)
    install.wait_until_heard(lab, base.cluster.monitoring.nodes)
    with ExitStack() as undo:
        undo.callback(_restore, way, base, changed)
        install.prepare(lab, drill.given, base, changed)
        if place is not None and drill.given.asynchronous:
            cast.replicate_asynchronously(session, place, undo)
        if drill.given.leader is not None:
            leading.let_lead(lab, changed.cluster.healer.nodes, drill.given.leader)
        seen = _stages(way, session.since, changed.cluster, undo)
        gatherer.fleet = fleet(base.cluster)  # what the drill added goes now; nobody waits for it
    way.wait_for_redundancy()
    if written is not None and seen.writes:
        seen = cast.with_rows(session, written, way, seen)
    return judge(drill, seen, tuple(way.faults), tuple(way.trouble))


def _stages(way: Underway, since: float, cluster: Cluster, undo: ExitStack) -> Observation:
    way.wait_for_given()
    if way.drill.given.starts_healer_last:
        install.start_healers(way.lab, way.drill.given, cluster.healer.nodes)
        # Meanwhile the healers get ready: none is down for longer because of that.
        install.wait_until_heard(way.lab, cluster.monitoring.nodes)
        way.wait_for_healer()
    way.gatherer.forget_old_entries()
    if way.drill.settle is None:
        way.take_snapshots()
    way.wait_for_load(since)
    way.inject(undo)
    way.watch()
    return way.conclude()


def _restore(way: Underway, base: Loaded, changed: Loaded) -> None:
    try:
        install.restore(way.lab, way.drill.given, base, changed)
    except LabError as error:
        way.trouble.append(f"the scenario could not be restored: {error}")
