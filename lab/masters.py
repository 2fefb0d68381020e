"""Asks every Redis of a Sentinel's, ten times a second, to take a write, as a client would.

It runs as `lab.roles` does and writes the same lines. Rule: a Redis counts as primary from the first write that it took
to the last one, so that two of them are proved; Sentinel is not asked, and what a Redis says of itself counts only for
who follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import time

from lab.redis import Refusal, Reply, Wire
from lab.roles import NOTHING, PRIMARY, REPLICA, Role, run

OWNER = "Sentinel"
KEY = "hale_lab:asked"


@dataclass(slots=True)
class Redis:
    """One Redis.

    Attributes:
        taken: When it took the last write, epoch seconds; 0 where the last one was refused.
    """

    node: str
    host: str
    port: int
    owner: str = OWNER
    wire: Wire | None = None
    taken: float = 0.0

    async def ask(self) -> Role:
        """Return what it answers to a write, and whether it follows where it takes none."""
        if self.wire is None:
            self.wire = await Wire.to(self.host, self.port)
        said = await self.wire.say("SET", KEY, self.node)
        at = time()
        role = _answer(at, self.node, said, await self.wire.say("INFO", "replication"))
        # The master moves within less than it takes to ask again: the new one may answer before the old one is asked.
        before, self.taken = self.taken, at if role.word == PRIMARY else 0.0
        return replace(role, at=before) if before and role.word != PRIMARY else role

    def hang_up(self) -> None:
        """Give up the connection."""
        if self.wire is not None:
            self.wire.hang_up()
            self.wire = None
        self.taken = 0.0


def _answer(at: float, node: str, said: Reply, info: Reply) -> Role:
    """Read a reply to a write, and INFO's section `replication`."""
    match said:
        case "OK":
            return Role(at, node, PRIMARY, owner=OWNER)
        case Refusal(word="READONLY"):
            streaming = isinstance(info, str) and "\nmaster_link_status:up" in info
            return Role(at, node, REPLICA, streaming, owner=OWNER)
    why = said.text if isinstance(said, Refusal) else repr(said)
    return Role(at, node, NOTHING, why=f"it takes no writes: {why:.200}", owner=OWNER)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.masters --out roles.jsonl r1=10.77.0.41:6379`."""
    run(Redis, main.__doc__, arguments)


if __name__ == "__main__":
    main()
