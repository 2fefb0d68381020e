"""`hale-gate status`: what this gate knows and whether it would act, for people and for scripts."""

import json
from dataclasses import dataclass
from pathlib import Path

from gate.book import Book
from gate.config import Config
from gate.holds import Hold, Holds
from gate.ledger import Ledger
from gate.outcomes import outcome_of
from gate.record import Header, Record
from gate.run_lock import RunLock
from gate.unwritable import LedgerUnwritable, NoLedgerYet

LAST = 5
HELD, UNUSABLE = 3, 4


@dataclass(frozen=True, slots=True)
class Status:
    """The gate at one moment.

    Attributes:
        problem: Why the ledger cannot be used, None if it can.
        header: None also on a node on which no session has made a ledger yet.
        running: The action at work now.
        last: Newest records first.
    """

    cluster: str
    node: str
    holds: tuple[Hold, ...]
    problem: str | None
    header: Header | None
    running: Record | None
    last: tuple[Record, ...]

    @property
    def exit_code(self) -> int:
        """0 would act, 3 held, 4 the ledger cannot be used."""
        if self.problem is not None:
            return UNUSABLE
        return HELD if self.holds else 0


def read(config: Config, ledger: Ledger, lock: RunLock, holds: Holds) -> Status:
    """Look, and change nothing."""
    in_force = holds.in_force()
    try:
        with ledger.open() as book:
            return Status(
                *(config.cluster, config.node, in_force, None, book.header),
                running=running(book, lock),
                last=tuple(book.newest(LAST)),
            )
    except NoLedgerYet:
        return Status(config.cluster, config.node, in_force, None, None, None, ())
    except LedgerUnwritable as error:
        return Status(config.cluster, config.node, in_force, str(error), None, None, ())


def running(book: Book, lock: RunLock) -> Record | None:
    """Return the action at work now, if there is one."""
    begun = book.begun()
    return begun if begun is not None and not lock.is_free() else None


def as_json(status: Status) -> str:
    """Write one JSON object on one line."""
    header = status.header
    token = header.token if header else None
    return json.dumps(
        {
            "cluster": status.cluster,
            "node": status.node,
            "holds": [{"reason": hold.reason, "until": hold.until} for hold in status.holds],
            "problem": status.problem,
            "ledger_id": header.ledger_id.hex if header else None,
            "records": min(header.next_sequence, header.slots) if header else None,
            "highest_token": [token.era, token.term] if token else None,
            "store": header.store if header and token else None,
            "running": str(status.running.id) if status.running else None,
            "last": [_action(record) for record in status.last],
        }
    )


def as_text(status: Status, state: Path) -> str:
    """Write lines for a person."""
    header = status.header
    lines = [f"{status.node} of cluster {status.cluster}"]
    lines += [f"held: {hold.reason} ({hold.until or 'until released'})" for hold in status.holds]
    if status.problem is not None:
        return "\n".join([*lines, f"refuses every verb: {status.problem}"])
    if header is None:
        return "\n".join([*lines, "no ledger yet, the next session makes one"])
    lines.append(f"ledger {header.ledger_id.hex} in {state}, token {header.token} {header.store}")
    if status.running is not None:
        lines.append(f"running: {status.running.id} {status.running.verb} {status.running.target}")
    for record in status.last:
        end = outcome_of(record)
        when = end.started_at or end.ended_at
        what = f"{record.verb} {record.target}".strip() or "-"
        lines.append(f"{when}  {record.id}  {what}  {record.state} {record.reason}".rstrip())
    return "\n".join(lines)


def _action(record: Record) -> dict[str, str | None]:
    end = outcome_of(record)
    return {
        "id": str(record.id),
        "verb": record.verb,
        "target": record.target,
        "state": end.state,
        "reason": end.reason,
        "detail": end.detail,
        "started_at": end.started_at,
        "ended_at": end.ended_at,
    }
