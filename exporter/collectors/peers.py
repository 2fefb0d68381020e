"""Second witness: whether the kernels of the peers that were chosen for this node answer on a port, their exporter's.

An accepted and a refused connection both prove that the peer's kernel lives. Only silence is 0; what
fails for a reason of our own (no route, no file descriptors, no answer from the resolver) says nothing and
is left out.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from exporter.blocking import StillRunning
from exporter.collector import Absent
from exporter.config import Peer
from exporter.exposition import Family, Kind, block, line
from exporter.names import Names, connect

FAMILY = Family(
    "hale_peer_up", Kind.GAUGE, "Whether the peer accepts or refuses a connection to its exporter."
)
# Seconds for one connection: a lost SYN is sent again after one second (RFC 6298).
TIMEOUT = 2.0
# What the network says when nobody is there: no answer to ARP, or a router's word.
SILENCE = {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT}


async def ask(peer: Peer, names: Names, within: float = TIMEOUT) -> bool | None:
    """Tell whether the peer's kernel answers; None when that could not be found out."""
    asked = False
    try:
        async with asyncio.timeout(within):
            found = await names.find(peer.host, peer.port, peer)
            asked = True
            connection = await connect(found)
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    except TimeoutError:
        return False if asked else None
    except OSError as error:
        return False if error.errno in SILENCE else None
    except StillRunning:
        return None
    connection.close()
    return True


class Peers:
    """Connects to every peer once a round.

    Attributes:
        interval: Seconds between two rounds.
        deadline: Seconds for one round.
    """

    name = "peers"
    deadline = TIMEOUT + 1.0

    def __init__(
        self,
        peers: Sequence[Peer],
        interval: float,
        ask_one: Callable[[Peer], Awaitable[bool | None]] | None = None,
    ) -> None:
        """Ask nobody yet.

        Args:
            peers: Whom to ask.
            interval: Seconds between two rounds.
            ask_one: Asks one, which answers None when that could not be found out; None for the real way.
        """
        self.interval = interval
        self._ask = ask_one or partial(ask, names=Names())
        self._peers = tuple(peers)

    def declare(self, peers: Sequence[Peer], interval: float) -> None:
        """Take over a new list from the next round on."""
        self._peers, self.interval = tuple(peers), interval

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Ask all at the same time.

        Raises:
            Absent: No peers are declared for this node.
        """
        peers = self._peers
        if not peers:
            raise Absent("no peers are declared")
        answers = await asyncio.gather(*(self._ask(peer) for peer in peers))
        lines = [
            line(FAMILY.series(peer=peer.node), answer)
            for peer, answer in zip(peers, answers, strict=True)
            if answer is not None
        ]
        publish(block(FAMILY, lines))
