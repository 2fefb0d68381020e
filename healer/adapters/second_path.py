"""Calls a person without Alertmanager: by a command or by a POST, as cluster.yml's `healer.escalate` says.

What is handed over is one JSON object: `{"cluster", "subject", "text"}`.
"""

import asyncio
import json
from dataclasses import dataclass

import aiohttp

from healer.adapters.http_json import call
from healer.adapters.program import running
from healer.errors import Unreachable

MOST_TEXT = 16 * 1024
"""Characters of text that are handed over; a person reads less."""


TAKEN = range(200, 300)
"""Statuses; many pagers answer 202 and call later."""


@dataclass(frozen=True, slots=True)
class ByUrl:
    """POST the object; any status of 200 to 299 means that it was taken."""

    url: str


@dataclass(frozen=True, slots=True)
class ByCommand:
    """Run an argv with the object on its standard input; exit status 0 means that it was taken."""

    argv: tuple[str, ...]


class PersonPath:
    """ports.SecondPath."""

    def __init__(
        self,
        way: ByUrl | ByCommand,
        cluster: str,
        session: aiohttp.ClientSession,
        timeout: float = 30.0,
    ) -> None:
        """Call this way; `timeout` is for one call, in seconds."""
        self._way = way
        self._cluster = cluster
        self._session = session
        self._timeout = timeout

    async def call(self, subject: str, text: str) -> None:
        """See ports.SecondPath.call."""
        message = {"cluster": self._cluster, "subject": subject[:200], "text": text[:MOST_TEXT]}
        body = json.dumps(message).encode()
        match self._way:
            case ByUrl(url):
                seconds = self._timeout
                await call(self._session, url, seconds=seconds, json_body=body, wanted=TAKEN)
            case ByCommand(argv):
                await self._run(argv, body)

    async def _run(self, argv: tuple[str, ...], body: bytes) -> None:
        called = f"escalate.command {argv[0]}"
        # Standard error stays ours, so that what it complains of is in the healer's log.
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        async with running(argv, self._timeout, called, stdin=pipe, stdout=null) as process:
            await process.communicate(body)
        if process.returncode != 0:
            raise Unreachable(f"{called}: exit status {process.returncode}, wanted 0")
