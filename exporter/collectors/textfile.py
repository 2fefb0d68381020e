"""Metrics that other programs leave in files, NAME.prom, as node_exporter's `textfile`.

Nothing in such a folder is trusted: a file that is no file, is too large, is half written or cannot be read is left
out and told of, and what it holds can never make the whole exposition invalid (exporter/guests.py).
"""

import glob
import math
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from exporter.aside import Aside
from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import Background, Latest, Malformed
from exporter.exposition import Family, Kind, number
from exporter.files import only_regular, opened
from exporter.gathered import sample, written
from exporter.guests import Guest
from exporter.schedule import Periodic
from exporter.textformat import SUFFIXES, Bounded, Labels, Metrics, parse
from exporter.told import Told

V = TypeVar("V")

log = structlog.get_logger()

INTERVAL = 5.0  # seconds
MTIME = Family(
    "node_textfile_mtime_seconds", Kind.GAUGE, "Unixtime mtime of textfiles successfully read."
)
ERROR = Family(
    "node_textfile_scrape_error",
    Kind.GAUGE,
    "1 if there was an error opening or reading a file, 0 otherwise",
)

MOST_BYTES = 1024 * 1024  # of one file
MOST_BYTES_IN_ALL = 4 * 1024 * 1024
MOST_FILES = 1000
LONGEST_TOLD = 300  # characters of one, which may quote what a stranger wrote


class File(NamedTuple):
    """One file as it was found; `stamp` changes whenever what it holds does."""

    path: str
    stamp: tuple[int, int, int]
    mtime: int
    families: tuple[Metrics, ...]


class Folders:
    """The folders, and what was read in them last.

    Attributes:
        guests: The families of all files together.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Read nothing yet.

        Args:
            patterns: The folders; each may be a pattern as of a shell.
        """
        self._patterns = tuple(pattern for pattern in patterns if pattern)
        self._known: dict[str, File] = {}
        self._told = Told()
        self.guests: tuple[Guest, ...] = ()

    def read(self) -> bytes:
        """Read every file that is another than last time; return the series about the files."""
        errors: dict[str, str] = {}
        self._known = {one.path: one for one in self._files(errors)}
        families, contradictions = merged(tuple(self._known.values()))
        errors |= contradictions
        self.guests = tuple(guest(one) for one in families)
        for what in self._told.news(errors.keys()):
            log.warning("textfile.refused", what=_quoted(what), reason=_quoted(errors[what]))
        mtimes = [sample(MTIME, one.mtime, file=one.path) for one in self._known.values()]
        return written([*mtimes, sample(ERROR, bool(errors))])

    def _files(self, errors: dict[str, str]) -> Iterator[File]:
        left = MOST_BYTES_IN_ALL
        for path in self._paths(errors):
            try:
                found = self._file(path)
            except (OSError, Malformed) as error:
                errors[path] = str(error)
                continue
            left -= found.stamp[2]
            if left < 0:
                errors[path] = f"more than {MOST_BYTES_IN_ALL} bytes in all files"
                return
            yield found

    def _paths(self, errors: dict[str, str]) -> list[str]:
        found: dict[str, None] = {}
        for folder in (one for pattern in self._patterns for one in _matching(pattern)):
            try:
                found_here = [one for one in Path(folder).iterdir() if one.name.endswith(".prom")]
            except OSError as error:
                errors[folder] = str(error)
                continue
            found |= dict.fromkeys(map(str, sorted(found_here)))
        if len(found) > MOST_FILES:
            errors["textfile"] = f"more than {MOST_FILES} files"
        return list(found)[:MOST_FILES]

    def _file(self, path: str) -> File:
        with os.fdopen(opened(path), "rb", buffering=0) as file:
            seen = os.fstat(file.fileno())
            only_regular(seen, path)
            if seen.st_size > MOST_BYTES:
                raise Malformed(f"more than {MOST_BYTES} bytes")
            stamp = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
            known = self._known.get(path)
            if known is not None and known.stamp == stamp:
                return known
            data = file.read(MOST_BYTES + 1) or b""
            if len(data) > MOST_BYTES:
                raise Malformed(f"more than {MOST_BYTES} bytes")
            return File(path, stamp, int(seen.st_mtime), tuple(map(filled, parse(data))))


def _quoted(text: str) -> str:
    """Return text that fits into a line of the log and moves no terminal's cursor."""
    short = text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}..."
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in short)


def _matching(pattern: str) -> list[str]:
    # Not Path.glob(): it knows no absolute pattern, and passes over hidden folders.
    return sorted(glob.glob(pattern, include_hidden=True)) or [pattern]  # noqa: PTH207


def filled(family: Metrics) -> Metrics:
    """Give every series of a family all of its labels, empty where it has none, as node_exporter does."""
    names = {name for labels in (*family.values, *family.bounded) for name, _ in labels}

    def full(labels: Labels) -> Labels:
        return tuple(sorted((dict.fromkeys(names, "") | dict(labels)).items()))

    return Metrics(
        family.name,
        family.kind,
        family.help,
        {full(labels): value for labels, value in family.values.items()},
        {full(labels): one for labels, one in family.bounded.items()},
        family.twice,
    )


def merged(files: Sequence[File]) -> tuple[list[Metrics], dict[str, str]]:
    """Make one family of those of the same name; return what contradicts itself too, with the reason.

    Of two that differ in type or sentence, and of a series that is there twice, the first is taken.
    """
    families: dict[str, Metrics] = {}
    series: dict[str, set[Labels]] = {}
    errors: dict[str, str] = {}
    for path, one in [(file.path, one) for file in files for one in file.families]:
        first = families.setdefault(one.name, Metrics(one.name, one.kind, one.help))
        if one.kind != first.kind or (one.help != first.help and one.help and first.help):
            errors[f"{one.name} in {path}"] = "another type or sentence than before"
            continue
        first.help = first.help or one.help
        known = series.setdefault(one.name, set())
        if (
            one.twice
            | _joined(first.values, one.values, known)
            | _joined(first.bounded, one.bounded, known)
        ):
            errors[f"{one.name} in {path}"] = "a series is there twice"
    for name, family in families.items():
        if family.help is None:
            places = [f.path for f in files if name in {one.name for one in f.families}]
            family.help = f"Metric read from {', '.join(places)}"
    return list(families.values()), errors


def _joined(first: dict[Labels, V], more: dict[Labels, V], known: set[Labels]) -> bool:
    """Take over what is not there yet; tell whether something was. A label without a value is none."""
    twice = False
    for labels, value in more.items():
        bare = tuple(pair for pair in labels if pair[1])
        if bare in known:
            twice = True
        else:
            known.add(bare)
            first[labels] = value
    return twice


def guest(family: Metrics) -> Guest:
    """Write a family out."""
    parts = {family.name, *(family.name + suffix for suffix in SUFFIXES.get(family.kind, ()))}
    help_text = (family.help or "").replace("\\", r"\\").replace("\n", r"\n")
    header = f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.kind}\n".encode()
    lines = [_line(family.name, labels, value) for labels, value in family.values.items()]
    for labels, one in family.bounded.items():
        lines += _bounded(family, labels, one)
    names = frozenset(part.encode() for part in parts)
    return Guest(names, header + b"".join(lines), len(lines))


def _bounded(family: Metrics, labels: Labels, one: Bounded) -> Iterator[bytes]:
    buckets = family.kind == "histogram"
    part = family.name + ("_bucket" if buckets else "")
    # A histogram's last bound is always there (client_golang adds it).
    bounds = {math.inf: one.count} | one.bounds if buckets else one.bounds
    for bound, value in sorted(bounds.items(), key=lambda pair: (math.isnan(pair[0]), pair[0])):
        yield _line(part, (*labels, ("le" if buckets else "quantile", go_float(bound))), value)
    yield _line(f"{family.name}_sum", labels, one.sum)
    yield _line(f"{family.name}_count", labels, one.count)


def _line(name: str, labels: Labels, value: float) -> bytes:
    return Family(name, Kind.UNTYPED, "").series(**dict(labels)) + number(value) + b"\n"


def go_float(value: float) -> str:
    """Write a bound as Go does (strconv, format g): with an exponent below 0.0001 and from a million on."""
    if not math.isfinite(value) or value == 0:
        return {math.inf: "+Inf", -math.inf: "-Inf", 0.0: "0"}.get(value, "NaN")
    digits, _, power = f"{Decimal(repr(value)).normalize():e}".partition("e")
    exponent = int(power)
    if -4 <= exponent < 6:
        return f"{Decimal(repr(value)).normalize():f}"
    return f"{digits}e{exponent:+03d}"


class Textfiles(Background):
    """Serves node_textfile_*, and as guests what the files hold."""

    name = "textfile"

    def __init__(self, folders: Folders, clock: Clock) -> None:
        """Read nothing yet.

        Args:
            folders: Where the files are.
            clock: For ages and durations.
        """
        self._folders = folders
        self._periodic = Periodic(Aside(self.name, folders.read, INTERVAL, Threads()), clock)

    async def run(self) -> None:
        """Read the folders until cancelled."""
        await self._periodic.run()

    def latest(self) -> Latest:
        """Return what was read last, or nothing when that is too old to mean anything."""
        latest = self._periodic.latest()
        return latest._replace(guests=self._folders.guests) if latest.body else latest

    async def settled(self) -> None:
        """Return once the folders were read, or could not be."""
        await self._periodic.settled()
