"""One job of one backup: what it may use, and how it says what came of it.

Rule: whatever happens, the report says so. Who is killed leaves the older one, whose time gives it away.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from backup import moment, report
from backup.config import Backup
from backup.places import Places
from backup.restic import Restic
from backup.words import Failed, Reason

Told = dict[str, Any]


class Reporting(Protocol):
    """What every job has, whatever it backs up."""

    @property
    def name(self) -> str:
        """The backup's name."""

    @property
    def places(self) -> Places:
        """Where reports go."""

    @property
    def wall(self) -> Callable[[], float]:
        """The clock, in Unix seconds."""

    @property
    def told(self) -> Told:
        """What the report says so far."""


_Job = TypeVar("_Job", bound=Reporting)


@dataclass(frozen=True, slots=True)
class Job:
    """What one run has.

    Attributes:
        wall: Unix seconds.
        told: What its report says so far, whatever comes of it.
    """

    backup: Backup
    node: str
    places: Places
    wall: Callable[[], float] = time.time
    told: Told = field(default_factory=dict)

    @property
    def restic(self) -> Restic:
        """The backup's repository."""
        return Restic(self.backup, self.node, self.places.cache)

    @property
    def name(self) -> str:
        """The backup's name."""
        return self.backup.name


@dataclass(frozen=True, slots=True)
class Unread:
    """A job of which backup.json says nothing that can be done."""

    name: str
    places: Places
    wall: Callable[[], float] = time.time
    told: Told = field(default_factory=dict)


def outcome(job: _Job, work: Callable[[_Job], None]) -> Failed | None:
    """Do a job's work and return why it failed, or None. Its times go into the report."""
    began, started = job.wall(), time.monotonic()
    failure: Failed | None = None
    try:
        work(job)
    except Failed as error:
        failure = error
    except OSError as error:
        failure = Failed(Reason.INTERRUPTED, f"{error.filename or ''} {error.strerror or error}")
    job.told.update(
        began_at=moment.text(began),
        ended_at=moment.text(max(began, job.wall())),
        seconds=round(time.monotonic() - started, 3),
        reason=None if failure is None else str(failure.reason),
        detail=None if failure is None else failure.detail[:1000],
    )
    return failure


def reported(job: _Job, kind: str, work: Callable[[_Job], None]) -> Failed | None:
    """Do a job's work, write its report, and return why it failed, or None."""
    failure = outcome(job, work)
    earlier: Mapping[str, Any] = report.read(job.places.report(job.name, kind))
    ended = job.told["ended_at"]
    last = ended if failure is None else earlier.get("succeeded_at")
    # A report of before this was kept has only the last; one of while a clock ran ahead has a time to come.
    first = earlier.get("first_succeeded_at", earlier.get("succeeded_at", last))
    succeeded = {"first_succeeded_at": first and min(first, ended), "succeeded_at": last}
    return told_of(job, kind, {"ok": failure is None, **succeeded, **job.told}, failure)


def unbegun(job: Reporting, kind: str, why: Failed) -> Failed:
    """Write the report of a job that did not begin and touched nothing; return why, as `reported` does."""

    def work(_: Reporting) -> None:
        raise why

    return reported(job, kind, work) or why


def told_of(
    job: Reporting, kind: str, told: Mapping[str, Any], failure: Failed | None
) -> Failed | None:
    """Write a job's report; return its failure, or another one where the report could not be written.

    What the job did stays done, and the report before is there: only who started it hears how it went.
    """
    try:
        report.save(job.places, job.name, kind, told)
    except OSError as error:
        came = "it went well" if failure is None else str(failure)
        file = job.places.report(job.name, kind)
        said = f"{came}, and no report says so, since {file} could not be written: {error.strerror}"
        return Failed(Reason.UNREPORTED, said)
    return failure
