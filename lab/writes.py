"""A steady stream of numbered rows into a database, and which of them were acknowledged.

It runs as a process of its own in the nodes' network and writes one JSON line per row. Rule: a number is written once
at the most, whatever became of it, and counts as acknowledged only if the database said so in time.
`lab.cached` writes into a Redis in the same way.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import asyncpg

from lab.load import PATIENCE, Request
from lab.roles import NO_ANSWER

SCHEMA, TABLE = "hale_lab", "hale_lab.ledger"
_WRITE = "INSERT INTO hale_lab.ledger VALUES ($1)"
WRITERS = 4
"""Connections of one run."""


@dataclass(frozen=True, slots=True)
class Write:
    """One row.

    Attributes:
        number: Its key; numbers grow.
        at: When it was sent, epoch seconds.
        to: HOST:PORT, or the URL of what is found by its name.
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
    return to if "://" in to else f"postgresql://{to}"


def lost(writes: Sequence[Write], rows: frozenset[int]) -> tuple[int, ...]:
    """Return the numbers that were acknowledged and are not among the rows."""
    return tuple(sorted({write.number for write in writes if write.ok} - rows))


def parse_line(line: str) -> Write | None:
    """Return the row that a line of the log tells of; None for a line that was cut off."""
    try:
        return Write(**json.loads(line))
    except (ValueError, TypeError):
        return None


class Way(Protocol):
    """One connection that writes rows, for as long as it answers."""

    async def write(self, number: int) -> None:
        """Return once the row is acknowledged, or raise one of NO_ANSWER."""

    def hang_up(self) -> None:
        """Give up the connection; the next row takes a new one."""


@dataclass(slots=True)
class _Postgres:
    """One connection to a PostgreSQL that takes writes."""

    to: str
    connection: Any = None

    async def write(self, number: int) -> None:
        if self.connection is None:
            host, _, port = self.to.rpartition(":")
            self.connection = await asyncpg.connect(host=host, port=int(port), ssl=False)
        await self.connection.execute(_WRITE, number)

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection = None


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes rows one after the other, each with a number of its own."""

    to: str
    way: Way
    numbers: Iterator[int]
    ticks: "asyncio.Queue[None]"
    out: TextIO

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
                await self.way.write(number)
        except NO_ANSWER:
            # Whatever became of it, nobody was told: no acknowledgement.
            self.way.hang_up()
            return False
        return True


async def generate(to: str, ways: Sequence[Way], rate: float, out: TextIO, first: int) -> None:
    """Write `rate` rows a second until cancelled, fewer while all writers wait.

    Args:
        to: What the lines call the place that is written to.
        ways: Connections that write side by side; one that waits for an answer delays no other.
        rate: Rows a second.
        out: Gets one JSON line per row, in the order in which they ended.
        first: The first number.
    """
    loop = asyncio.get_running_loop()
    ticks: asyncio.Queue[None] = asyncio.Queue(len(ways))
    numbers = itertools.count(first)
    async with asyncio.TaskGroup() as group:
        for n, way in enumerate(ways):
            writer = _Writer(to, way, numbers, ticks, out)
            group.create_task(writer.write_for_ever(), name=f"writes.{n}")
        due = loop.time()
        while True:
            if not ticks.full():
                ticks.put_nowait(None)
            due = max(due + 1 / rate, loop.time())
            await asyncio.sleep(due - loop.time())


def run(to: str, way: Callable[[], Way], rate: float, out: Path) -> None:
    """Write until a signal ends it; numbers of a later run are higher, so that each run's rows are its own."""
    with out.open("a", encoding="utf-8") as lines:
        ways = [way() for _ in range(WRITERS)]
        asyncio.run(generate(to, ways, rate, lines, int(time.time() * 1000)))


def arguments_of(about: str | None, place: str) -> argparse.ArgumentParser:
    """Return what reads a writer's command line, whose last word is `place`."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rate", type=float, default=40.0, help="rows a second")
    parser.add_argument("--out", type=Path, required=True, help="file for the JSON lines")
    parser.add_argument("to", metavar=place)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.writes --out writes.jsonl 10.77.0.100:5432`.

    User, password and database are the environment's PGUSER and so on.
    """
    given = arguments_of(main.__doc__, "HOST:PORT").parse_args(arguments)
    run(given.to, lambda: _Postgres(given.to), given.rate, given.out)


if __name__ == "__main__":
    main()
