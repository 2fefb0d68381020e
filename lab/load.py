"""A steady stream of requests from the lab host, and what became of them.

It runs as a process of its own in the nodes' network and writes one JSON line per request, so that
nothing the drill does can slow it down. Rule: every request is a connection of its own.
"""

import argparse
import asyncio
import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import aiohttp

PATIENCE = 1.0
"""Seconds after which a request counts as lost."""

STEADY = 5
"""So many requests in a row must be answered before a service counts as serving again."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        at: When it was sent, epoch seconds.
        ok: Whether an answer below 400 came in time.
        status: The HTTP status; 0 when no answer came.
        seconds: From sending to the end of the answer, or to giving up.
    """

    at: float
    url: str
    ok: bool
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A time during which a URL was not reliably served.

    Attributes:
        url: Which.
        lost: When its first request that failed was sent, epoch seconds.
        back: When the first of a steady row of answered requests was sent; None: not yet.
        requests: How many failed in between.
    """

    url: str
    lost: float
    back: float | None
    requests: int


def outages(requests: Iterable[Request], steady: int = STEADY) -> list[Outage]:
    """Return every outage of every URL, oldest first.

    Args:
        requests: In any order; requests that overlap end in another order than they began.
        steady: How many answered requests in a row end an outage.
    """
    by_url: dict[str, list[Request]] = {}
    for request in sorted(requests, key=lambda one: one.at):
        by_url.setdefault(request.url, []).append(request)
    found = [outage for one in by_url.values() for outage in _outages(one, steady)]
    return sorted(found, key=lambda outage: outage.lost)


def _outages(requests: Sequence[Request], steady: int) -> Iterable[Outage]:
    failed: list[Request] = []
    answered: list[Request] = []
    for request in requests:
        if not request.ok:
            failed.append(request)
            answered.clear()
        elif failed:
            answered.append(request)
            if len(answered) == steady:
                yield Outage(request.url, failed[0].at, answered[0].at, len(failed))
                failed, answered = [], []
    if failed:
        yield Outage(failed[0].url, failed[0].at, None, len(failed))


def lost_by_second(requests: Iterable[Request], start: float, end: float) -> list[tuple[int, int]]:
    """Return (answered, lost) for each second from `start` to `end`."""
    windows = [(0, 0)] * max(0, int(end - start) + 1)
    for request in requests:
        index = int(request.at - start) if request.at >= start else -1
        if 0 <= index < len(windows):
            answered, lost = windows[index]
            windows[index] = (answered + request.ok, lost + (not request.ok))
    return windows


def parse_line(line: str) -> Request | None:
    """Return the request that a line of the log tells of; None for a line that was cut off."""
    try:
        value = json.loads(line)
        return Request(
            at=float(value["at"]),
            url=str(value["url"]),
            ok=bool(value["ok"]),
            status=int(value["status"]),
            seconds=float(value["seconds"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def tide(rate: float, period: float, after: float) -> float:
    """Return the requests a second at a moment of a load that rises and falls.

    Args:
        rate: At its height; at its lowest, when it begins and after each period, a tenth of that.
        period: Seconds from one low to the next; 0 means that the load is `rate` all the time.
        after: Seconds since it began.
    """
    if not period:
        return rate
    return rate * (0.55 - 0.45 * math.cos(2 * math.pi * after / period))


async def generate(
    urls: Sequence[str],
    rate: float,
    out: TextIO,
    patience: float = PATIENCE,
    period: float = 0.0,
) -> None:
    """Request each URL `rate` times a second until cancelled.

    Args:
        urls: What to get.
        rate: Requests a second and URL. A slow answer does not delay the next request.
        out: Gets one JSON line per request, in the order in which they ended.
        patience: Seconds after which a request counts as lost.
        period: Seconds in which the load rises to `rate` and falls again; see `tide`.
    """
    loop = asyncio.get_running_loop()
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    limits = aiohttp.ClientTimeout(total=patience)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=limits) as session,
        asyncio.TaskGroup() as group,
    ):
        began = due = loop.time()
        while True:
            for url in urls:
                group.create_task(_request(session, url, out), name="load.request")
            due += 1 / tide(rate, period, due - began)
            await asyncio.sleep(due - loop.time())


async def _request(session: aiohttp.ClientSession, url: str, out: TextIO) -> None:
    at, begun, status = time.time(), time.monotonic(), 0
    try:
        async with session.get(url) as response:
            await response.read()
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass  # no answer is what is being counted
    request = Request(at, url, 0 < status < 400, status, time.monotonic() - begun)
    out.write(json.dumps(asdict(request)) + "\n")
    out.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.load --out load.jsonl http://web1/`."""
    parser = argparse.ArgumentParser(prog="lab.load", description=main.__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second and URL")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help="seconds until one is lost"
    )
    parser.add_argument(
        "--period", type=float, default=0.0, help="seconds in which it rises and falls; 0: steady"
    )
    parser.add_argument("--out", type=Path, required=True, help="file for the JSON lines")
    parser.add_argument("urls", nargs="+", metavar="URL")
    given = parser.parse_args(arguments)
    with given.out.open("a", encoding="utf-8") as out:
        asyncio.run(generate(given.urls, given.rate, out, given.patience, given.period))


if __name__ == "__main__":
    main()
