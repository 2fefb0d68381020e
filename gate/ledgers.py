"""The ledger on disk, and a small one in /run for when that one cannot be written.

Only what makes room or boots anew may run by the second (design: it needs no disk). Both are asked about
every id, token and spacing, so nothing that one has seen runs again by the other.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import UUID

from gate.book import Book, LookUp, Unseen, broken_off
from gate.ids import ActionId, Token
from gate.ledger import LOCK_SECONDS, Ledger
from gate.record import Record
from gate.unwritable import LedgerUnwritable
from gate.words import State

SPARE_SLOTS = 256
OTHER_SECONDS = 0.5
"""To wait for the one that is only looked at; a disk that hangs keeps it for ever."""


class Shelf:
    """The ledger that is written to, and the other one to look things up in, if it can be read."""

    def __init__(self, book: Book, other: Book | None) -> None:
        self.book = book
        self._other = other

    @property
    def newest_token(self) -> tuple[Token | None, str]:
        """The highest token that either has taken, and the store that used it first."""
        headers = [self.book.header, *([self._other.header] if self._other else [])]
        best = max(
            headers, key=lambda header: (header.token is not None, header.token or Token(0, 0))
        )
        return best.token, best.store

    def look_up(self, action: ActionId) -> LookUp:
        """Find what either knows of an id: a record before a doubt, a doubt before nothing.

        Raises:
            LedgerUnwritable: one could not be read.
        """
        mine = self.book.look_up(action)
        if isinstance(mine, Record) or self._other is None:
            return mine
        theirs = self._other.look_up(action)
        return theirs if isinstance(theirs, Record) or isinstance(mine, Unseen) else mine

    def last_runs(self, verb: str, target: str) -> list[Record]:
        """Return the newest run of a verb on a target, of each ledger.

        Raises:
            LedgerUnwritable: one could not be read.
        """
        books = [self.book, *([self._other] if self._other else [])]
        found = [book.last_run(verb, target) for book in books]
        return [record for record in found if record is not None]

    def close(self, record: Record, boot_id: UUID) -> Record:
        """Return what an action without an end has come to, and write that down where we may.

        Raises:
            LedgerUnwritable: it could not be written.
        """
        self.book.interrupt(boot_id)
        found = self.look_up(record.id)
        if isinstance(found, Record) and found.state is not State.BEGUN:
            return found
        return broken_off(record, boot_id)


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Both ledgers of this node.

    Attributes:
        main: On disk.
        spare: In /run, made when it is first needed.
    """

    main: Ledger
    spare: Ledger

    @contextmanager
    def open(self, without_disk: bool = False, patience: float = LOCK_SECONDS) -> Iterator[Shelf]:
        """Hold the ledger that is to be written, and the other one as far as it can be read.

        Args:
            without_disk: Whether to write to the spare one.
            patience: Seconds that another session may keep it from us.

        Raises:
            LedgerUnwritable: the one to be written cannot be.
        """
        mine, other = (self.spare, self.main) if without_disk else (self.main, self.spare)
        if without_disk:
            mine.create_if_missing(SPARE_SLOTS)
        with mine.open(patience) as book, ExitStack() as stack:
            found: Book | None = None
            try:
                found = stack.enter_context(other.open(OTHER_SECONDS, to_write=False))
            except LedgerUnwritable:
                pass  # there is none, or it is the one whose disk fails
            yield Shelf(book, found)
