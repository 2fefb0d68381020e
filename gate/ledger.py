"""The ledger: a preallocated ring on disk that knows every id, so that nothing runs twice.

What will be done is durable here before it is done. Records are overwritten in place, so a full
disk does not stop the ledger; nothing in it expires by age, because a clock that jumps could then
make it forget. It is opened anew for each use, under a lock that all sessions share.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gate import file_lock
from gate.book import Book
from gate.record import HEADER_BYTES, RECORD_BYTES, Header, pack_header, unpack_header
from gate.unwritable import LedgerUnwritable, NoLedgerYet

SLOTS = 10_000
LOCK_SECONDS = 5.0
RECORDS_AT = 2 * HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger file of this node."""

    path: Path

    def create_if_missing(self, slots: int = SLOTS) -> bool:
        """Make an empty ledger with an id of its own, unless there is one; say whether it was made.

        A healer sees the new id and knows that this gate has forgotten everything.

        Raises:
            LedgerUnwritable: there is none and none could be made.
        """
        new = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}")
        try:
            if self.path.exists():
                return False
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                _write_empty(new, slots)
                # link() and not rename(): of two sessions that start at once, the first wins.
                os.link(new, self.path)
            finally:
                new.unlink(missing_ok=True)
            _sync_directory(self.path.parent)
        except FileExistsError:
            return False
        except OSError as error:
            raise LedgerUnwritable(f"{self.path}: no ledger, none can be made: {error}") from error
        return True

    @contextmanager
    def open(self, patience: float = LOCK_SECONDS, to_write: bool = True) -> Iterator[Book]:
        """Hold the ledger for a moment: no other session reads or writes it meanwhile.

        Args:
            patience: Seconds that another session may keep it from us.
            to_write: Whether it must be writable; else the book is only good for looking things up.

        Raises:
            NoLedgerYet: there is no file.
            LedgerUnwritable: it is damaged, cannot be read or was kept. Nothing was changed.
        """
        fd = self._lock(patience, os.O_RDWR if to_write else os.O_RDONLY)
        try:
            yield Book(fd, self.path, self._header(fd))
        finally:
            os.close(fd)

    def _lock(self, patience: float, mode: int) -> int:
        try:
            fd = os.open(self.path, mode | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise NoLedgerYet(f"{self.path}: no ledger yet, the next session makes one") from error
        except OSError as error:
            raise LedgerUnwritable(f"{self.path}: {error.strerror}") from error
        try:
            file_lock.take(fd, patience)
        except OSError as error:
            os.close(fd)
            raise LedgerUnwritable(f"{self.path}: cannot be locked: {error}") from error
        return fd

    def _header(self, fd: int) -> Header:
        try:
            copies = os.pread(fd, RECORDS_AT, 0)
            size = os.fstat(fd).st_size
        except OSError as error:
            raise LedgerUnwritable(f"{self.path}: cannot be read: {error}") from error
        good = [
            header
            for at in (0, HEADER_BYTES)
            if (header := unpack_header(copies[at : at + HEADER_BYTES])) is not None
        ]
        header = max(good, key=lambda found: found.generation, default=None)
        if header is None or size < RECORDS_AT + header.slots * RECORD_BYTES:
            raise LedgerUnwritable(
                f"{self.path}: the header is damaged or the file too short, so what ran here is not "
                "known. Find out what the healer did last, then move the file away: the next "
                "session makes a new one"
            )
        return header


def _write_empty(path: Path, slots: int) -> None:
    header = pack_header(Header(slots=slots, ledger_id=uuid.uuid4()))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, RECORDS_AT + slots * RECORD_BYTES)
        os.pwrite(fd, header + header, 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
