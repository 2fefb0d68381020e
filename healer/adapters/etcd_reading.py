"""Reads a journal's records out of etcd, in pages at one revision."""

from collections.abc import AsyncIterator, Callable

from healer.adapters.chain import Row
from healer.adapters.etcd_errors import TooLarge
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import Keys, rows_of, seq_of
from healer.adapters.etcd_wire import Get, KeyValue
from healer.errors import Refused

KEYS = 128
"""Keys with their values that are asked for at once, at first; fewer where the answer would be too large."""

NAMES = 10_000
"""Keys without their values that are asked for at once."""


async def stored(http: EtcdHttp, keys: Keys, upto: int, left: Callable[[], float]) -> list[int]:
    """Return the seq of every whole record that etcd has, up to one, in order.

    Args:
        http: etcd.
        keys: Their names.
        upto: The journal's head; what is behind it never counted.
        left: How many seconds there are, asked before each page.

    Raises:
        Unreachable: No member answered in time.
    """
    begin, _ = keys.records
    seqs: list[int] = []
    async for kv in _pages(http, begin, keys.of_record(upto + 1), NAMES, left, names=True):
        seq, part, parts = seq_of(kv.key)
        if part + 1 == parts:
            seqs.append(seq)
    return seqs


async def records(
    http: EtcdHttp, keys: Keys, first: int, last: int, left: Callable[[], float]
) -> AsyncIterator[list[Row]]:
    """Yield the records from one seq to another that etcd has, a page at a time.

    Args:
        http: etcd.
        keys: Their names.
        first: The lowest seq.
        last: The highest seq.
        left: How many seconds there are, asked before each page.

    Raises:
        Unreachable: No member answered in time.
        ConfigError: One is none of a healer's.
    """
    held: list[KeyValue] = []
    begin, end = keys.of_record(first), keys.of_record(last + 1)
    async for kv in _pages(http, begin, end, KEYS, left):
        held.append(kv)
        _, part, parts = seq_of(kv.key)
        if part + 1 == parts and len(held) >= KEYS:
            yield list(rows_of(held))
            held = []
    if held:
        yield list(rows_of(held))


async def _pages(
    http: EtcdHttp,
    begin: bytes,
    end: bytes,
    limit: int,
    left: Callable[[], float],
    *,
    names: bool = False,
) -> AsyncIterator[KeyValue]:
    revision = 0
    while True:
        get = Get(begin, end, limit=limit, revision=revision, keys_only=names)
        try:
            found = await http.get(get, seconds=left())
        except TooLarge:
            if limit == 1:
                raise
            limit = max(1, limit // 4)
            continue
        except Refused as error:
            if error.reason != "compacted":
                raise
            # Records never change. What went meanwhile went for good, so the newest revision will do.
            revision = 0
            continue
        revision = revision or found.revision
        for kv in found.kvs:
            yield kv
        if not found.more or not found.kvs:
            return
        begin = found.kvs[-1].key + b"\0"
