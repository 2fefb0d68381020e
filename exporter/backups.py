"""What backup tools say of their repositories: `restic snapshots --json` and `pgbackrest info --output=json`.

Sources: restic's doc/075_scripting.rst, pgBackRest's src/command/info/info.c. Rule: a report with something in it that
cannot be is no report at all; half of one could make a backup look younger than it is.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from exporter.collector import Malformed

# In one report: of more hosts or repositories nobody could keep an overview, and the number of series stays bounded.
MOST_SOURCES = 1000
# The gaps between so many of the newest backups say how often there is one; fewer than two say nothing.
GAPS = 7
# info.c, INFO_STANZA_STATUS_CODE_*: with these pgBackRest has read the repository, so that it knows how many there are.
READ = (OK, NO_BACKUPS) = (0, 2)


class Backup(NamedTuple):
    """One backup in a repository.

    Attributes:
        began: Unix seconds. What was written to the source later may not be in it.
        ended: Likewise; as `began` where the tool does not say.
        size: Bytes of what was backed up; None, as of `added` and `files`, where the tool does not say.
        added: Bytes by which the repository grew.
        files: How many were backed up.
        type: pgBackRest's full, diff or incr; empty for restic.
        paths: What it covers; empty for pgBackRest, which always takes the whole database cluster.
        flawed: Whether the tool found pages in it that are damaged.
    """

    began: float
    ended: float
    size: int | None = None
    added: int | None = None
    files: int | None = None
    type: str = ""
    paths: tuple[str, ...] = ()
    flawed: bool = False


class Source(NamedTuple):
    """What is backed up from one place into one repository.

    Attributes:
        name: restic's host or pgBackRest's stanza; empty where there is none in the report.
        repo_key: pgBackRest's number of the repository; empty for restic.
        backups: All of them, in the report's order.
    """

    name: str
    repo_key: str
    backups: tuple[Backup, ...]


class Archive(NamedTuple):
    """The write-ahead log that a repository has of one database; `first` and `last` are empty where it has none."""

    stanza: str
    repo_key: str
    database: str
    version: str
    first: str
    last: str


class Repository(NamedTuple):
    """What pgBackRest says of one repository of a stanza; 0 is well."""

    stanza: str
    repo_key: str
    cipher: str
    status: int


class Report(NamedTuple):
    """What one report says; of restic only the sources.

    Attributes:
        stanzas: pgBackRest's status of each, 0 is well.
    """

    sources: tuple[Source, ...]
    stanzas: Mapping[str, int]
    repositories: tuple[Repository, ...] = ()
    archives: tuple[Archive, ...] = ()


def document(data: bytes) -> object:
    """Read the JSON that a report is.

    Raises:
        Malformed: It is none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error


def unix(text: object) -> float:
    """Return a time as RFC 3339 writes it, in Unix seconds.

    Raises:
        Malformed: It is none, or one without its zone.
    """
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError as error:
        raise Malformed(str(error)) from error
    if when is None or when.tzinfo is None or when.timestamp() <= 0:
        raise Malformed(f"wanted a time with its zone, saw {str(text)[:40]!r}")
    return when.timestamp()


def count(value: object) -> int:
    """Return a number of bytes, files or seconds since 1970.

    Raises:
        Malformed: It is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    raise Malformed(f"wanted a whole number from 0 on, saw {str(value)[:40]}")


def _counted(value: object) -> int | None:
    return None if value is None else count(value)


def restic(data: bytes) -> Report:
    """Read what `restic snapshots --json` writes, a source for each host.

    Raises:
        Malformed: It is something else.
    """
    match document(data):
        case [*snapshots]:
            found: dict[str, list[Backup]] = {}
            for one in snapshots:
                host, backup = _snapshot(one)
                found.setdefault(host, []).append(backup)
        case other:
            raise Malformed(f"wanted a list of snapshots, saw {str(other)[:80]}")
    _few(found)
    # None at all is news, too: those that there were have been removed, or are somebody else's.
    sources = [Source(host, "", tuple(backups)) for host, backups in (found or {"": []}).items()]
    return Report(tuple(sources), {})


def _snapshot(value: object) -> tuple[str, Backup]:
    match value:
        # restic leaves an empty hostname out; `summary` is there from 0.17 on.
        case {"time": str(time), "paths": [*paths], **more} if all(
            isinstance(one, str) for one in paths
        ):
            host, summary = more.get("hostname", ""), more.get("summary", {})
            if isinstance(host, str) and isinstance(summary, dict):
                began = unix(time)
                ended = unix(summary["backup_end"]) if "backup_end" in summary else began
                return host, Backup(
                    began,
                    max(began, ended),
                    _counted(summary.get("total_bytes_processed")),
                    _counted(summary.get("data_added_packed")),
                    _counted(summary.get("total_files_processed")),
                    paths=tuple(paths),
                )
    raise Malformed(f"wanted a snapshot with its time and paths, saw {str(value)[:160]}")


def pgbackrest(data: bytes) -> Report:
    """Read what `pgbackrest info --output=json` writes, a source for each stanza in each of its repositories.

    Raises:
        Malformed: It is something else.
    """
    found = document(data)
    if not isinstance(found, list):
        raise Malformed(f"wanted a list of stanzas, saw {str(found)[:80]}")
    stanzas: dict[str, int] = {}
    sources: list[Source] = []
    repositories: list[Repository] = []
    archives: list[Archive] = []
    for one in found:
        match one:
            case {
                "name": str(name),
                "status": {"code": int(code)},
                "repo": [*repos],
                "backup": [*backups],
                "archive": [*logs],
                "db": [*databases],
            } if name not in stanzas:
                stanzas[name] = count(code)
                here = [_repository(name, repo) for repo in repos]
                repositories += here
                sources += _sources(name, here, backups)
                versions = dict(_version(database) for database in databases)
                archives += [_archive(name, log, versions) for log in logs]
            case _:
                raise Malformed(f"wanted a stanza of pgBackRest, saw {str(one)[:160]}")
    _few(repositories)
    return Report(
        tuple(sources) if found else (Source("", "", ()),),
        stanzas,
        tuple(repositories),
        tuple(archives),
    )


def _repository(stanza: str, value: object) -> Repository:
    match value:
        case {"key": int(key), "cipher": str(cipher), "status": {"code": int(code)}}:
            return Repository(stanza, str(count(key)), cipher, count(code))
    raise Malformed(f"wanted a repository of pgBackRest, saw {str(value)[:160]}")


def _sources(
    stanza: str, repositories: Iterable[Repository], backups: Iterable[object]
) -> list[Source]:
    """Return one for each repository that pgBackRest has read; how many the others hold is not known."""
    found: dict[str, list[Backup]] = {
        one.repo_key: [] for one in repositories if one.status in READ
    }
    for value in backups:
        key, backup = _backup(value)
        found.setdefault(key, []).append(backup)
    return [Source(stanza, key, tuple(those)) for key, those in found.items()]


def _backup(value: object) -> tuple[str, Backup]:
    match value:
        case {
            "database": {"repo-key": int(key)},
            "timestamp": {"start": int(start), "stop": int(stop)},
            "type": "full" | "diff" | "incr" as kind,
            "info": {"size": size, "repository": {"delta": added}},
            **more,
        }:
            flawed = more.get("error") is True
            return str(count(key)), Backup(
                count(start),
                max(start, count(stop)),
                count(size),
                count(added),
                type=kind,
                flawed=flawed,
            )
    raise Malformed(f"wanted a backup of pgBackRest, saw {str(value)[:160]}")


def _version(value: object) -> tuple[tuple[int, int], str]:
    match value:
        case {"id": int(number), "repo-key": int(key), "version": str(version)}:
            return (number, key), version
    raise Malformed(f"wanted a database of pgBackRest, saw {str(value)[:160]}")


def _archive(stanza: str, value: object, versions: Mapping[tuple[int, int], str]) -> Archive:
    match value:
        case {
            "database": {"id": int(number), "repo-key": int(key)},
            "min": str() | None as first,
            "max": str() | None as last,
        }:
            version = versions.get((number, key), "")
            both = (first, last) if first and last else ("", "")
            return Archive(stanza, str(count(key)), str(count(number)), version, *both)
    raise Malformed(f"wanted an archive of pgBackRest, saw {str(value)[:160]}")


def _few(found: Collection[object]) -> None:
    if len(found) > MOST_SOURCES:
        raise Malformed(f"more than {MOST_SOURCES} hosts or repositories")


def interval(backups: Iterable[Backup]) -> float | None:
    """Return how many seconds there usually are between two of the newest; None where there are too few to say."""
    times = sorted(one.began for one in backups)[-GAPS - 1 :]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return median(gaps) if len(gaps) > 1 else None
