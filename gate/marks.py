"""Marks: what is taken away on this node on purpose, and for whom. Kept beside the ledger, in a file of its own.

A mark is on disk before its effect and leaves the disk after the effect was taken back, so whatever
a crash cuts off is more taken away, never less. A file that cannot be read means that every mark is unknown.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gate import file_lock
from gate.log import WARNING, log
from gate.mark import Key, Mark, as_json, parse
from gate.words import Outcome, Reason, failed

NAME = "marks.json"
OWNERS_LIMIT = 16
FILE_BYTES = 48 * 1024
"""The file is always this long, and there are always two: a full disk cannot keep a mark from being written."""

LOCK_SECONDS = 10.0
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class MarksFailed(Exception):  # reads as what happened
    """The marks are not as somebody wanted them. Which of the three it is says what may have happened."""


class MarksUnreadable(MarksFailed):
    """What is marked cannot be known. Nothing may be drained, declined or given back."""


class MarksUnwritable(MarksFailed):
    """A change of the marks could not be written. It may or may not be on disk, so nothing may follow."""


class TooManyOwners(MarksFailed):
    """A mark has as many owners as it can have. Nothing was changed."""


def not_marked(error: MarksFailed, nothing: str, perhaps: str = "") -> Outcome:
    """Say that something failed on its marks.

    Args:
        error: How.
        nothing: What was not done.
        perhaps: What may be where they could not be written; empty where nothing was done then either.
    """
    match error:
        case MarksUnwritable():
            return failed(Reason.MARKS_UNWRITABLE, f"{perhaps or nothing}: {error}")
        case TooManyOwners():
            return failed(Reason.TOO_MANY_OWNERS, f"{nothing}: {error}")
        case _:
            return failed(Reason.MARKS_UNREADABLE, f"{nothing}: {error}")


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of this node.

    Attributes:
        state: Directory that survives a boot.
        run: Directory that does not, where exporters read a copy.
    """

    state: Path
    run: Path

    def read(self) -> Mapping[Key, Mark]:
        """Return all marks by kind and subject, without waiting for anyone.

        Raises:
            MarksUnreadable: the file is damaged or cannot be read.
        """
        path = self.state / NAME
        try:
            return parse(path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise MarksUnreadable(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise MarksUnreadable(f"{path} is damaged: {error}") from error

    @contextmanager
    def open(self, patience: float = LOCK_SECONDS) -> "Iterator[OpenMarks]":
        """Hold the marks, so that nobody changes them or what they are about meanwhile.

        Args:
            patience: Seconds that another process may keep them from us.

        Raises:
            MarksUnreadable: the file is damaged, cannot be read, or was kept. Nothing was changed.
        """
        fd = self._lock(patience)
        try:
            yield OpenMarks(self, dict(self.read()))
        finally:
            os.close(fd)

    def reserve(self) -> None:
        """Make the second file, for a day when there is no room for one. Only under `open`."""
        try:
            os.close(self._open_spare())
        except OSError as error:
            log(WARNING, "marks.no_reserve", path=self._spare, error=error)

    def publish(self, marks: Mapping[Key, Mark] | None) -> None:
        """Write the copy for exporters; None where no mark can be known. Never raises."""
        text = json.dumps({"v": 1, "marks": None if marks is None else as_json(marks)})
        new = self.run / f".{NAME}.new"
        try:
            _make_readable(self.run)
            fd = os.open(new, _WRITE | os.O_TRUNC, 0o644)
            with os.fdopen(fd, "w", encoding="ascii") as file:
                os.fchmod(file.fileno(), 0o644)  # whatever the umask
                file.write(text + "\n")
            new.replace(self.run / NAME)
        except OSError as error:  # the marks themselves are on disk; the next change tries again
            log(WARNING, "marks.not_published", path=self.run / NAME, error=error)

    def write(self, marks: Mapping[Key, Mark]) -> None:
        """Replace all marks durably, then publish them. Only under `open`.

        Raises:
            MarksUnwritable: the old marks or the new ones are on disk.
        """
        text = json.dumps({"v": 1, "marks": as_json(marks)}).encode("ascii")
        if len(text) >= FILE_BYTES:
            raise MarksUnwritable(f"{len(marks)} marks need more than {FILE_BYTES} bytes")
        try:
            self._swap(text.ljust(FILE_BYTES - 1) + b"\n")
        except OSError as error:
            raise MarksUnwritable(f"{self.state / NAME}: {error}") from error
        self.reserve()
        self.publish(marks)

    @property
    def _spare(self) -> Path:
        return self.state / f".{NAME}.spare"

    @property
    def _old(self) -> Path:
        return self.state / f".{NAME}.old"

    def _swap(self, text: bytes) -> None:
        """Write the spare file in place, and let the two change their names; no new room is needed."""
        fd = self._open_spare()
        try:
            if os.pwrite(fd, text, 0) != len(text):
                raise OSError(f"{self._spare}: only a part could be written")
            os.fsync(fd)
        finally:
            os.close(fd)
        self._old.unlink(missing_ok=True)
        try:
            os.link(self.state / NAME, self._old)
        except FileNotFoundError:
            pass  # these are the first marks
        self._spare.replace(self.state / NAME)
        _sync_directory(self.state)
        if self._old.exists():
            self._old.replace(self._spare)

    def _open_spare(self) -> int:
        """Return the file to write into, FILE_BYTES long; never one that is the present marks as well."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._old.exists() and not self._spare.exists():  # a crash came between the two
            self._old.replace(self._spare)
        if self._spare.exists() and self._spare.lstat().st_nlink != 1:
            self._spare.unlink()
        fd = os.open(self._spare, _WRITE, 0o600)
        try:
            os.posix_fallocate(fd, 0, FILE_BYTES)
            os.ftruncate(fd, FILE_BYTES)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _lock(self, patience: float) -> int:
        path = self.run / "marks.lock"
        try:
            _make_readable(self.run)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise MarksUnreadable(f"{path}: {error.strerror}") from error
        try:
            file_lock.take(fd, patience)
        except OSError as error:
            os.close(fd)
            raise MarksUnreadable(f"{path}: somebody else changes marks: {error}") from error
        return fd


@dataclass(slots=True)
class OpenMarks:
    """The marks while they are ours. Good only inside `with marks.open()`."""

    book: Marks
    found: dict[Key, Mark]

    def get(self, mark: str, subject: str) -> Mark | None:
        """Return a mark, or None."""
        return self.found.get((mark, subject))

    def own(self, mark: str, subject: str, owners: tuple[str, ...], now: str) -> Mark:
        """Add owners to a mark, making it if there is none; durable when this returns.

        Raises:
            TooManyOwners: nothing was changed.
            MarksUnwritable: nothing may follow from it.
        """
        old = self.get(mark, subject) or Mark(mark, subject, (), now)
        new = replace(old, owners=tuple(sorted({*old.owners, *owners})))
        if len(new.owners) > OWNERS_LIMIT:
            raise TooManyOwners(f"{subject} has {len(old.owners)} owners already")
        if new != old:
            self._put(new)
        return new

    def keep(self, mark: Mark, owners: tuple[str, ...]) -> None:
        """Leave a mark to these owners alone, durably.

        Raises:
            MarksUnwritable: it may still have its old owners.
        """
        if owners != mark.owners:
            self._put(replace(mark, owners=tuple(sorted(owners))))

    def drop(self, mark: Mark) -> None:
        """Forget a mark, durably. Only once what it took away was given back.

        Raises:
            MarksUnwritable: it may still be there.
        """
        rest = {key: one for key, one in self.found.items() if key != mark.key}
        self.book.write(rest)
        self.found = rest

    def _put(self, mark: Mark) -> None:
        changed = self.found | {mark.key: mark}
        self.book.write(changed)
        self.found = changed


def _make_readable(directory: Path) -> None:
    """Make a directory that exporters can enter, whatever the umask."""
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
