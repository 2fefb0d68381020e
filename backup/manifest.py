"""What a backup must give back: a hash of each file, made from the source and not from the backup.

The source is hashed before restic reads it and looked at again after, so a file that nobody wrote in between must come
back with that very hash, whatever restic, its repository and the way to it did, and nothing may come back beside it
in a directory in which no name came or went. The manifest is stored in the repository as a snapshot of its own, once
the backup is whole: a snapshot without one proves nothing and is no backup.
"""

import fnmatch
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backup.config import Backup
from backup.entry import Entry, blurred, differs, look, nameless, settled
from backup.words import Failed, Reason

VERSION = 1
TOLD = 5
"""So many differences are named."""

TICK = 50_000_000
"""Nanoseconds within which a kernel may give two changes of a directory the same time."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was backed up, by path.

    Attributes:
        run: Which run made it; its snapshot says the same.
        unreadable: Names that could not be read, each with why; never of a manifest that is stored.
    """

    paths: tuple[str, ...]
    entries: Mapping[str, Entry]
    run: str = ""
    unreadable: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries.values())

    @property
    def files(self) -> int:
        """How many files there are."""
        return sum(entry.kind == "f" for entry in self.entries.values())


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of holding files against a manifest.

    Attributes:
        proved: Files that are as they were.
        moving: Names that changed while the backup ran, of which nothing can be said.
        wrong: Each name that is not as it was, and how.
        size: Bytes of the files that were proved.
        blurred: Links whose targets this restic cannot keep, so that they lead elsewhere. Whoever may write to what is
            backed up can make one, and must not keep all else from being proved.
    """

    proved: int
    moving: int
    wrong: tuple[str, ...]
    size: int
    blurred: tuple[str, ...] = ()

    @property
    def links_not_kept(self) -> list[str]:
        """The first of such links, as a report names them."""
        return [os.fsencode(one).decode("utf-8", "backslashreplace") for one in self.blurred[:TOLD]]


def scan(backup: Backup, known: Mapping[str, Entry]) -> Manifest:
    """Hash what a job backs up, as restic with --one-file-system would walk it.

    Args:
        backup: The job.
        known: The entries of the last manifest, by path.

    Raises:
        Failed: source_missing; one of its paths is not there.
    """
    entries: dict[str, Entry] = {}
    unreadable: list[str] = []
    quiet_since = time.time_ns() - TICK
    for top in backup.paths:
        if not os.path.lexists(top):
            raise Failed(Reason.SOURCE_MISSING, f"{top} is not there")
        for path in _walk(top, backup.excludes, unreadable):
            try:
                entry = look(path, known.get(path))
            except FileNotFoundError:
                continue  # it went away since its directory was read
            except OSError as error:
                unreadable.append(f"{path}: {error.strerror}")
                continue
            if entry is not None:
                recent = entry.kind == "d" and entry.ctime > quiet_since
                entries[path] = nameless(entry) if recent else entry
    return Manifest(backup.paths, entries, unreadable=tuple(unreadable))


def _walk(top: str, excludes: tuple[str, ...], unreadable: list[str]) -> Iterator[str]:
    """Yield every name, parents first. What is mounted below is named and not entered."""
    device, waiting = Path(top).lstat().st_dev, [Path(top)]
    while waiting:
        here = waiting.pop()
        yield str(here)
        try:
            seen = here.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_dev != device:
                continue
            inside = sorted(here.iterdir())
        except FileNotFoundError:
            continue
        except OSError as error:
            unreadable.append(f"{here}: {error.strerror}")
            continue
        waiting += [path for path in inside if not _excluded(path, excludes)]


def _excluded(path: Path, excludes: tuple[str, ...]) -> bool:
    return any(
        str(path) == one if one.startswith("/") else fnmatch.fnmatchcase(path.name, one)
        for one in excludes
    )


def after(manifest: Manifest, run: str) -> Manifest:
    """Return the manifest as of when the backup is made: what changed in between is marked as moving."""
    entries = {path: settled(entry) for path, entry in manifest.entries.items()}
    return Manifest(manifest.paths, entries, run)


def compare(manifest: Manifest, root: Path, tops: Iterable[str] | None = None) -> Compared:
    """Hold restored files against the manifest. Every file is read.

    Args:
        manifest: What must be there.
        root: The folder below which the paths lie.
        tops: Of which of its paths; None for all.
    """
    wanted = tuple(manifest.paths if tops is None else tops)
    proved = moving = size = 0
    wrong: list[str] = []
    unkept: list[str] = []
    for path, entry in manifest.entries.items():
        if not any(path == top or path.startswith(f"{top}/") for top in wanted):
            continue
        if entry.moving:
            moving += 1
        elif said := differs(entry, f"{root}{path}"):
            if entry.kind == "l" and not differs(blurred(entry), f"{root}{path}"):
                unkept.append(path)
            else:
                wrong.append(f"{path} {said}")
        elif entry.kind == "f":
            proved, size = proved + 1, size + entry.size
        elif entry.kind == "d" and entry.inode:
            wrong += [f"{one} was not there" for one in _added(path, root, manifest.entries)]
    return Compared(proved, moving, tuple(wrong), size, tuple(unkept))


def _added(path: str, root: Path, known: Mapping[str, Entry]) -> Iterator[str]:
    """Yield what lies in a restored directory and did not in the source, of the kinds that a manifest has."""
    for name in os.listdir(f"{root}{path}"):  # noqa: PTH208  # texts, as the manifest has them
        child = f"{path}/{name}"
        if child in known:
            continue
        mode = os.lstat(f"{root}{child}").st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            yield child


def alike(found: Compared) -> None:
    """Accept what was compared where nothing of it is otherwise than it was.

    Raises:
        Failed: differs.
    """
    if found.wrong:
        more = f" and {len(found.wrong) - TOLD} more" if len(found.wrong) > TOLD else ""
        raise Failed(Reason.DIFFERS, f"{'; '.join(found.wrong[:TOLD])}{more}")


def judge(found: Compared) -> None:
    """Accept a whole backup that was compared: nothing is otherwise, and something is proved.

    Raises:
        Failed: differs or nothing_proven.
    """
    alike(found)
    if not found.proved:
        raise Failed(
            Reason.NOTHING_PROVEN,
            f"no file could be compared; {found.moving} changed while the backup ran",
        )


def save(manifest: Manifest, path: Path) -> None:
    """Write a manifest: a line of JSON that says of what it is, then one for each entry.

    Raises:
        OSError: it cannot be written.
    """
    head = {
        "v": VERSION,
        "run": manifest.run,
        "paths": list(manifest.paths),
        "entries": len(manifest.entries),
    }
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(json.dumps(head) + "\n")
        for entry in manifest.entries.values():
            file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read(path: Path) -> Manifest:
    """Read what `save` wrote.

    Raises:
        Failed: no_manifest; it is not there, of another version, or not whole.
    """
    try:
        with path.open(encoding="ascii") as file:
            head = json.loads(file.readline())
            entries = {entry.path: entry for entry in map(_entry, file)}
        if head["v"] != VERSION or len(entries) != head["entries"]:
            raise ValueError(f"{len(entries)} entries, version {head['v']}")
        return Manifest(tuple(head["paths"]), entries, head["run"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Failed(Reason.NO_MANIFEST, f"{path.name}: {error}") from error


def _entry(line: str) -> Entry:
    entry = Entry(*json.loads(line))
    if not entry.path.startswith("/") or "/../" in f"{entry.path}/":
        raise ValueError(f"{entry.path!r:.80} is no path")
    return entry
