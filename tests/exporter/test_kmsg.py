"""Following a kernel log that the journal has not: records in the form of /dev/kmsg, each read once.

The form is that of the kernel's Documentation/ABI/testing/dev-kmsg.
"""

import asyncio
import os
import time
from pathlib import Path

import pytest

from exporter.failures.batch import Batch, Denied, Entry
from exporter.failures.budget import SAVED_LINES, Budget
from exporter.failures.kmsg import Kmsg

BOOT = "b0070000-0000-4000-8000-000000000001"
PATIENCE = 20.0


def record(sequence: int, text: str, *, priority: int = 3, usec: int = 1_500_000) -> str:
    """Return a record with the lines of a dictionary behind it, as the kernel writes them for devices."""
    return f"{priority},{sequence},{usec},-;{text}\n SUBSYSTEM=block\n DEVICE=b7:3\n"


def followed(file: Path, budget: Budget | None = None, boot: str = BOOT) -> Kmsg:
    return Kmsg(file, budget or Budget(time.monotonic), boot)


async def first(kmsg: Kmsg, count: int, cursor: str = "") -> tuple[list[Entry], Batch]:
    """Return the first entries that come, and the batch of the last."""
    found: list[Entry] = []
    async with asyncio.timeout(PATIENCE):
        async for batch in kmsg.follow(cursor):
            found += batch.entries
            if len(found) + batch.skipped >= count:
                return found, batch
    raise AssertionError


async def test_records_come_as_the_kernels_with_their_time(tmp_path: Path) -> None:
    file = tmp_path / "kmsg"
    file.write_text(record(7, "I/O error, dev loop3, sector 0") + record(8, "a;b"))
    (one, two), batch = await first(followed(file), 2)
    assert (one["MESSAGE"], one["_TRANSPORT"]) == ("I/O error, dev loop3, sector 0", "kernel")
    assert two["MESSAGE"] == "a;b"
    began = time.time() - time.monotonic()
    assert int(one["__REALTIME_TIMESTAMP"]) / 1e6 == pytest.approx(began + 1.5, abs=5)
    assert batch.cursor == f"{BOOT}:8"


async def test_what_a_program_wrote_into_the_kernels_log_is_not_the_kernels(tmp_path: Path) -> None:
    file = tmp_path / "kmsg"
    file.write_text(record(1, "systemd[1]: I/O error, dev loop3", priority=12))
    (one,), _ = await first(followed(file), 1)
    assert one["_TRANSPORT"] != "kernel"


async def test_a_next_life_reads_what_is_new_and_after_a_boot_everything(tmp_path: Path) -> None:
    file = tmp_path / "kmsg"
    file.write_text("".join(record(number, f"line {number}") for number in range(5)))
    _, batch = await first(followed(file), 5)
    file.write_text(file.read_text() + record(5, "line 5"))
    assert [one["MESSAGE"] for one in (await first(followed(file), 1, batch.cursor))[0]] == [
        "line 5"
    ]
    other = followed(file, boot="b0070000-0000-4000-8000-000000000002")
    assert len((await first(other, 6, batch.cursor))[0]) == 6


async def test_a_record_that_is_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "kmsg"
    whole = record(1, "I/O error, dev loop3")
    file.write_text(whole[:12])
    reading = asyncio.create_task(first(followed(file), 1))
    await asyncio.sleep(0.05)
    with file.open("a") as more:
        more.write(whole[12:])
    found, _ = await reading
    assert [one["MESSAGE"] for one in found] == ["I/O error, dev loop3"]


async def test_a_file_that_is_replaced_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "kmsg"
    file.write_text(record(1, "one"))
    reading = asyncio.create_task(first(followed(file), 2))
    await asyncio.sleep(0.05)
    (tmp_path / "new").write_text(record(2, "two"))
    (tmp_path / "new").rename(file)
    found, _ = await reading
    assert [one["MESSAGE"] for one in found] == ["one", "two"]


async def test_a_fifo_is_followed_while_its_writers_come_and_go(tmp_path: Path) -> None:
    file = tmp_path / "kmsg"
    os.mkfifo(file)
    reading = asyncio.create_task(first(followed(file), 2))
    for number in (1, 2):
        await asyncio.sleep(0.05)
        with file.open("w") as writer:
            writer.write(record(number, f"line {number}"))
    found, _ = await reading
    assert [one["MESSAGE"] for one in found] == ["line 1", "line 2"]


async def test_of_a_flood_the_rest_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "kmsg"
    many = int(SAVED_LINES) + 50
    file.write_text("".join(record(number, "a") for number in range(many)))
    stopped = Budget(lambda: 0.0)
    entries = skipped = 0
    async with asyncio.timeout(PATIENCE):
        async for batch in followed(file, stopped).follow(""):
            entries, skipped = entries + len(batch.entries), skipped + batch.skipped
            if entries + skipped == many:
                break
    assert (entries, skipped) == (SAVED_LINES, 50)


async def test_none_is_none_and_one_that_may_not_be_read_is_denied(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await first(followed(tmp_path / "none"), 1)
    if os.geteuid() != 0:
        file = tmp_path / "kmsg"
        file.touch(0o000)
        with pytest.raises(Denied):
            await first(followed(file), 1)
