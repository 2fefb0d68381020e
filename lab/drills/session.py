"""One or several drills on a running lab, watched by the same eyes, pager and load all the while.

Rule: each drill starts from the newest that is known of each source, and judges nothing older.
"""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from cluster.load import Loaded
from cluster.model import Cluster
from lab.drills import caches, databases, install
from lab.drills.facts.ruling import WatchQuery, WatchUrl
from lab.drills.fleet import Fleet, fleet
from lab.drills.gather import Gatherer, Tail
from lab.drills.model import Drill
from lab.drills.waiting import Clock
from lab.ports import Lab, LabError
from lab.writes import url_of

_DEADMAN_AFTER = 30  # seconds
_FILES = ("watch.jsonl", "pages.jsonl", "load.jsonl", "roles.jsonl", "writes.jsonl")
_DATABASE = 120.0  # seconds that it may take to have a primary and replicas after the boot


@dataclass(slots=True)
class Session:
    """What watches a lab during several drills.

    Attributes:
        base: The scenario's own cluster.yml.
        directory: Holds what eyes, pager and load write.
        since: When the load began, epoch seconds.
    """

    lab: Lab
    clock: Clock
    base: Loaded
    directory: Path
    since: float
    _seen: Tail = field(init=False)
    _newest: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seen = Tail(self.directory / _FILES[0])

    def gatherer(self, drill: Drill, cluster: Cluster) -> Gatherer:
        """Return what looks for one drill."""
        offsets = {name: _size(self.directory / name) for name in _FILES}
        for line in self._seen.lines():
            told = json.loads(line)
            self._newest[told["source"], told["name"]] = line
        offsets[_FILES[0]] = self._seen.offset
        watches = tuple(w for fact in drill.facts if (w := fact.watch()) is not None)
        urls = (*drill.load.urls, *writes_of(drill, self.base.cluster))
        found = Gatherer(self.lab, fleet(cluster), self.directory, watches, self.clock.now, urls)
        found.start_from(self._newest.values(), offsets)
        return found


@contextlib.contextmanager
def opened(lab: Lab, drills: Sequence[Drill], clock: Clock, directory: Path) -> Iterator[Session]:
    """Have eyes, pager and load for some drills; they end with the context.

    Args:
        lab: A lab that is up.
        drills: What will be run; everything that any of them asks about is watched.
        clock: The time.
        directory: Gets what eyes, pager and load write; what lies there is removed.

    Raises:
        LabError: The scenario's cluster.yml cannot be read, or something did not start.
    """
    base = install.read_base(lab)
    _empty(directory)
    with ExitStack() as processes:
        spawning = _Spawning(lab, directory, processes)
        spawning.spawn("pages", ["lab.pager", f"--deadman-after={_DEADMAN_AFTER}"])
        spawning.spawn("watch", ["lab.eyes", *_eyes(fleet(base.cluster), drills)])
        urls = dict.fromkeys(url for drill in drills for url in drill.load.urls)
        if urls:
            rate = max(drill.load.rate for drill in drills if drill.load.urls)
            period = max(drill.load.period for drill in drills)
            spawning.spawn("load", ["lab.load", f"--rate={rate}", f"--period={period}", *urls])
        if (place := databases.place_of(base.cluster)) is not None:
            _watch_database(spawning, place, drills, clock)
        elif (cache := caches.cache_of(base.cluster)) is not None:
            _watch_cache(spawning, cache, drills)
        yield Session(lab, clock, base, directory, clock.now())


def _eyes(fleet: Fleet, drills: Sequence[Drill]) -> list[str]:
    argv = [f"--prometheus={fleet.prometheus_url}"]
    argv += [f"--healer={url}" for url in fleet.healer_urls]
    argv += [f"--balancer={one.node}={one.metrics_url}" for one in fleet.balancers]
    for fact in (fact for drill in drills for fact in drill.facts):
        match fact.watch():
            case WatchQuery(expr):
                argv.append(f"--query={expr}")
            case WatchUrl(url):
                argv.append(f"--url={url}")
    return list(dict.fromkeys(argv))


def writes_of(drill: Drill, cluster: Cluster) -> tuple[str, ...]:
    """Return what the rows that a drill has written are called among the URLs of its load."""
    if not drill.load.writes:
        return ()
    if (place := databases.place_of(cluster)) is not None:
        return (url_of(place.to),)
    cache = caches.cache_of(cluster)
    return () if cache is None else (cache.url,)


def _watch_database(
    spawning: "_Spawning", place: databases.Place, drills: Sequence[Drill], clock: Clock
) -> None:
    """Ask the members of a database all the while, and have rows written where a drill wants them."""
    primary = databases.parts_in_time(spawning.lab, place, clock, _DATABASE)["$primary"]
    environment = databases.prepare(spawning.lab, primary)
    members = [f"{node}={host}:{port}" for node, (host, port) in place.members.items()]
    spawning.spawn("roles", ["lab.roles", *members], environment)
    if rate := _rate(drills):
        spawning.spawn("writes", ["lab.writes", f"--rate={rate}", place.to], environment)


def _watch_cache(spawning: "_Spawning", cache: caches.Cache, drills: Sequence[Drill]) -> None:
    """Ask every Redis all the while, and have numbers written where a drill wants them."""
    members = [f"{node}={host}:{port}" for node, (host, port) in cache.members.items()]
    spawning.spawn("roles", ["lab.masters", *members])
    if rate := _rate(drills):
        sentinels = [f"{host}:{port}" for host, port in cache.sentinels.values()]
        spawning.spawn("writes", ["lab.cached", f"--rate={rate}", cache.name, *sentinels])


def _rate(drills: Sequence[Drill]) -> int:
    """Return how many rows a second are written; 0 where no drill wants any."""
    return max((drill.load.rate for drill in drills if drill.load.writes), default=0)


@dataclass(frozen=True, slots=True)
class _Spawning:
    lab: Lab
    directory: Path
    processes: ExitStack

    def spawn(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        module, *words = argv
        out = f"--out={self.directory / name}.jsonl"
        process = self.lab.spawn_host(
            [sys.executable, "-m", module, out, *words],
            self.directory / f"{name}.log",
            environment=environment,
        )
        self.processes.callback(process.stop)


def _empty(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for old in (*directory.glob("*.jsonl"), *directory.glob("*.log")):
            old.unlink()
    except OSError as error:
        raise LabError(f"{directory}: {error.strerror}") from error


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
