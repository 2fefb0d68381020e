"""Asks every member of a database, ten times a second, whether it would take writes.

It runs as a process of its own in the nodes' network and writes one JSON line per answer, so that nothing the drill
does can slow it down. Rule: a member counts as primary only if it has just given away a new transaction number, which
no standby can; Patroni and etcd are not asked. `lab.masters` asks every Redis in the same way.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TextIO

import asyncpg

EVERY = 0.1
"""Seconds from one question to the next."""

SILENT = 0.25
"""Seconds without an answer after which a member is taken to answer nothing."""

PATIENCE = 1.5
"""Seconds after which a question is given up, and asked again over a new connection."""

PRIMARY, REPLICA, NOTHING = "primary", "replica", "nothing"

# A connection that breaks in the middle of a question may leave asyncpg itself at a loss, which it says by the third.
NO_ANSWER = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(TimeoutError, OSError),
)

# A standby fails at txid_current() and at the write-ahead log's own place, so both are asked of a primary alone.
_QUESTION = """
SELECT pg_is_in_recovery() AS standby,
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE txid_current() END AS given,
       current_setting('transaction_read_only') = 'on' AS read_only,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streaming,
       CASE WHEN pg_is_in_recovery()
            THEN (SELECT received_tli FROM pg_stat_wal_receiver)
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
       END AS timeline
"""


@dataclass(frozen=True, slots=True)
class Role:
    """What a member answered.

    Attributes:
        at: When it was answered, or when it was clear that nothing was, epoch seconds.
        word: PRIMARY, REPLICA or NOTHING.
        streaming: Whether a replica receives what the primary writes.
        timeline: PostgreSQL's, as far as the member says; Redis has none.
        why: Why it is NOTHING.
        owner: Whose it is to say who leads.
    """

    at: float
    node: str
    word: str
    streaming: bool = False
    timeline: int | None = None
    why: str = ""
    owner: str = "Patroni"

    @property
    def same(self) -> tuple[str, str, bool, int | None]:
        """What two answers share between which nothing changed."""
        return (self.node, self.word, self.streaming, self.timeline)


@dataclass(frozen=True, slots=True)
class Twice:
    """A time during which two members or more would have taken writes."""

    start: float
    end: float
    nodes: tuple[str, ...]


def twice(history: Iterable[Role], until: float) -> list[Twice]:
    """Return each time during which more than one member answered as primary, oldest first.

    Args:
        history: Changes of every member, in any order; each counts until the member's next.
        until: When the last ones end, epoch seconds.
    """
    ordered = sorted(history, key=lambda one: one.at)
    now: dict[str, str] = {}
    found: list[Twice] = []
    for role, end in [
        *((a, b.at) for a, b in pairwise(ordered)),
        *((one, until) for one in ordered[-1:]),
    ]:
        now[role.node] = role.word
        leading = tuple(sorted(node for node, word in now.items() if word == PRIMARY))
        if len(leading) < 2:
            continue
        if found and found[-1].end == role.at and found[-1].nodes == leading:
            found[-1] = Twice(found[-1].start, end, leading)
        else:
            found.append(Twice(role.at, end, leading))
    return found


def parse_line(line: str) -> Role | None:
    """Return the answer that a line of the log tells of; None for a line that was cut off."""
    try:
        return Role(**json.loads(line))
    except (ValueError, TypeError):
        return None


class Member(Protocol):
    """One member, asked over one connection for as long as that answers."""

    @property
    def node(self) -> str:
        """Its node."""

    @property
    def owner(self) -> str:
        """Whose it is to say who leads."""

    async def ask(self) -> Role:
        """Return what it answers, or raise one of NO_ANSWER."""

    def hang_up(self) -> None:
        """Give up the connection; the next question is asked over a new one."""


@dataclass(slots=True)
class _Postgres:
    """One PostgreSQL."""

    node: str
    host: str
    port: int
    owner: str = "Patroni"
    connection: Any = None

    async def ask(self) -> Role:
        if self.connection is None:
            self.connection = await asyncpg.connect(host=self.host, port=self.port, ssl=False)
        return _answer(self.node, await self.connection.fetchrow(_QUESTION))

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection = None


def _answer(node: str, row: Mapping[str, Any]) -> Role:
    timeline = row["timeline"]
    if row["standby"]:
        return Role(time.time(), node, REPLICA, bool(row["streaming"]), timeline)
    if row["given"] is None or row["read_only"]:
        return Role(time.time(), node, NOTHING, timeline=timeline, why="it takes no writes")
    return Role(time.time(), node, PRIMARY, timeline=timeline)


async def watch(members: Iterable[Member], out: TextIO) -> None:
    """Ask every member until cancelled.

    Args:
        members: Who is asked. User, password and database of PostgreSQL are the environment's PGUSER and so on.
        out: Gets one JSON line per answer.
    """
    async with asyncio.TaskGroup() as group:
        for member in members:
            group.create_task(_ask_for_ever(member, out), name=f"roles.{member.node}")


async def _ask_for_ever(member: Member, out: TextIO) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY
        asked = asyncio.create_task(_in_time(member), name=f"roles.{member.node}.ask")
        if not (await asyncio.wait({asked}, timeout=SILENT))[0]:
            _note(_nothing(member, "no answer"), out)
        _note(await asked, out)
        await asyncio.sleep(due - loop.time())


async def _in_time(member: Member) -> Role:
    try:
        async with asyncio.timeout(PATIENCE):
            return await member.ask()
    except NO_ANSWER as error:
        member.hang_up()
        return _nothing(member, f"{type(error).__name__}: {error}")


def _nothing(member: Member, why: str) -> Role:
    return Role(time.time(), member.node, NOTHING, why=why, owner=member.owner)


def _note(role: Role, out: TextIO) -> None:
    out.write(json.dumps(asdict(role)) + "\n")
    out.flush()


def places(arguments: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return host and port by node, of words such as `db1=10.77.0.31:5432`."""
    found = {}
    for word in arguments:
        node, _, where = word.partition("=")
        host, _, port = where.rpartition(":")
        found[node] = (host, int(port))
    return found


def run(
    kind: Callable[[str, str, int], Member], about: str | None, arguments: Sequence[str] | None
) -> None:
    """Read a command line and ask its members until a signal ends it.

    Args:
        kind: Makes a member of its node, host and port.
        about: What `--help` says.
        arguments: The words; None for the process' own.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--out", type=Path, required=True, help="file for the JSON lines")
    parser.add_argument("members", nargs="+", metavar="NODE=HOST:PORT")
    given = parser.parse_args(arguments)
    members = [kind(node, *where) for node, where in places(given.members).items()]
    with given.out.open("a", encoding="utf-8") as out:
        asyncio.run(watch(members, out))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.roles --out roles.jsonl db1=10.77.0.31:5432`."""
    run(_Postgres, main.__doc__, arguments)


if __name__ == "__main__":
    main()
