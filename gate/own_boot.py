"""What keeps this node from a boot that it asks for itself: people at the node, a verb that runs, and Pacemaker.

No request stands behind such a boot, so the ledger has no record of it. Rule: it is asked for only inside of
`OwnBoot.now`.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gate import owners, places
from gate.book import Book
from gate.holds import Holds
from gate.ledger import Ledger
from gate.mark import LOCK
from gate.marks import Marks, MarksUnreadable
from gate.pacemaker import Programs
from gate.pacemaker_rule import PacemakerRule
from gate.run_lock import RunLock
from gate.unwritable import LedgerUnwritable
from gate.words import Reason, Refused


@dataclass(frozen=True, slots=True)
class OwnBoot:
    """A boot of this node, and all that it is checked against."""

    ledger: Ledger
    lock: RunLock
    holds: Holds
    marks: Marks
    pacemakers: Mapping[str, PacemakerRule]
    programs: Programs

    @contextmanager
    def now(self) -> Iterator[str]:
        """Say why this node may not boot now; empty where it may, and inside of it that stays so.

        No verb begins meanwhile, and who places a hold waits for the ledger, or is told that something may still run.
        """
        with ExitStack() as kept:
            try:
                self._insist(kept)
            except Refused as refused:
                why = str(refused)
            except LedgerUnwritable as error:
                why = f"{Reason.BUSY}: nobody can know whether a verb runs here: {error}"
            else:
                why = ""
            yield why

    def _insist(self, kept: ExitStack) -> None:
        for rule in self.pacemakers.values():
            places.insist(rule, self.programs)  # it takes seconds, so the others come after it
        try:
            book = kept.enter_context(self.ledger.open(to_write=False))
        except LedgerUnwritable:
            book = None  # no session came yet, or its disk fails, which keeps no reboot from a node
        kept.callback(self.lock.release)
        self._alone(book)
        self.holds.insist_on_none()
        self._not_locked()

    def _alone(self, book: Book | None) -> None:
        if not self.lock.take():
            record = None if book is None else book.begun()
            running = "an action" if record is None else f"{record.id} {record.verb}"
            raise Refused(Reason.BUSY, f"{running} runs here")

    def _not_locked(self) -> None:
        """Insist that no person locks this node. A healer's lock is the one that a boot is given."""
        try:
            marks = self.marks.read()
        except MarksUnreadable as error:
            raise Refused(Reason.MARKS_UNREADABLE, f"a person may lock it: {error}") from error
        locked = [mark for (kind, _), mark in marks.items() if kind == LOCK]
        people = [one for mark in locked for one in mark.owners if one.startswith(owners.PERSON)]
        if people:
            raise Refused(Reason.LOCKED, f"for {', '.join(people)}; `hale-gate unlock` ends it")
