"""How long a healer takes to start on a long journal, how large that is, and what pruning makes of it.

    .venv/bin/python bench/journal.py [--records 100000] [--days 400]

It writes the lives of incidents of a small cluster, most of them healed, some of them escalated, over so many days,
into a SQLite journal in a directory of its own: a record holds what the healer writes, with every guard's verdict.
Then it opens, verifies and replays it as a start does, prunes it with cluster.yml's defaults, and starts on the rest.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from healer.adapters import audit_reading
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.footprint import Footprint
from healer.core.history import BATCH, DAY, Keep
from healer.core.verdict import allow, hold
from healer.journal import Journal

GUARDS = (
    *("known_target", "armed", "still_true", "not_stopped", "sees_enough", "no_storm"),
    *("two_witnesses", "owner_settled", "common_cause", "capacity", "quorum", "last_copy"),
    *("one_at_a_time", "budget", "attempts", "approved"),
)
SAID = tuple(allow(one, have="as it should be", need="to be so, within 60 s") for one in GUARDS)
HELD = hold("capacity", "capacity", have="1 left", need="2", sentence="The group cannot spare it.")
ESCALATED_EACH = 10
"""Every so many incidents one ends with a person."""

AT_ONCE = 200
"""Incidents written with one sync of the disk: how fast it writes is not measured here."""


@dataclass
class PastClock(SystemClock):
    """The real clock, so many seconds behind."""

    behind: float = 0.0

    def __post_init__(self) -> None:
        super().__init__()

    def wall(self) -> float:
        return super().wall() - self.behind


def life(number: int, at: float) -> list[ev.Event]:
    """One incident, from its alert to its end."""
    name, action, target = str(number), f"1.1.{number}", Target(f"web{number % 30}", "nginx")
    labels = {
        "alertname": "ServiceDown",
        "cluster": "bench",
        "node": target.node,
        "service": "nginx",
        "group": "web",
        "failure_domain": f"rack-{number % 3}",
        "heal": "restart-service",
        "severity": "critical",
    }
    cause = Alert(f"{number % 30:016x}", "ServiceDown", tuple(sorted(labels.items())), at)
    gone = Footprint(frozenset({target}), frozenset({"web"}), frozenset({target.node}), frozenset())
    intended = ie.ActionIntended(
        name, action, "restart-service", 0, "service.restart", target, target, target.node,
        (("unit", "nginx.service"),), gone, "ledger", "{}", at + 30, SAID,
    )  # fmt: skip
    healed = number % ESCALATED_EACH != 0
    return [
        ie.IncidentOpened(name, cause, "restart-service", "digest"),
        ie.IncidentHeld(name, HELD, SAID),
        intended,
        ie.ActionEnded(name, action, Outcome.DONE, "restarted", "", at),
        ie.VerificationEnded(name, action, healed, healed, "proved", "hale_service_up is 1", at),
        *([] if healed else [ie.IncidentEscalated(name, "ladder_exhausted", "1 tried")]),
        ie.IncidentClosed(name, "healed" if healed else "cleared", "held for 30 s"),
    ]


async def write(settings: StoreSettings, records: int, days: float) -> int:
    """Fill a new journal; return how many incidents it has."""
    clock = PastClock(days * DAY)
    store = await SqliteStore.open(settings, clock)
    incidents = records // 6
    await store.append([ev.HealerStarted("bench", "digest", "modes", 1, 1, "mon1")])
    await store.append([ev.Armed("first_look", ())])
    for first in range(1, incidents + 1, AT_ONCE):
        clock.behind = days * DAY * (1 - first / incidents)
        lives = range(first, min(first + AT_ONCE, incidents + 1))
        await store.renew()
        await store.append([event for one in lives for event in life(one, clock.wall())])
    await store.release()
    return incidents


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds of one start, and the records that it read."""

    opened: float
    replayed: float
    records: int


async def start(settings: StoreSettings) -> tuple[Start, Journal]:
    """Start as the healer does: open and verify, then replay."""
    began = time.perf_counter()
    journal = Journal(await SqliteStore.open(settings, SystemClock()))
    opened = time.perf_counter()
    count = await journal.replay()
    return Start(opened - began, time.perf_counter() - opened, count), journal


async def prune(journal: Journal) -> list[float]:
    """Prune with the defaults of cluster.yml; return how long each batch kept writers waiting."""
    waits = []
    while True:
        began = time.perf_counter()
        went = await journal.prune(time.time(), Keep())
        waits.append(time.perf_counter() - began)
        if went < BATCH:
            return waits


async def measure(folder: Path, records: int, days: float) -> None:
    """Write, start, prune, start again, and print it."""
    path = folder / "journal.db"
    settings = StoreSettings(path, 64 * 1024, 1e6)
    SqliteStore.init(path, 1)
    incidents = await write(settings, records, days)
    first, journal = await start(settings)
    tell("before pruning", first, await journal.store.size())
    print(f"  {incidents} incidents over {days:g} days")
    waits = await prune(journal)
    print(f"pruned in {len(waits)} batches, the longest {max(waits):.2f} s")
    used = await journal.store.size()
    await journal.store.release()
    began = time.perf_counter()
    audit_reading.verify(path)
    print(f"audit verify of what is left: {time.perf_counter() - began:.2f} s")
    second, journal = await start(settings)
    tell("after pruning", second, used)
    await journal.store.release()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"most memory of this process: {most:.0f} MiB")


def tell(when: str, one: Start, used: int) -> None:
    """Print one start."""
    print(
        f"{when}: {one.records} records, {used / 1024 / 1024:.0f} MiB; open and verify {one.opened:.2f} s, "
        f"replay {one.replayed:.2f} s, in all {one.opened + one.replayed:.2f} s"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--days", type=float, default=400.0)
    words = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="hale-bench-") as folder:
        asyncio.run(measure(Path(folder), words.records, words.days))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
