"""Backups: how old the newest is, what is in it, and what came of the last restore drill; of reports in a folder.

Whoever makes the backups has the keys and leaves there what its tool says; the exporter never gets any. A report that
cannot be read is `hale_backup_report_readable` 0 and no other series: an old good time must not look like news.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import structlog

from exporter import backup_job, backups, restore_drill
from exporter.backup_job import Done
from exporter.backups import Backup, Report, Source, interval
from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind
from exporter.files import only_regular, opened_in
from exporter.gathered import Sample, sample, written
from exporter.restore_drill import Drill
from exporter.told import Told

log = structlog.get_logger()

NAME = "backups"
FOLDER = Path("/var/lib/hale-backups")
INTERVAL = 15.0  # seconds; what a job found is news, and a look costs next to nothing


def _gauge(name: str, text: str) -> Family:
    return Family(f"hale_backup_{name}", Kind.GAUGE, text)


READABLE = _gauge("report_readable", "Whether a report could be read and understood.")
REPORTED = _gauge("report_timestamp_seconds", "When a report was written, in unixtime.")
LAST = _gauge(
    "last_success_timestamp_seconds",
    "When the newest good backup ended, or began where the tool does not say, in unixtime.",
)
BEGAN = _gauge(
    "last_success_start_timestamp_seconds",
    "When the newest good backup began, in unixtime: later changes may not be in it.",
)
OLDEST = _gauge("oldest_timestamp_seconds", "When the oldest good backup began, in unixtime.")
EVERY = _gauge(
    "interval_seconds",
    "Median of the times between the newest good backups; none for fewer than three.",
)
SNAPSHOTS = _gauge("snapshots", "Good backups in the repository.")
REFUSED = _gauge(
    "snapshots_refused",
    "Backups that are not counted as good: with damaged pages, or from after their own report.",
)
SIZE = _gauge("size_bytes", "Bytes of what the newest good backup holds.")
ADDED = _gauge("added_bytes", "Bytes by which the newest good backup made the repository grow.")
FILES = _gauge("files", "Files in the newest good backup.")
PATH = _gauge("path_info", "A path that the newest good backup covers.")
OF_TYPE = _gauge(
    "type_last_success_timestamp_seconds",
    "When the newest good backup of this type ended, in unixtime.",
)

RESTORE = _gauge("restore_timestamp_seconds", "When the last restore drill ended, in unixtime.")
RESTORED = _gauge("restore_success", "Whether the last restore drill found all right.")
PROVEN = _gauge(
    "restore_last_success_timestamp_seconds",
    "When a restore drill last found all right, in unixtime.",
)
TOOK = _gauge("restore_duration_seconds", "How long the restore of the last drill took.")
RESTORED_BYTES = _gauge("restore_size_bytes", "Bytes that the last drill restored.")
RESTORED_FILES = _gauge("restore_files", "Files that the last drill restored.")
SNAPSHOT = _gauge(
    "restore_snapshot_timestamp_seconds",
    "As of when the backup was that the last drill restored, in unixtime.",
)
RECORD = _gauge(
    "restore_newest_record_timestamp_seconds",
    "Of when the newest record was that the last drill restored, in unixtime.",
)

JOB = _gauge("job_success", "Whether the last job of hale-backup was well.")
JOB_ENDED = _gauge("job_timestamp_seconds", "When the last job of hale-backup ended, in unixtime.")
JOB_LAST = _gauge(
    "job_last_success_timestamp_seconds",
    "When a job of hale-backup was last well, in unixtime.",
)
JOB_FIRST = _gauge(
    "job_first_success_timestamp_seconds",
    "When a job of hale-backup was well for the first time, in unixtime.",
)
JOB_TOOK = _gauge("job_duration_seconds", "How long the last job of hale-backup took.")
JOB_FAILED = _gauge("job_failure_info", "Why the last job of hale-backup failed.")
CORRUPT = _gauge(
    "source_corrupt_files",
    "Files whose content changed without having been written, in the part that was checked last.",
)
ARCHIVED = _gauge(
    "archived_timestamp_seconds",
    "Until when all that the database wrote is in its archive, in unixtime.",
)

# github.com/woblerr/pgbackrest_exporter, backrest/*_metrics.go.
STANZA = Family("pgbackrest_stanza_status", Kind.GAUGE, "Current stanza status.")
REPOSITORY = Family("pgbackrest_repo_status", Kind.GAUGE, "Current repository status.")
ARCHIVE = Family("pgbackrest_wal_archive_status", Kind.GAUGE, "Current WAL archive status.")

FILE = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.(restic|pgbackrest|drill|run|check|restore)\.json"
)
WANTED = "wanted NAME.restic.json, NAME.pgbackrest.json, NAME.drill.json or a job of hale-backup's"
MOST_FILES = 200
# Of one report: some three thousand snapshots, as restic 0.18 writes them.
MOST_BYTES = 2 * 1024 * 1024
MOST_PATHS = 1000  # of one report that are shown
# Seconds by which the clocks of those who write may differ from ours.
SKEW = 300.0


class File(NamedTuple):
    """One report, taken apart; `stamp` changes whenever what it holds does, `written_at` is in Unix seconds."""

    stamp: tuple[int, int, int]
    written_at: float
    samples: tuple[Sample, ...]


class Backups:
    """Serves hale_backup_*, read as `aside` reads files that may hang."""

    def __init__(self, folder: Path, wall: Callable[[], float]) -> None:
        """Read nothing yet.

        Args:
            folder: Where the reports are.
            wall: Unix seconds.
        """
        self._folder = folder
        self._wall = wall
        self._known: dict[str, File] = {}
        self._told = Told()

    def read(self) -> bytes:
        """Take apart the reports that are new, and return the series of all.

        Raises:
            Absent: There is no such folder, or no report in it.
            Malformed: Others than root could write in it.
            OSError: It could not be listed.
        """
        try:
            folder = os.open(
                self._folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
            )
        except FileNotFoundError:
            raise Absent(f"{self._folder} is not there") from None
        try:
            _trusted(os.fstat(folder), str(self._folder))
            return self._all(folder)
        finally:
            os.close(folder)

    def _all(self, folder: int) -> bytes:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        errors = {name: WANTED for name in names if not FILE.fullmatch(name)}
        reports = [name for name in names if name not in errors]
        errors |= dict.fromkeys(reports[MOST_FILES:], f"more than {MOST_FILES} reports")
        known: dict[str, File] = {}
        for name in reports[:MOST_FILES]:
            try:
                known[name] = self._file(folder, name)
            except (OSError, Malformed) as error:
                errors[name] = str(error)
        self._known = known
        for name in self._told.news(errors.keys()):
            log.warning("backup.report_refused", file=name, reason=errors[name])
        if not reports:
            raise Absent(f"{self._folder}: no report in it")
        return written(one for name in reports for one in self._samples(name))

    def _file(self, folder: int, name: str) -> File:
        with os.fdopen(opened_in(folder, name), "rb", buffering=0) as file:
            seen = os.fstat(file.fileno())
            only_regular(seen, name)
            _trusted(seen, name)
            if seen.st_mtime > self._wall() + SKEW:
                raise Malformed("written in the future: the clock was set since, or is wrong")
            stamp = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
            known = self._known.get(name)
            if known is not None and known.stamp == stamp:
                return known
            data = file.read(MOST_BYTES + 1) or b""
        if len(data) > MOST_BYTES:
            raise Malformed(f"more than {MOST_BYTES} bytes")
        return File(stamp, seen.st_mtime, tuple(taken_apart(name, data, seen.st_mtime)))

    def _samples(self, name: str) -> Iterator[Sample]:
        labels = _labels(name)
        file = self._known.get(name)
        yield sample(READABLE, file is not None, **labels)
        if file is not None:
            yield sample(REPORTED, file.written_at, **labels)
            yield from file.samples


def _trusted(seen: os.stat_result, what: str) -> None:
    """Refuse what others than root or the exporter could have written: they could hide that backups fail."""
    if seen.st_uid not in (0, os.geteuid()) or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        saw = f"uid {seen.st_uid}, mode {stat.S_IMODE(seen.st_mode):o}"
        raise Malformed(f"{what}: wanted one of root's that nobody else may write, saw {saw}")


def _labels(name: str) -> dict[str, str]:
    match = FILE.fullmatch(name)
    return {"backup": match[1], "report": match[2]} if match else {}


def taken_apart(name: str, data: bytes, written_at: float) -> Iterator[Sample]:
    """Yield the series of one report.

    Args:
        name: Of its file, which says what it is.
        data: What is in it.
        written_at: Unix seconds.

    Raises:
        Malformed: It is something else, or tells of what was after it.
    """
    labels = _labels(name)
    backup, last = labels["backup"], written_at + SKEW
    if labels["report"] == "drill":
        drill = restore_drill.parse(data)
        if drill.ended_at > last:
            raise Malformed("ended after it was written")
        yield from _drill(backup, drill)
        return
    if labels["report"] in ("run", "check", "restore"):
        done = backup_job.parse(data)
        if done.ended_at > last:
            raise Malformed("ended after it was written")
        yield from _job(backup, labels["report"], done)
        return
    report = (backups.restic if labels["report"] == "restic" else backups.pgbackrest)(data)
    yield from _pgbackrest(report)
    for source in report.sources:
        yield from _source(backup, source, last)
    yield from islice(_paths(backup, report, last), MOST_PATHS)


def _source_labels(backup: str, source: Source) -> dict[str, str]:
    return {"backup": backup, "source": source.name, "repo_key": source.repo_key}


def _good(source: Source, last: float) -> list[Backup]:
    return [one for one in source.backups if not one.flawed and one.ended <= last]


def _source(backup: str, source: Source, last: float) -> Iterator[Sample]:
    labels = _source_labels(backup, source)
    good = _good(source, last)
    flawed = sum(one.flawed for one in source.backups)
    yield sample(SNAPSHOTS, len(good), **labels)
    yield sample(REFUSED, flawed, **labels, reason="flawed")
    yield sample(REFUSED, len(source.backups) - len(good) - flawed, **labels, reason="future")
    if not good:
        return
    newest = max(good, key=lambda one: one.ended)
    yield sample(LAST, newest.ended, **labels)
    yield sample(BEGAN, newest.began, **labels)
    yield sample(OLDEST, min(one.began for one in good), **labels)
    for family, value in (
        (EVERY, interval(good)),
        (SIZE, newest.size),
        (ADDED, newest.added),
        (FILES, newest.files),
    ):
        if value is not None:
            yield sample(family, value, **labels)
    for kind in sorted({one.type for one in good if one.type}):
        at = max(one.ended for one in good if one.type == kind)
        yield sample(OF_TYPE, at, **labels, type=kind)


def _paths(backup: str, report: Report, last: float) -> Iterator[Sample]:
    for source in report.sources:
        newest = max(_good(source, last), key=lambda one: one.ended, default=None)
        for path in newest.paths if newest else ():
            yield sample(PATH, 1, **_source_labels(backup, source), path=path)


def _pgbackrest(report: Report) -> Iterator[Sample]:
    for stanza, status in report.stanzas.items():
        yield sample(STANZA, status, stanza=stanza)
    for one in report.repositories:
        labels = {"stanza": one.stanza, "repo_key": one.repo_key, "cipher": one.cipher}
        yield sample(REPOSITORY, one.status, **labels)
    for log_ in report.archives:
        yield sample(
            ARCHIVE,
            bool(log_.last),
            stanza=log_.stanza,
            repo_key=log_.repo_key,
            database_id=log_.database,
            pg_version=log_.version,
            wal_min=log_.first,
            wal_max=log_.last,
        )


def _job(backup: str, command: str, done: Done) -> Iterator[Sample]:
    labels = {"backup": backup, "command": command}
    yield sample(JOB, not done.reason, **labels)
    yield sample(JOB_ENDED, done.ended_at, **labels)
    yield sample(JOB_TOOK, done.seconds, **labels)
    if done.succeeded_at is not None:
        yield sample(JOB_LAST, done.succeeded_at, **labels)
    if done.first_succeeded_at is not None:
        yield sample(JOB_FIRST, done.first_succeeded_at, **labels)
    if done.reason:
        yield sample(JOB_FAILED, 1, **labels, reason=done.reason)
    if done.corrupt is not None:
        yield sample(CORRUPT, done.corrupt, backup=backup)
    if done.archived_at is not None:
        yield sample(ARCHIVED, done.archived_at, backup=backup)


def _drill(backup: str, drill: Drill) -> Iterator[Sample]:
    for family, value in (
        (RESTORE, drill.ended_at),
        (RESTORED, drill.verified),
        (PROVEN, drill.verified_at),
        (TOOK, drill.restore_seconds),
        (RESTORED_BYTES, drill.size),
        (RESTORED_FILES, drill.files),
        (SNAPSHOT, drill.snapshot_at),
        (RECORD, drill.newest_record_at),
    ):
        if value is not None:
            yield sample(family, value, backup=backup)
