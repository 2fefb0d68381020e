"""The eyes of a drill: a process in the nodes' network that asks over HTTP and writes what changed.

The drill itself runs outside that network. Rule: a source that does not answer is written down as
null and costs the others nothing; a line is written only when an answer differs from the last.
"""

import argparse
import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import aiohttp

SERVICES = "hale_service_up"
NODES = 'up{job="node"}'
PAST = 300.0
"""Seconds after which an incident that was closed is no part of what is watched any more."""

_BODY = 64 * 1024
_SERVER = re.compile(
    r'^haproxy_server_status\{proxy="([^"]*)",server="([^"]*)",state="([A-Z]+)"\} 1$', re.MULTILINE
)
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError)


@dataclass(slots=True)
class Notebook:
    """Writes what changed, one JSON line each: at, source, name, value."""

    out: TextIO
    clock: Callable[[], float] = time.time
    last: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, source: str, name: str, value: object) -> None:
        """Write `value` unless it is what was written last for this source and name."""
        text = json.dumps(value, sort_keys=True)
        if self.last.get((source, name)) == text:
            return
        self.last[source, name] = text
        line = {"at": self.clock(), "source": source, "name": name, "value": value}
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()


@dataclass(frozen=True, slots=True)
class Watcher:
    """Asks Prometheus, the healer, HAProxy's exporters and some URLs again and again.

    Attributes:
        healers: All of them; the one that leads answers, and a standby says 503.
        closed: Incidents that were closed when they were last asked for, by id.
    """

    session: aiohttp.ClientSession
    notebook: Notebook
    prometheus: str
    healers: Sequence[str]
    closed: dict[str, Any] = field(default_factory=dict)

    async def alerts(self) -> None:
        """Note every alert that is pending or firing."""
        found = (await self._json(f"{self.prometheus}/api/v1/alerts"))["data"]["alerts"]
        alerts = [{"labels": alert["labels"], "state": alert["state"]} for alert in found]
        self.notebook.note("alerts", "", sorted(alerts, key=lambda a: sorted(a["labels"].items())))

    async def query(self, expr: str) -> None:
        """Note the samples of an expression, without their times."""
        url = f"{self.prometheus}/api/v1/query?query={quote(expr, safe='')}"
        found = (await self._json(url))["data"]["result"]
        samples = [{"labels": one["metric"], "value": one["value"][1]} for one in found]
        self.notebook.note("query", expr, samples)

    async def incidents(self) -> None:
        """Note every incident with its history, but for those that were over long ago."""
        listed = await self._of_leader("/api/v1/incidents")
        items = listed["incidents"] if isinstance(listed, dict) else listed
        since = self.notebook.clock() - PAST
        details = [await self._incident(one) for one in items if not _is_past(one, since)]
        self.notebook.note("incidents", "", details)

    async def _incident(self, row: Mapping[str, Any]) -> Any:
        """Return all of an incident; one that is closed is asked for once."""
        known = self.closed.get(row["id"])
        if known is not None and known.get("changed_at") == row.get("changed_at"):
            return known
        found = await self._of_leader(f"/api/v1/incidents/{row['id']}")
        if _is_closed(found):
            self.closed[row["id"]] = found
        return found

    async def servers(self, balancer: str, url: str) -> None:
        """Note what HAProxy's own exporter says of each server."""
        async with self.session.get(url) as response:
            response.raise_for_status()
            found = _SERVER.findall(await response.text())
        states = {f"{pool}/{server}": state for pool, server, state in found}
        self.notebook.note("servers", balancer, states)

    async def freezes(self) -> None:
        """Note the reasons for which the healer would do nothing anywhere; none: it could act."""
        status = await self._of_leader("/api/v1/status")
        self.notebook.note("freezes", "", sorted(one["reason"] for one in status["freezes"]))

    async def url(self, url: str) -> None:
        """Note what a URL answers, the first 64 KiB of it."""
        async with self.session.get(url) as response:
            body = await response.content.read(_BODY)
            value = {"status": response.status, "body": body.decode("utf-8", "replace")}
            self.notebook.note("url", url, value)

    async def _of_leader(self, path: str) -> Any:
        """Ask all healers at once and return the first answer: one that hangs costs the others nothing."""
        asked = [asyncio.ensure_future(self._json(f"{one}{path}")) for one in self.healers]
        try:
            for answer in asyncio.as_completed(asked):
                with contextlib.suppress(*_NO_ANSWER):
                    return await answer
        finally:
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        raise TimeoutError("no healer leads")

    async def _json(self, url: str) -> Any:
        async with self.session.get(url) as response:
            response.raise_for_status()
            return await response.json(content_type=None)


def _is_closed(incident: Mapping[str, Any]) -> bool:
    return str(incident.get("state", "")).lower() == "closed"


def _is_past(row: Mapping[str, Any], since: float) -> bool:
    changed = row.get("changed_at")
    if not _is_closed(row) or not isinstance(changed, str):
        return False
    return datetime.fromisoformat(changed).timestamp() < since


async def watch(
    watcher: Watcher,
    queries: Sequence[str],
    urls: Sequence[str],
    balancers: Mapping[str, str] | None = None,
) -> None:
    """Ask every source every quarter of a second until cancelled, each at its own pace.

    Args:
        watcher: Asks.
        queries: PromQL.
        urls: To be gotten.
        balancers: Where each balancer's HAProxy exports its servers.
    """
    async with asyncio.TaskGroup() as group:
        for source, name, ask in _sources(watcher, queries, urls, balancers or {}):
            group.create_task(_forever(watcher.notebook, source, name, ask), name=f"watch.{source}")


def _sources(
    watcher: Watcher, queries: Sequence[str], urls: Sequence[str], balancers: Mapping[str, str]
) -> list[tuple[str, str, Callable[[], Awaitable[None]]]]:
    def query(expr: str) -> Callable[[], Awaitable[None]]:
        return lambda: watcher.query(expr)

    def get(url: str) -> Callable[[], Awaitable[None]]:
        return lambda: watcher.url(url)

    def servers(balancer: str, url: str) -> Callable[[], Awaitable[None]]:
        return lambda: watcher.servers(balancer, url)

    return [
        ("alerts", "", watcher.alerts),
        ("incidents", "", watcher.incidents),
        ("freezes", "", watcher.freezes),
        *(("query", expr, query(expr)) for expr in dict.fromkeys([SERVICES, NODES, *queries])),
        *(("url", url, get(url)) for url in dict.fromkeys(urls)),
        *(("servers", name, servers(name, url)) for name, url in balancers.items()),
    ]


async def _forever(
    notebook: Notebook, source: str, name: str, ask: Callable[[], Awaitable[None]]
) -> None:
    while True:
        try:
            await ask()
        except _NO_ANSWER:
            notebook.note(source, name, None)  # down, cut off or talking nonsense: unknown
        await asyncio.sleep(0.25)


async def _main(given: argparse.Namespace) -> None:
    limits = aiohttp.ClientTimeout(total=2.0)
    with given.out.open("a", encoding="utf-8") as out:
        async with aiohttp.ClientSession(timeout=limits) as session:
            watcher = Watcher(session, Notebook(out), given.prometheus, given.healer)
            balancers = dict(one.split("=", 1) for one in given.balancer)
            await watch(watcher, given.query, given.url, balancers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.eyes --out watch.jsonl ...`."""
    parser = argparse.ArgumentParser(prog="lab.eyes", description=main.__doc__)
    parser.add_argument("--prometheus", required=True, help="base URL")
    parser.add_argument("--healer", required=True, action="append", help="base URL of one of them")
    parser.add_argument("--query", action="append", default=[], help="a PromQL expression")
    parser.add_argument("--url", action="append", default=[], help="a URL to get")
    parser.add_argument("--balancer", action="append", default=[], metavar="NODE=URL",
                        help="where a balancer's HAProxy exports its servers")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="file for the JSON lines")
    asyncio.run(_main(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
