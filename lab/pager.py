"""A stand-in for the people's pager and for the dead man's switch, outside the cluster.

It listens on the lab host, so it still hears when a whole node is gone. Each event becomes one
JSON line with wall time. Rule: what cannot be read is written down too; nothing is dropped silently.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from aiohttp import web

from lab.ports import HOST_ADDRESS

PORT = 9599
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """Something that reached the pager.

    Attributes:
        at: Epoch seconds.
        path: `page`, `ticket`, `second-path`, `deadman`, or `deadman-report` when beats stopped coming.
        alert: The alert's name; empty where there is none.
        status: `firing` or `resolved` as Alertmanager says, `test` for the second path's daily
            test, `malformed` for what nobody can read.
        labels: The alert's labels.
        text: A line for people: the alert's summary or the second path's message.
    """

    at: float
    path: str
    alert: str = ""
    status: str = "firing"
    labels: dict[str, str] = field(default_factory=dict)
    text: str = ""

    def line(self) -> str:
        """Return the event as one line of JSON, without its newline."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, sort_keys=True)


def parse_line(line: str) -> Event | None:
    """Return the event of a line of the log; None for a line that was cut off."""
    try:
        value = json.loads(line)
        return Event(
            at=float(value["at"]),
            path=str(value["path"]),
            alert=str(value["alert"]),
            status=str(value["status"]),
            labels=_texts(value["labels"]),
            text=str(value["text"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def parse_webhook(body: bytes, path: str, at: float) -> list[Event]:
    """Return one event per alert of a notification of Alertmanager.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

    Raises:
        ValueError: It is not such a notification.
    """
    payload = json.loads(body)
    alerts = payload.get("alerts") if isinstance(payload, dict) else None
    if not isinstance(alerts, list):
        raise ValueError("no list 'alerts' in the notification")
    events = []
    for alert in alerts:
        if not isinstance(alert, dict):
            raise ValueError("an alert of the notification is not an object")
        labels = _texts(alert.get("labels"))
        notes = _texts(alert.get("annotations"))
        status = str(alert.get("status", "firing"))
        name = labels.get("alertname", "")
        events.append(Event(at, path, name, status, labels, notes.get("summary", "")))
    return events


def parse_second_path(body: bytes, at: float) -> list[Event]:
    """Return what the healer's second path says, in whatever form: a person reads it.

    Labels, an alert's name or a subject are taken over where they are there.
    """
    text = body.decode("utf-8", "replace")
    try:
        payload = json.loads(text)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return [Event(at, "second-path", text=text[:2000])]
    if isinstance(payload.get("alerts"), list):
        return parse_webhook(body, "second-path", at)
    labels = _texts({k: v for k, v in payload.items() if isinstance(v, str)})
    labels |= _texts(payload.get("labels"))
    name = labels.get("alertname") or labels.get("alert") or labels.get("subject") or ""
    # The daily test of the path wakes nobody.
    status = "test" if labels.get("subject") == "test" else "firing"
    return [Event(at, "second-path", name, status, labels, text[:2000])]


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


@dataclass(slots=True)
class DeadMan:
    """Notes the Watchdog's beats and says, once, when they stopped.

    Attributes:
        after: Seconds of silence that are too many.
        last: When the last beat came; None before the first: what never began cannot stop.
    """

    after: float
    last: float | None = None
    reported: bool = False

    def beat(self, now: float) -> None:
        """Note a beat; a silence before it is over."""
        self.last, self.reported = now, False

    def is_due(self, now: float) -> bool:
        """Tell, once for each silence, that it has lasted too long."""
        if self.last is None or self.reported or now - self.last <= self.after:
            return False
        self.reported = True
        return True


@dataclass(slots=True)
class Pager:
    """Takes what is posted to it and writes it down."""

    out: TextIO
    deadman: DeadMan
    clock: Callable[[], float] = time.time
    events: list[Event] = field(default_factory=list)

    def app(self) -> web.Application:
        """Return the HTTP server's routes."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post("/page", self._page)
        app.router.add_post("/ticket", self._ticket)
        app.router.add_post("/second-path", self._second_path)
        app.router.add_post("/deadman", self._beat)
        app.router.add_get("/log", self._log)
        return app

    def check(self) -> None:
        """Report if the beats stopped."""
        now = self.clock()
        last = self.deadman.last
        if self.deadman.is_due(now):
            quiet = f"no Watchdog for {now - (last or now):.0f} s: monitoring is silent"
            self._write([Event(now, "deadman-report", text=quiet)])

    async def watch(self, interval: float = 0.5) -> None:
        """Check every `interval` seconds until cancelled."""
        while True:
            self.check()
            await asyncio.sleep(interval)

    async def _page(self, request: web.Request) -> web.Response:
        return await self._take(request, lambda body, at: parse_webhook(body, "page", at))

    async def _ticket(self, request: web.Request) -> web.Response:
        return await self._take(request, lambda body, at: parse_webhook(body, "ticket", at))

    async def _second_path(self, request: web.Request) -> web.Response:
        return await self._take(request, parse_second_path)

    async def _beat(self, request: web.Request) -> web.Response:
        answer = await self._take(request, lambda body, at: parse_webhook(body, "deadman", at))
        if answer.status == 200:
            self.deadman.beat(self.clock())
        return answer

    async def _take(
        self, request: web.Request, parse: Callable[[bytes, float], list[Event]]
    ) -> web.Response:
        at, body = self.clock(), await request.read()
        try:
            events = parse(body, at)
        except ValueError as exc:
            path = request.path.strip("/")
            self._write([Event(at, path, status="malformed", text=str(exc)[:2000])])
            return web.Response(status=400, text=f"cannot be read: {exc}\n")
        self._write(events)
        return web.Response(text="noted\n")

    async def _log(self, request: web.Request) -> web.Response:
        text = "".join(event.line() + "\n" for event in self.events)
        return web.Response(text=text, content_type="application/x-ndjson")

    def _write(self, events: Sequence[Event]) -> None:
        for event in events:
            self.events.append(event)
            self.out.write(event.line() + "\n")
        self.out.flush()


async def serve(pager: Pager, host: str, port: int) -> None:
    """Serve until cancelled."""
    runner = web.AppRunner(pager.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await pager.watch()
    finally:
        await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it. Example: `python -m lab.pager --out pages.jsonl`."""
    parser = argparse.ArgumentParser(prog="lab.pager", description=main.__doc__)
    parser.add_argument("--host", default=HOST_ADDRESS, help="address to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="port to listen on")
    parser.add_argument("--out", type=Path, required=True, help="file for the JSON lines")
    parser.add_argument(
        "--deadman-after", type=float, default=30.0, help="seconds of silence until a report"
    )
    given = parser.parse_args(arguments)
    with given.out.open("a", encoding="utf-8") as out:
        pager = Pager(out, DeadMan(given.deadman_after))
        asyncio.run(serve(pager, given.host, given.port))


if __name__ == "__main__":
    main()
