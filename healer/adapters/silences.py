"""Silences at every Alertmanager peer, over API version 2, each known by a name in its comment and by its node.

A peer that gossips may get one twice; all of a name and a node end together.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog

from healer.adapters.http_json import call
from healer.errors import Unreachable

log = structlog.get_logger()

ABOUT = 5.0
"""Seconds by which two ends may differ and be the same one: peers tell each other, and their clocks differ."""

OURS = "hale-healer"
"""As who we set silences."""


class HttpSilences:
    """ports.Silences over HTTP."""

    def __init__(
        self,
        urls: Sequence[str],
        cluster: str,
        session: aiohttp.ClientSession,
        timeout: float = 5.0,
    ) -> None:
        """Speak to every peer; `urls` are their bases, without a slash at the end."""
        self._urls = tuple(urls)
        self._cluster = cluster
        self._session = session
        self._timeout = timeout

    async def silence(self, name: str, node: str, reason: str, seconds: float) -> None:
        """See ports.Silences.silence."""
        taken, troubles = 0, []
        for url in self._urls:
            try:
                await self._renew(url, name, node, reason, seconds)
                taken += 1
            except Unreachable as error:
                troubles.append(str(error))
        if not taken:
            raise Unreachable(f"no Alertmanager took the silence of {node}: {'; '.join(troubles)}")
        if troubles:
            log.warning("silence.incomplete", name=name, silent=troubles)

    async def expire(self, name: str, node: str) -> None:
        """See ports.Silences.expire."""
        troubles = []
        for url in self._urls:
            try:
                for one in await self._ends(url, name, node):
                    await self._end(url, one)
            except Unreachable as error:
                troubles.append(str(error))
        if troubles:
            raise Unreachable("; ".join(troubles))

    async def _renew(self, url: str, name: str, node: str, reason: str, seconds: float) -> None:
        """See that there is one that ends then, and that none of the name and node ends at another time."""
        # By its own clock: a silence that ends in its past is refused.
        now = (await call(self._session, f"{url}/-/healthy", seconds=self._timeout)).at
        if now is None:
            raise Unreachable(f"{url}: it does not say what time it is")
        standing = await self._ends(url, name, node)
        other = {one for one, end in standing.items() if abs(end - now - seconds) > ABOUT}
        if other == standing.keys():
            await self._add(url, name, node, reason, now, seconds)
        for one in sorted(other):
            await self._end(url, one)

    async def _end(self, url: str, one: str) -> None:
        where = f"{url}/api/v2/silence/{one}"
        await call(self._session, where, seconds=self._timeout, method="DELETE")

    async def _ends(self, url: str, name: str, node: str) -> dict[str, float]:
        """Return the silences of this name and node that are not over: their ids, and when each ends, epoch seconds."""
        about = {"cluster": self._cluster, "node": node}
        answer = await call(self._session, f"{url}/api/v2/silences", seconds=self._timeout)
        try:
            found = json.loads(answer.body)
            if not isinstance(found, list):
                raise TypeError("no list")
            return {
                one["id"]: datetime.fromisoformat(one["endsAt"]).timestamp()
                for one in found
                if one["createdBy"] == OURS
                and one["comment"].startswith(f"{name}: ")
                and {each["name"]: each["value"] for each in one["matchers"]} == about
                and one["status"]["state"] != "expired"
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreachable(f"{url}: no silences of API version 2: {error!r}") from error

    async def _add(
        self, url: str, name: str, node: str, reason: str, now: float, seconds: float
    ) -> None:
        body = {
            "matchers": [_equal("cluster", self._cluster), _equal("node", node)],
            "startsAt": _time(now),
            "endsAt": _time(now + seconds),
            "createdBy": OURS,
            "comment": f"{name}: {reason}",
        }
        where = f"{url}/api/v2/silences"
        text = json.dumps(body).encode()
        await call(self._session, where, seconds=self._timeout, json_body=text)


def _equal(label: str, value: str) -> dict[str, Any]:
    return {"name": label, "value": value, "isRegex": False, "isEqual": True}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
