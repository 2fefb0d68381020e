"""The bytes of the ledger: one record an action, two copies of a header. Packing and unpacking only.

A record has two parts with a checksum each. The identity is written once, before anything happens;
the outcome is overwritten when the action ends. So a torn end still tells which id began.
"""

import struct
from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

from gate.ids import ActionId, Token
from gate.words import State

RECORD_BYTES = 512
"""One sector, so that a disk writes a record whole or not at all; the checksums are for when it does not."""

HEADER_BYTES = 4096
"""Room for one copy of the header. The records begin after two of them."""

MAGIC = b"hgr1"
_HEADER_MAGIC = b"halegate"
_VERSION = 1
_NUMBERS = struct.Struct("<QQQ")
# magic, id, sequence, content, key, verb, target, boot, wall and boot time of begun
_IDENTITY = struct.Struct("<4sQQQQ32s16s24s96s16sqq")
# state, reason, wall time of the end, boot time of the end, detail
_OUTCOME = struct.Struct("<8s24sqq200s")
_CRC = struct.Struct("<I")
# magic, version, slots, generation, ledger id, next and begun sequence, token, store, floor, highest
_HEADER = struct.Struct("<8sIIQ16sQQ?QQ128s?QQQ?QQQ")
_OUTCOME_AT = _IDENTITY.size + _CRC.size
DETAIL_BYTES = 200


@dataclass(frozen=True, slots=True)
class Record:
    """One id and what became of it.

    Attributes:
        sequence: Counts all records ever written; the slot is its remainder.
        content: SHA-256 of the request without its nonce; zeros for an id voided unseen.
        key: Names verb and target together, for finding the last run of both.
        verb: For people; cut to fit, as is target.
        begun_wall: Nanoseconds since 1970; 0 when the action never began.
        begun_boottime: Nanoseconds since the boot `boot_id`.
        state: BEGUN, DONE, FAILED, REFUSED, UNKNOWN or VOIDED.
        ended_wall: 0 while it runs, and where nobody saw the end.
    """

    id: ActionId
    sequence: int
    content: bytes
    key: bytes
    verb: str
    target: str
    boot_id: UUID
    begun_wall: int
    begun_boottime: int
    state: State
    reason: str = ""
    ended_wall: int = 0
    ended_boottime: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """What the ledger knows beyond its records.

    Attributes:
        generation: Counts headers written; the larger one of two good copies is the present one.
        next_sequence: Of the record to be written next.
        begun_sequence: Of the last record written as begun, plus one; 0 when there was none.
        token: Highest token taken; None before the first.
        store: The store and start that first used it.
        floor: Highest id ever overwritten; whatever is not above it may have been here.
        highest: Highest id ever written.
    """

    slots: int
    ledger_id: UUID
    generation: int = 0
    next_sequence: int = 0
    begun_sequence: int = 0
    token: Token | None = None
    store: str = ""
    floor: ActionId | None = None
    highest: ActionId | None = None


def prefix(action: ActionId) -> bytes:
    """Return the bytes that a record of this id begins with, for searching."""
    return MAGIC + _NUMBERS.pack(action.era, action.term, action.number)


def pack(record: Record) -> bytes:
    """Write a record, always RECORD_BYTES long."""
    identity = _IDENTITY.pack(
        MAGIC,
        *(record.id.era, record.id.term, record.id.number),
        record.sequence,
        record.content,
        record.key,
        _cut(record.verb, 24),
        _cut(record.target, 96),
        record.boot_id.bytes,
        record.begun_wall,
        record.begun_boottime,
    )
    outcome = _OUTCOME.pack(
        record.state.encode("ascii"),
        _cut(record.reason, 24),
        record.ended_wall,
        record.ended_boottime,
        _cut(record.detail, DETAIL_BYTES),
    )
    packed = _sealed(identity) + outcome + _CRC.pack(crc32(outcome, crc32(identity)))
    return packed.ljust(RECORD_BYTES, b"\0")


def unpack(slot: bytes) -> Record | None:
    """Read a record; None when its identity is torn, or nothing was ever written there.

    A good identity with a torn outcome is a record whose end is not known: `unknown`.
    """
    identity = slot[: _IDENTITY.size]
    if len(slot) < RECORD_BYTES or not _good(identity, slot[_IDENTITY.size : _OUTCOME_AT]):
        return None
    magic, era, term, number, sequence, content, key, verb, target, boot, wall, boottime = (
        _IDENTITY.unpack(identity)
    )
    if magic != MAGIC:
        return None
    state, reason, ended_wall, ended_boottime, detail = _outcome(slot, identity)
    return Record(
        id=ActionId(era, term, number),
        sequence=sequence,
        content=content,
        key=key,
        verb=_text(verb),
        target=_text(target),
        boot_id=UUID(bytes=boot),
        begun_wall=wall,
        begun_boottime=boottime,
        state=state,
        reason=reason,
        ended_wall=ended_wall,
        ended_boottime=ended_boottime,
        detail=detail,
    )


def _outcome(slot: bytes, identity: bytes) -> tuple[State, str, int, int, str]:
    outcome = slot[_OUTCOME_AT : _OUTCOME_AT + _OUTCOME.size]
    (crc,) = _CRC.unpack_from(slot, _OUTCOME_AT + _OUTCOME.size)
    if crc32(outcome, crc32(identity)) != crc:
        return State.UNKNOWN, "torn_record", 0, 0, "the record of its end is torn"
    state, reason, wall, boottime, detail = _OUTCOME.unpack(outcome)
    return State(_text(state)), _text(reason), wall, boottime, _text(detail)


def pack_header(header: Header) -> bytes:
    """Write one copy of the header, always HEADER_BYTES long."""
    token = header.token
    body = _HEADER.pack(
        *(_HEADER_MAGIC, _VERSION, header.slots, header.generation, header.ledger_id.bytes),
        *(header.next_sequence, header.begun_sequence),
        *((True, token.era, token.term) if token else (False, 0, 0)),
        _cut(header.store, 128),
        *_pack_id(header.floor),
        *_pack_id(header.highest),
    )
    return _sealed(body).ljust(HEADER_BYTES, b"\0")


def unpack_header(copy: bytes) -> Header | None:
    """Read one copy of the header; None when it is torn or of another version."""
    body = copy[: _HEADER.size]
    if len(copy) < HEADER_BYTES or not _good(body, copy[_HEADER.size : _HEADER.size + _CRC.size]):
        return None
    found = _HEADER.unpack(body)
    magic, version, slots, generation, ledger, following, begun = found[:7]
    if magic != _HEADER_MAGIC or version != _VERSION or slots < 1:
        return None
    has_token, era, term, store = found[7:11]
    return Header(
        slots=slots,
        ledger_id=UUID(bytes=ledger),
        generation=generation,
        next_sequence=following,
        begun_sequence=begun,
        token=Token(era, term) if has_token else None,
        store=_text(store),
        floor=ActionId(*found[12:15]) if found[11] else None,
        highest=ActionId(*found[16:19]) if found[15] else None,
    )


def fit(detail: str) -> str:
    """Cut a detail to what a record holds, so that the first answer and a later one are the same."""
    return _text(_cut(detail, DETAIL_BYTES))


def _pack_id(action: ActionId | None) -> tuple[bool, int, int, int]:
    return (True, action.era, action.term, action.number) if action else (False, 0, 0, 0)


def _sealed(body: bytes) -> bytes:
    return body + _CRC.pack(crc32(body))


def _good(body: bytes, crc: bytes) -> bool:
    return len(crc) == _CRC.size and _CRC.unpack(crc)[0] == crc32(body)


def _cut(text: str, size: int) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\0", b"?")[:size]


def _text(packed: bytes) -> str:
    return packed.rstrip(b"\0").decode("utf-8", "ignore")
