"""Follows the kernel's own log where the journal has none of it: /dev/kmsg, or a file or FIFO in its form.

A record is `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT` and lines that begin with a space, as the kernel's
Documentation/ABI/testing/dev-kmsg has it. Rule: only records of facility 0 are the kernel's, since whoever may open
/dev/kmsg can write to it.
"""

import asyncio
import contextlib
import os
import re
import stat
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from exporter.failures.batch import Batch, Denied, Entry
from exporter.failures.budget import Budget

RECORD = re.compile(rb"(\d{1,10}),(\d{1,20}),(\d{1,20}),[^;\n]*;([^\n]*)")
LOOK = 0.25
"""Seconds between two looks: neither a plain file nor a FIFO without a writer can be waited for."""

PART = 64 * 1024
"""Bytes of one read; /dev/kmsg gives one record each time."""

MOST = 256 * 1024
"""Bytes of one batch."""


class Kmsg:
    """A kernel log."""

    def __init__(self, path: Path, budget: Budget, boot_id: str) -> None:
        """Open nothing yet; sequence numbers are of the boot that `boot_id` names."""
        self._path = path
        self._budget = budget
        self._boot_id = boot_id

    async def follow(self, cursor: str) -> AsyncGenerator[Batch, None]:
        """Yield the records behind `BOOT:SEQUENCE`, and whatever comes."""
        boot, _, last = cursor.partition(":")
        newest = int(last) if boot == self._boot_id and last.isdecimal() else -1
        while True:
            with _opened(self._path) as file:
                rest = b""
                while _still(self._path, file):
                    part = _read(file)
                    *whole, rest = (rest + part).split(b"\n")
                    records = [one for one in map(RECORD.fullmatch, whole) if one is not None]
                    fresh = [one for one in records if int(one[2]) > newest]
                    newest = max((int(one[2]) for one in fresh), default=newest)
                    allowed = self._budget.take(len(fresh))
                    entries = tuple(map(_entry, fresh[:allowed]))
                    yield Batch(entries, len(fresh) - allowed, f"{self._boot_id}:{newest}")
                    await (self._budget.breathe(len(part)) if part else asyncio.sleep(LOOK))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise Denied(str(error)) from error
    try:
        yield file
    finally:
        os.close(file)


def _still(path: Path, file: int) -> bool:
    """Return whether a path is still this file, and no shorter than what was read of it."""
    try:
        now, ours = path.stat(), os.fstat(file)
    except FileNotFoundError:
        return False
    if (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino):
        return False
    return not stat.S_ISREG(ours.st_mode) or os.lseek(file, 0, os.SEEK_CUR) <= ours.st_size


def _read(file: int) -> bytes:
    parts = b""
    while len(parts) < MOST:
        try:
            part = os.read(file, PART)
        except BlockingIOError:
            break
        except BrokenPipeError:
            continue  # records were overwritten before they were read; the next read has the oldest there is
        if not part:
            break
        parts += part
    return parts


def _entry(record: re.Match[bytes]) -> Entry:
    kernel = int(record[1]) >> 3 == 0
    at = time.time() - time.monotonic() + int(record[3]) / 1e6
    return {
        "MESSAGE": record[4].decode(errors="replace"),
        "_TRANSPORT": "kernel" if kernel else "syslog",
        "__REALTIME_TIMESTAMP": str(int(at * 1e6)),
    }
