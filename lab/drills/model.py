"""A drill: what is given, what goes wrong, what has to come true and what must never be true."""

from dataclasses import dataclass
from enum import Enum

from cluster.document import Value
from lab.drills.facts.ruling import Fact
from lab.drills.reading import Seconds
from lab.faults.fault import Fault

AT_ONCE = Seconds(0.0)
DEFAULT_WITHIN = Seconds(90.0)
STEP_WITHIN = Seconds(300.0)
"""What a step waits for may be the longest of what a drill expects."""


class Journal(Enum):
    """What journal the healer starts on."""

    KEPT = "kept"  # the healer is not touched before the fault
    EMPTY = "empty"  # as if it were installed now: it starts on a new journal, after all else
    SMALL = "small"  # its journal lies on a file system of its own, of 16 MiB


@dataclass(frozen=True, slots=True)
class ExtraService:
    """A service that does nothing, put on a node for one drill; its unit is `NAME.service`.

    Attributes:
        failed: It is killed until systemd gives up, before the healer starts.
    """

    name: str
    node: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What has to be so before the fault.

    Attributes:
        quiet: Nothing fires but the Watchdog, and no incident is open.
        monitoring_anew: Prometheus and Alertmanager start anew. Else for 15 minutes Alertmanager has the groups of what
            fired before at hand, and what joins one is told at its interval, however much of a loss is known by then.
        redundant: Every declared service serves on every node, and every node is heard.
        overrides: Laid over the scenario's cluster.yml and installed for this drill.
        leader: On which node the healer leads; None for whichever does.
        asynchronous: The database replicates asynchronously for this drill.
        facts: What else is waited for; each has to be true at one and the same time.
        within: How long all of it may take.
    """

    quiet: bool = True
    monitoring_anew: bool = False
    redundant: bool = True
    overrides: Value = None
    services: tuple[ExtraService, ...] = ()
    journal: Journal = Journal.KEPT
    leader: str | None = None
    asynchronous: bool = False
    facts: tuple[Fact, ...] = ()
    within: Seconds = DEFAULT_WITHIN

    @property
    def starts_healer_last(self) -> bool:
        """Whether the healer is stopped first, and started when all else is given."""
        return self.journal is not Journal.KEPT or bool(self.overrides)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests from the lab host; `rate` a second to each URL.

    Attributes:
        writes: Whether numbered rows are written into the database as well, `rate` a second.
        period: Seconds in which the rate rises from a tenth and falls again; 0: it is steady.
    """

    urls: tuple[str, ...] = ()
    rate: int = 20
    period: Seconds = AT_ONCE
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that goes wrong.

    Attributes:
        at: Seconds after the drill's start, or after `when` came true.
        when: What is waited for, STEP_WITHIN at most.
    """

    kind: str
    fault: Fault
    at: Seconds = AT_ONCE
    when: Fact | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A fact that has to come true, at most `within` seconds after the first fault."""

    fact: Fact
    within: Seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What the drill promises to users; None promises nothing.

    Attributes:
        detected: Seconds from the first fault until an alert that is expected fires.
        acted: Until the first verb begins at a gate.
        serving: Until every URL of the load serves again.
        redundancy: Until every service serves everywhere again.
        lost_requests: Requests of the load that may fail.
        pages: Times that people may be paged.
        acknowledged_lost: Rows that the database acknowledged and does not have at the end.
        two_primaries: Seconds for which two members may answer as primary, all in all.
    """

    detected: Seconds | None = None
    acted: Seconds | None = None
    serving: Seconds | None = None
    redundancy: Seconds | None = None
    lost_requests: int | None = None
    pages: int | None = None
    acknowledged_lost: int | None = None
    two_primaries: Seconds | None = None


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill.

    Attributes:
        purpose: One sentence: what it shows.
        settle: The first snapshot is taken so many seconds after the last fault, when nothing but
            a healer would still change anything; None takes it before the fault.
        watch: Seconds after the last fault for which everything is watched at least.
    """

    name: str
    purpose: str
    given: Given
    load: Load
    steps: tuple[Step, ...]
    expected: tuple[Expected, ...]
    never: tuple[Fact, ...]
    limits: Limits
    watch: Seconds
    settle: Seconds | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Every fact that the drill asks about."""
        waited_for = (step.when for step in self.steps if step.when is not None)
        expected = (one.fact for one in self.expected)
        return (*self.given.facts, *waited_for, *expected, *self.never)
