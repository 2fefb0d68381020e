"""What the healer keeps in etcd, below its prefix, and how a journal's record becomes keys.

A record is the very bytes that the chain hashes (healer.adapters.chain), in parts of PART bytes. `head` is what makes
records count: one with a higher seq than the head's was begun and never finished, and is written over.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from healer.adapters.chain import Gap, Head, Row
from healer.adapters.etcd_wire import KeyValue, Put, after
from healer.errors import ConfigError

FORMAT = 1
"""Of the keys below."""

PART = 256 * 1024
"""Bytes of one key at most: a page of a few is far below the 4 MiB that the gateway gives at once."""

TXN_BYTES = 1024 * 1024
"""Of one transaction; etcd takes 1.5 MiB (--max-request-bytes), the keys and conditions included."""

TXN_PUTS = 100
"""In one transaction; etcd takes 128 operations (--max-txn-ops)."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of all keys."""

    prefix: str

    @property
    def store(self) -> bytes:
        """Which store this is; made once by `store init`."""
        return f"{self.prefix}/store".encode()

    @property
    def leader(self) -> bytes:
        """Who leads; it hangs on the leader's lease, and its create_revision is the term."""
        return f"{self.prefix}/leader".encode()

    @property
    def last(self) -> bytes:
        """Who led last, and whether the lead was given back."""
        return f"{self.prefix}/last".encode()

    @property
    def head(self) -> bytes:
        """Where the journal ends."""
        return f"{self.prefix}/head".encode()

    @property
    def seen(self) -> bytes:
        """When the cluster was seen last."""
        return f"{self.prefix}/seen".encode()

    @property
    def hints(self) -> bytes:
        """How many bytes of hints were written, by day."""
        return f"{self.prefix}/hints".encode()

    @property
    def gaps(self) -> bytes:
        """What was pruned, as the chain knows it."""
        return f"{self.prefix}/gaps".encode()

    @property
    def all(self) -> tuple[bytes, bytes]:
        """From the first key to behind the last."""
        begin = f"{self.prefix}/".encode()
        return begin, after(begin)

    @property
    def records(self) -> tuple[bytes, bytes]:
        """The same of the records."""
        begin = f"{self.prefix}/e/".encode()
        return begin, after(begin)

    def of_record(self, seq: int) -> bytes:
        """The beginning of a record's keys; the end of the range that leaves it out."""
        return f"{self.prefix}/e/{seq:012d}".encode()

    def puts(self, row: Row) -> tuple[Put, ...]:
        """Return a record's parts."""
        raw = written(row)
        parts = [raw[at : at + PART] for at in range(0, len(raw), PART)]
        return tuple(
            Put(self.of_record(row.seq) + f".{number:03d}.{len(parts):03d}".encode(), part)
            for number, part in enumerate(parts)
        )


@dataclass(frozen=True, slots=True)
class StoreKey:
    """The value of `store`."""

    format: int
    cluster: str
    era: int
    store_id: str


@dataclass(frozen=True, slots=True)
class LeadKey:
    """The value of `leader` and of `last`.

    Attributes:
        since: Epoch seconds.
        released: Whether it was given back; only in `last`.
    """

    start_id: str
    node: str
    since: float
    released: bool = False


@dataclass(frozen=True, slots=True)
class HeadKey:
    """The value of `head`.

    Attributes:
        records: How many are in etcd.
        bytes: Of them.
    """

    seq: int
    sha256: str
    records: int = 0
    bytes: int = 0

    @property
    def head(self) -> Head:
        """Where the chain ends."""
        return Head(self.seq, self.sha256)


def value(key: StoreKey | LeadKey | HeadKey) -> bytes:
    """Write a value."""
    return json.dumps(asdict(key), ensure_ascii=False, separators=(",", ":")).encode()


def store_of(kv: KeyValue) -> StoreKey:
    """Read the value of `store`.

    Raises:
        ConfigError: It is none of ours.
    """
    fields = _fields(kv)
    try:
        return StoreKey(
            int(fields["format"]),
            str(fields["cluster"]),
            int(fields["era"]),
            str(fields["store_id"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _strange(kv) from error


def lead_of(kv: KeyValue) -> LeadKey:
    """Read the value of `leader` or `last`.

    Raises:
        ConfigError: It is none of ours.
    """
    fields = _fields(kv)
    try:
        return LeadKey(
            str(fields["start_id"]),
            str(fields["node"]),
            float(fields["since"]),
            fields.get("released") is True,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _strange(kv) from error


def head_of(kv: KeyValue) -> HeadKey:
    """Read the value of `head`.

    Raises:
        ConfigError: It is none of ours.
    """
    fields = _fields(kv)
    try:
        return HeadKey(
            int(fields["seq"]),
            str(fields["sha256"]),
            int(fields["records"]),
            int(fields["bytes"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _strange(kv) from error


def gaps_value(gaps: Iterable[Gap]) -> bytes:
    """Write the value of `gaps`."""
    return json.dumps([[one.first, one.last, one.sha256] for one in gaps]).encode()


def gaps_of(kv: KeyValue | None) -> list[Gap]:
    """Read the value of `gaps`.

    Raises:
        ConfigError: It is none of ours.
    """
    if kv is None:
        return []
    try:
        found = [(int(first), int(last), str(sha)) for first, last, sha in json.loads(kv.value)]
    except (ValueError, TypeError) as error:
        raise _strange(kv) from error
    return [Gap(*one) for one in found]


def written(row: Row) -> bytes:
    """Write a record as the chain hashes it."""
    return json.dumps(list(row), ensure_ascii=False, separators=(",", ":")).encode()


def seq_of(key: bytes) -> tuple[int, int, int]:
    """Return seq, part and number of parts from a record's key.

    Raises:
        ConfigError: It is none of ours.
    """
    try:
        seq, part, parts = key.rpartition(b"/")[2].split(b".")
        return int(seq), int(part), int(parts)
    except ValueError as error:
        raise ConfigError(f"etcd key {key!r} is no record of a healer's journal") from error


def rows_of(kvs: Iterable[KeyValue]) -> Iterator[Row]:
    """Put records together from their parts, in order; one that is not whole is left out.

    Raises:
        ConfigError: A key or its value is none of ours.
    """
    raw, wanted = b"", (0, 0)
    for kv in kvs:
        seq, part, parts = seq_of(kv.key)
        if part == 0:
            raw, wanted = b"", (seq, 0)
        if (seq, part) != wanted:
            continue
        raw, wanted = raw + kv.value, (seq, part + 1)
        if part + 1 == parts:
            yield _row(kv, raw, seq)


def packed(puts: Sequence[Put]) -> Iterator[tuple[Put, ...]]:
    """Divide puts into as many transactions as they need, in order; at least one."""
    batch, size = list[Put](), 0
    for put in puts:
        if batch and (len(batch) == TXN_PUTS or size + len(put.value) > TXN_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(put)
        size += len(put.value)
    yield tuple(batch)


def _row(kv: KeyValue, raw: bytes, seq: int) -> Row:
    try:
        row = Row(*json.loads(raw))
    except (ValueError, TypeError) as error:
        raise _strange(kv) from error
    if row.seq != seq:
        raise _strange(kv)
    return row


def _fields(kv: KeyValue) -> dict[str, Any]:
    try:
        fields = json.loads(kv.value)
    except ValueError as error:
        raise _strange(kv) from error
    if not isinstance(fields, dict):
        raise _strange(kv)
    return fields


def _strange(kv: KeyValue) -> ConfigError:
    return ConfigError(
        f"etcd key {kv.key.decode(errors='replace')}: {kv.value[:100]!r} is none of this hale-healer's: give "
        "each cluster a prefix of its own, and start the version that wrote it"
    )
