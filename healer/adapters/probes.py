"""A service's declared probe, made from the healer's node: from outside the service's own.

Rule: one attempt, no patience. Whether a service holds is judged by asking again, not by asking longer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from healer.core.alert import Target


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """GET a URL and compare the status; redirects are not followed."""

    url: str
    status: int
    timeout: float


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """Connect."""

    host: str
    port: int
    timeout: float


OutsideProbe = HttpProbe | TcpProbe


class NetworkProbes:
    """ports.Probes over HTTP and TCP."""

    def __init__(
        self, probes: Mapping[Target, OutsideProbe], session: aiohttp.ClientSession
    ) -> None:
        """Probe these; a target that is not among them has no probe that works from outside."""
        self._probes = probes
        self._session = session

    async def serves(self, target: Target) -> bool | None:
        """See ports.Probes.serves. Whatever is not the wanted answer in time is a no."""
        probe = self._probes.get(target)
        if probe is None:
            return None
        try:
            async with asyncio.timeout(probe.timeout):
                match probe:
                    case HttpProbe(url, status):
                        return await self._status(url) == status
                    case TcpProbe(host, port):
                        await _connect(host, port)
                        return True
        except (aiohttp.ClientError, OSError, ValueError):
            return False  # TimeoutError is an OSError

    async def _status(self, url: str) -> int:
        # A connection of its own: one that was kept may outlive the listener that is in question.
        async with self._session.get(
            url, allow_redirects=False, headers={"Connection": "close"}
        ) as response:
            return response.status


async def _connect(host: str, port: int) -> None:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # it was accepted, which is all that was asked
