"""A real lab for the tests that need one, and a picture of the machine before and after."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import life, machine, scenario
from lab.names import Place
from lab.running import RunningLab

BARE = Path(__file__).parent / "scenarios/bare"
ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
PLACE = Place(id="pytest")


@dataclass(frozen=True, slots=True)
class Picture:
    """What a lab could leave behind on the machine."""

    mounts: tuple[str, ...]
    loops: tuple[str, ...]
    groups: tuple[str, ...]
    processes: tuple[str, ...]
    state: tuple[str, ...]


def picture() -> Picture:
    """Look at the whole machine, as far as a test lab could have changed it."""
    mounts = Path("/proc/mounts").read_text().splitlines()
    loops = [file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    return Picture(
        tuple(sorted(mounts)),
        tuple(sorted(loops)),
        tuple(sorted(map(str, Path("/sys/fs/cgroup").rglob(f"{PLACE.name}*")))),
        tuple(sorted(_processes())),
        tuple(sorted(map(str, (PLACE.directory, PLACE.workshop, PLACE.lock)))) if _state() else (),
    )


def _state() -> bool:
    return any(path.exists() for path in (PLACE.directory, PLACE.workshop, PLACE.lock))


def _processes() -> Iterator[str]:
    """Yield command lines that name the test lab; a zombie has none, and PID 1 collects it."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(PLACE.name in word or str(PLACE.directory) in word for word in words):
            yield " ".join(words)


def _need_a_machine_for_it() -> None:
    lacks = [lack.what for lack in machine.lacks(machine.this_machine(PLACE.cache)) if lack.fatal]
    if lacks:
        pytest.skip(f"this machine cannot run a lab, it lacks: {', '.join(lacks)}")


def _lab(place: Place, home: Path) -> Iterator[RunningLab]:
    """Run a lab of the tests' own; what a killed run left of the same id goes first."""
    _need_a_machine_for_it()
    life.down(place)
    life.up(place, scenario.load(home), DIST)
    try:
        with life.attached(place) as lab:
            yield lab
    finally:
        life.down(place)


@pytest.fixture
def able() -> None:
    """Skip where this machine cannot run a lab, and say why."""
    _need_a_machine_for_it()


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[RunningLab]:
    """A lab of two plain nodes; `two` serves nginx."""
    yield from _lab(PLACE, BARE)


@dataclass(slots=True)
class Standing:
    """The lab of a scenario that is up, for all modules that come one after the other and ask for it.

    Another scenario's takes its place: what a lab does that nobody looks at would be done on the same cores.
    """

    name: str = ""
    lab: RunningLab | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def of(self, scenario: str, place: str) -> RunningLab:
        """Return the lab of scenarios/SCENARIO with Hale from `make dist`, as the one lab that is up."""
        if self.name != scenario or self.lab is None:
            self.stack.close()
            self.lab = None
            up = contextmanager(_lab)(Place(id=place), ROOT / "scenarios" / scenario)
            self.name, self.lab = scenario, self.stack.enter_context(up)
        return self.lab


@pytest.fixture(scope="session")
def standing() -> Iterator[Standing]:
    """The one lab of a scenario that is up."""
    found = Standing()
    with found.stack:
        yield found


@pytest.fixture(scope="module")
def first(standing: Standing) -> RunningLab:
    """scenarios/first."""
    return standing.of("first", "first")


@pytest.fixture(scope="module")
def web_tier(standing: Standing) -> RunningLab:
    """scenarios/web-tier."""
    return standing.of("web-tier", "webtier")


@pytest.fixture(scope="module")
def storage_pair(standing: Standing) -> RunningLab:
    """scenarios/storage-pair."""
    return standing.of("storage-pair", "pair")


@pytest.fixture(scope="module")
def three_healers(standing: Standing) -> RunningLab:
    """scenarios/three-healers."""
    return standing.of("three-healers", "healers")


@pytest.fixture(scope="module")
def postgres_ha(standing: Standing) -> RunningLab:
    """scenarios/postgres-ha."""
    return standing.of("postgres-ha", "postgres")


@pytest.fixture(scope="module")
def redis_sentinel(standing: Standing) -> RunningLab:
    """scenarios/redis-sentinel."""
    return standing.of("redis-sentinel", "redis")


@pytest.fixture(scope="module")
def single_server(standing: Standing) -> RunningLab:
    """scenarios/single-server."""
    return standing.of("single-server", "single")
