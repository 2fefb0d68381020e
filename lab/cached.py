"""A steady stream of numbers into the Redis that Sentinel names, and which of them were acknowledged.

It runs as `lab.writes` does and writes the same lines. Rule: it finds the master as Redis' own clients do: it asks one
Sentinel after the other, and anew when a write was not acknowledged.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lab.redis import Refusal, Wire
from lab.writes import arguments_of, run

KEY = "hale_lab:ledger"
ASK = 0.25
"""Seconds that one Sentinel has; the node of the first one may be without power."""


def url_of(master: str) -> str:
    """Return what a master of Sentinel's is called among the URLs of a load."""
    return f"redis://{master}"


@dataclass(slots=True)
class Redis:
    """One client.

    Attributes:
        master: Sentinel's name of the master.
        sentinels: Host and port of each.
    """

    master: str
    sentinels: Sequence[tuple[str, int]]
    wire: Wire | None = None

    async def write(self, number: int) -> None:
        """Return once the number is acknowledged.

        Raises:
            OSError: It was not, or no Sentinel names a master that can be reached.
        """
        if self.wire is None:
            self.wire = await Wire.to(*await self._where())
        said = await self.wire.say("ZADD", KEY, str(number), str(number))
        if said != 1:
            raise OSError(said.text if isinstance(said, Refusal) else f"want 1, got {said!r:.100}")

    async def _where(self) -> tuple[str, int]:
        for host, port in self.sentinels:
            try:
                async with asyncio.timeout(ASK):
                    return await self._told_by(host, port)
            except OSError:  # a TimeoutError is one, too
                continue
        raise OSError(f"no Sentinel names {self.master}")

    async def _told_by(self, host: str, port: int) -> tuple[str, int]:
        sentinel = await Wire.to(host, port)
        try:
            found = await sentinel.say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master)
        finally:
            sentinel.hang_up()
        if isinstance(found, list) and len(found) == 2:
            return str(found[0]), int(str(found[1]))
        raise OSError(f"{host}:{port} says {found!r:.100}")

    def hang_up(self) -> None:
        """Give up the connection, and ask Sentinel anew for the next number."""
        if self.wire is not None:
            self.wire.hang_up()
            self.wire = None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.cached --out writes.jsonl cache 10.77.0.41:26379`."""
    parser = arguments_of(main.__doc__, "MASTER")
    parser.add_argument("sentinels", nargs="+", metavar="HOST:PORT")
    given = parser.parse_args(arguments)
    found = [word.rpartition(":") for word in given.sentinels]
    sentinels = [(host, int(port)) for host, _, port in found]
    run(url_of(given.to), lambda: Redis(given.to, sentinels), given.rate, given.out)


if __name__ == "__main__":
    main()
