"""A steady stream of numbered rows into a database, and which of them were acknowledged.

It runs as a process of its own in the nodes' network and writes one JSON line per row. Rule: a number is written once
at the most, whatever became of it, and counts as acknowledged only if the database said so in time.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import asyncpg

from lab.load import PATIENCE, Request
from lab.roles import NO_ANSWER

SCHEMA, TABLE = "hale_lab", "hale_lab.ledger"
_WRITE = "INSERT INTO hale_lab.ledger VALUES ($1)"
WRITERS = 4
"""Connections that write side by side; one that waits for an answer delays no other."""


@dataclass(frozen=True, slots=True)
class Write:
    """One row.

    Attributes:
        number: Its key; numbers grow.
        at: When it was sent, epoch seconds.
        to: HOST:PORT.
        ok: Whether the database acknowledged it in time.
        seconds: From sending to the acknowledgement, or to giving up.
    """

    number: int
    at: float
    to: str
    ok: bool
    seconds: float

    @property
    def request(self) -> Request:
        """The row as one of the requests of a load, of which a drill knows when they are served again."""
        return Request(self.at, url_of(self.to), self.ok, 0, self.seconds)


def url_of(to: str) -> str:
    """Return what a place to write to is called among the URLs of a load."""
    return f"postgresql://{to}"


def lost(writes: Sequence[Write], rows: frozenset[int]) -> tuple[int, ...]:
    """Return the numbers that were acknowledged and are not among the rows."""
    return tuple(sorted({write.number for write in writes if write.ok} - rows))


def parse_line(line: str) -> Write | None:
    """Return the row that a line of the log tells of; None for a line that was cut off."""
    try:
        return Write(**json.loads(line))
    except (ValueError, TypeError):
        return None


@dataclass(slots=True)
class _Writer:
    """Writes rows one after the other over one connection for as long as that answers."""

    to: str
    numbers: Iterator[int]
    ticks: "asyncio.Queue[None]"
    out: TextIO
    connection: Any = None

    async def write_for_ever(self) -> None:
        while True:
            await self.ticks.get()
            number, at, begun = next(self.numbers), time.time(), time.monotonic()
            ok = await self._write(number)
            write = Write(number, at, self.to, ok, time.monotonic() - begun)
            self.out.write(json.dumps(asdict(write)) + "\n")
            self.out.flush()

    async def _write(self, number: int) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                if self.connection is None:
                    host, _, port = self.to.rpartition(":")
                    self.connection = await asyncpg.connect(host=host, port=int(port), ssl=False)
                await self.connection.execute(_WRITE, number)
        except NO_ANSWER:
            # Whatever became of it, nobody was told: no acknowledgement.
            if self.connection is not None:
                self.connection.terminate()
                self.connection = None
            return False
        return True


async def generate(to: str, rate: float, out: TextIO, first: int) -> None:
    """Write `rate` rows a second until cancelled, fewer while all writers wait.

    Args:
        to: HOST:PORT. User, password and database are the environment's PGUSER and so on.
        rate: Rows a second.
        out: Gets one JSON line per row, in the order in which they ended.
        first: The first number.
    """
    loop = asyncio.get_running_loop()
    ticks: asyncio.Queue[None] = asyncio.Queue(WRITERS)
    numbers = itertools.count(first)
    async with asyncio.TaskGroup() as group:
        for n in range(WRITERS):
            writer = _Writer(to, numbers, ticks, out)
            group.create_task(writer.write_for_ever(), name=f"writes.{n}")
        due = loop.time()
        while True:
            if not ticks.full():
                ticks.put_nowait(None)
            due = max(due + 1 / rate, loop.time())
            await asyncio.sleep(due - loop.time())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.writes --out writes.jsonl 10.77.0.100:5432`."""
    parser = argparse.ArgumentParser(prog="lab.writes", description=main.__doc__)
    parser.add_argument("--rate", type=float, default=40.0, help="rows a second")
    parser.add_argument("--out", type=Path, required=True, help="file for the JSON lines")
    parser.add_argument("to", metavar="HOST:PORT")
    given = parser.parse_args(arguments)
    with given.out.open("a", encoding="utf-8") as out:
        # Numbers of a later run are higher, so that each run's rows are its own.
        asyncio.run(generate(given.to, given.rate, out, int(time.time() * 1000)))


if __name__ == "__main__":
    main()
