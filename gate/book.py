"""The ledger while it is open and locked: look up, begin, finish, void.

Every change is on disk when its function returns. The order within one change is record, header,
fdatasync: a crash in between leaves a record that the header does not know of, and `__init__`
takes it in.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from gate.ids import ActionId, Token
from gate.record import (
    HEADER_BYTES,
    RECORD_BYTES,
    Header,
    Record,
    pack,
    pack_header,
    prefix,
    unpack,
)
from gate.unwritable import LedgerUnwritable
from gate.words import Reason, State

REBOOT = "node.reboot"
"""Another boot ends every action; this one it ends well."""

RECORDS_AT = 2 * HEADER_BYTES
_RAN = (State.BEGUN, State.DONE, State.FAILED, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Unseen:
    """This id was never here, and that is certain."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """This id may have been here and been overwritten; `floor` is the highest that was."""

    floor: ActionId


@dataclass(frozen=True, slots=True)
class Torn:
    """This id may be the one in a record that cannot be read. Nobody can say whether it ran."""


LookUp = Record | Unseen | Forgotten | Torn


def key_of(verb: str, target: str) -> bytes:
    """Name a verb and its target in 16 bytes."""
    return hashlib.sha256(f"{verb}\0{target}".encode()).digest()[:16]


def broken_off(record: Record, boot_id: UUID) -> Record:
    """Return what an action without an end has come to, once nobody can be running it."""
    if record.boot_id == boot_id:
        state, reason, detail = (
            State.UNKNOWN,
            Reason.INTERRUPTED,
            "the gate was stopped before it ended",
        )
    elif record.verb == REBOOT:
        state, reason, detail = State.DONE, Reason.REBOOTED, "the node booted again"
    else:
        state, reason, detail = (
            State.UNKNOWN,
            Reason.OTHER_BOOT,
            "the node booted again before it ended",
        )
    return replace(record, state=state, reason=reason, detail=detail)


class Book:
    """An open ledger. Good only inside `with ledger.open()`."""

    def __init__(self, fd: int, path: Path, header: Header) -> None:
        self._fd = fd
        self._path = path
        self._header = header
        self._take_in()

    @property
    def header(self) -> Header:
        """What the ledger knows beyond its records."""
        return self._header

    def look_up(self, action: ActionId) -> LookUp:
        """Find what is known of an id.

        Raises:
            LedgerUnwritable: the file could not be read.
        """
        highest, floor = self._header.highest, self._header.floor
        if highest is None or action > highest:
            return Unseen()
        ring = self._ring()
        at = _aligned(ring, prefix(action))
        if at is not None:
            return unpack(ring[at : at + RECORD_BYTES]) or Torn()
        if floor is not None and action <= floor:
            return Forgotten(floor)
        torn = any(record is None for record in _records(ring))
        return Torn() if torn else Unseen()

    def last_run(self, verb: str, target: str) -> Record | None:
        """Find the newest record of a verb on a target that may have touched something.

        Raises:
            LedgerUnwritable: the file could not be read.
        """
        ring, key = self._ring(), key_of(verb, target)
        # The ring is written in order, so backwards from the next slot is from the newest on.
        head = self._header.next_sequence % self._header.slots * RECORD_BYTES
        for part in (ring[:head], ring[head:]):
            at = part.rfind(key)
            while at != -1:
                start = at - at % RECORD_BYTES
                record = unpack(part[start : start + RECORD_BYTES])
                if record is not None and record.key == key and record.state in _RAN:
                    return record
                at = part.rfind(key, 0, start)
        return None

    def newest(self, count: int) -> list[Record]:
        """Return the last records, newest first; torn ones are left out."""
        found = [record for record in _records(self._ring()) if record is not None]
        return sorted(found, key=lambda record: record.sequence, reverse=True)[:count]

    def begun(self) -> Record | None:
        """Return the action that began and of which no end is written, if there is one."""
        if not self._header.begun_sequence:
            return None
        record = self._at(self._header.begun_sequence - 1)
        return record if record is not None and record.state is State.BEGUN else None

    def admit(self, token: Token, store: str) -> None:
        """Make a token the highest, durably."""
        self._write_header(replace(self._header, token=token, store=store))

    def add(self, record: Record) -> Record:
        """Write a new record, durably, in place of the oldest; return it with its sequence.

        Raises:
            LedgerUnwritable: it may or may not be on disk, so nothing may follow from it.
        """
        header = self._header
        sequence = header.next_sequence
        self._raise_floor(sequence)
        record = replace(record, sequence=sequence)
        self._write(record)
        self._write_header(
            replace(
                self._header,
                next_sequence=sequence + 1,
                begun_sequence=(
                    sequence + 1 if record.state is State.BEGUN else header.begun_sequence
                ),
                highest=max(filter(None, (header.highest, record.id))),
            )
        )
        return record

    def finish(self, record: Record) -> None:
        """Overwrite a record with its end, durably.

        Raises:
            LedgerUnwritable: the end is not written; the action stays `begun` and becomes `unknown`.
        """
        present = self._at(record.sequence)
        if present is None or present.id != record.id:
            raise LedgerUnwritable(f"{self._path}: the record of {record.id} is gone")
        self._write(record)
        self._sync()

    def interrupt(self, boot_id: UUID) -> None:
        """Close an action without an end, durably. Call only when nobody can be running it."""
        record = self.begun()
        if record is not None:
            self.finish(broken_off(record, boot_id))

    def _raise_floor(self, sequence: int) -> None:
        """Before a record is overwritten, remember durably that ids up to it are forgotten."""
        if sequence < self._header.slots:
            return
        victim = self._at(sequence)
        if victim is None:  # torn: what it was is covered by the highest id, as before
            floor = self._header.highest
        elif victim.state is State.BEGUN:
            raise LedgerUnwritable(f"{self._path}: {victim.id} still runs in the oldest record")
        else:
            floor = max(filter(None, (self._header.floor, victim.id)))
        if floor != self._header.floor:
            self._write_header(replace(self._header, floor=floor))

    def _take_in(self) -> None:
        """Count a record that a crash left behind its header."""
        header = self._header
        record = self._at(header.next_sequence)
        while record is not None and record.sequence == header.next_sequence:
            begun = record.state is State.BEGUN
            header = replace(
                header,
                next_sequence=record.sequence + 1,
                begun_sequence=record.sequence + 1 if begun else header.begun_sequence,
                highest=max(filter(None, (header.highest, record.id))),
            )
            record = self._at(header.next_sequence)
        self._header = header

    def _at(self, sequence: int) -> Record | None:
        return unpack(self._read(RECORD_BYTES, self._offset(sequence)))

    def _offset(self, sequence: int) -> int:
        return RECORDS_AT + sequence % self._header.slots * RECORD_BYTES

    def _ring(self) -> bytes:
        """Read all records written so far: a copy, since a mapping would kill us on a read error."""
        used = min(self._header.next_sequence, self._header.slots)
        return self._read(used * RECORD_BYTES, RECORDS_AT)

    def _read(self, size: int, at: int) -> bytes:
        try:
            return os.pread(self._fd, size, at)
        except OSError as error:
            raise LedgerUnwritable(f"{self._path}: cannot be read: {error}") from error

    def _write(self, record: Record) -> None:
        self._put(pack(record), self._offset(record.sequence))

    def _write_header(self, header: Header) -> None:
        """Overwrite the older copy, so that a torn one leaves the other."""
        header = replace(header, generation=header.generation + 1)
        self._put(pack_header(header), header.generation % 2 * HEADER_BYTES)
        self._sync()
        self._header = header

    def _put(self, packed: bytes, at: int) -> None:
        try:
            if os.pwrite(self._fd, packed, at) != len(packed):
                raise LedgerUnwritable(f"{self._path}: only part of a record could be written")
        except OSError as error:
            raise LedgerUnwritable(f"{self._path}: cannot be written: {error}") from error

    def _sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise LedgerUnwritable(f"{self._path}: cannot be synced: {error}") from error


def _records(ring: bytes) -> Iterator[Record | None]:
    for at in range(0, len(ring), RECORD_BYTES):
        yield unpack(ring[at : at + RECORD_BYTES])


def _aligned(ring: bytes, wanted: bytes) -> int | None:
    """Find a record's beginning; the same bytes inside a detail do not count."""
    at = ring.find(wanted)
    while at != -1 and at % RECORD_BYTES:
        at = ring.find(wanted, at + 1)
    return None if at == -1 else at
