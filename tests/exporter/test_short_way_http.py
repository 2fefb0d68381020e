"""Alertmanagers on real sockets that answer well, wrongly, slowly or not at all."""

import asyncio
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.alerting.alert import Alert, body
from exporter.alerting.alertmanager import HttpAlertmanager, session
from exporter.alerting.ports import NotTaken
from exporter.config import ClientTls
from tests.healer.web.authority import DAY, Authority, Pair

LOCAL = "127.0.0.1"
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"
ALERT = Alert.of({"alertname": "ServiceDown", "service": "nginx"}, {"summary": "It is down."})
SHORT = 0.3  # seconds: the deadline of those that hang here
PATIENCE = 20.0  # seconds that a slow machine has for what is answered

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass
class Heard:
    """What an Alertmanager of a test was sent, and what it answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Date": DATE})
    bodies: list[Any] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(json.loads(await request.read()))
        return web.Response(status=self.status, headers=self.headers, text="x" * 10_000)


@asynccontextmanager
async def answering(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, LOCAL, 0, ssl_context=context)
    await site.start()
    try:
        yield f"http{'s' if context else ''}://{LOCAL}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def saying(what: bytes | None) -> AsyncIterator[str]:
    """A server that answers with these bytes, or never."""
    connected: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        if what is not None:
            writer.write(what)
            writer.close()

    server = await asyncio.start_server(talk, LOCAL, 0)
    try:
        yield f"http://{LOCAL}:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in connected:
            writer.close()
        server.close()


async def post(
    url: str, tls: ClientTls | None = None, alerts: bytes = b"", deadline: float = PATIENCE
) -> float | None:
    async with session() as through:
        peer = HttpAlertmanager(url, tls or ClientTls(), through, deadline)
        return await peer.post(alerts or body([ALERT]))


async def test_a_post_is_what_the_api_takes_and_the_answers_date_comes_back() -> None:
    heard = Heard()
    async with answering(heard.answer) as url:
        assert await post(f"{url}/alertmanager/") == 1e9
    (request,) = heard.requests
    assert (request.method, request.path) == ("POST", "/alertmanager/api/v2/alerts")
    assert request.headers["Content-Type"] == "application/json"
    assert heard.bodies == [
        [{"labels": dict(ALERT.labels), "annotations": {"summary": "It is down."}}]
    ]


async def test_an_end_is_written_in_the_time_that_it_was_given() -> None:
    heard = Heard()
    async with answering(heard.answer) as url:
        await post(url, alerts=body((), [ALERT], 1e9))
    assert heard.bodies[0][0]["endsAt"] == "2001-09-09T01:46:40+00:00"
    assert "startsAt" not in heard.bodies[0][0]


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Sep 2001 01:46:40 GMT"])
async def test_a_date_that_is_none_is_none(date: str) -> None:
    async with answering(Heard(headers={"Date": date}).answer) as url:
        assert await post(url) is None


@pytest.mark.parametrize("status", [202, 301, 307, 400, 404, 500, 503])
async def test_anything_but_200_is_a_refusal_and_no_redirect_is_followed(status: int) -> None:
    heard = Heard(status=status, headers={"Location": "/elsewhere"})
    async with answering(heard.answer) as url:
        with pytest.raises(NotTaken, match=f"status {status}") as caught:
            await post(url)
    assert caught.value.refused
    assert len(heard.requests) == 1
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "what", [b"", b"\x00\xff" * 5000, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"]
)
async def test_what_is_no_answer_is_not_taken(what: bytes) -> None:
    async with saying(what) as url:
        with pytest.raises(NotTaken) as caught:
            await post(url)
    assert not caught.value.refused
    assert len(str(caught.value)) < 300


async def test_one_that_never_answers_costs_the_deadline() -> None:
    async with saying(None) as url:
        with pytest.raises(NotTaken, match="no answer within"):
            await post(url, deadline=SHORT)


async def test_one_that_is_not_there_is_not_taken() -> None:
    async with saying(None) as url:
        pass
    with pytest.raises(NotTaken, match="ClientConnectorError"):
        await post(url)


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with answering(Heard().answer) as url:
        assert await post(url) == 1e9


# --- TLS ---


@dataclass(frozen=True)
class Secured:
    """An authority, and what it signed for both sides."""

    authority: Authority
    server: Pair
    client: Pair

    def asking(self, shown: Pair | None = None) -> ssl.SSLContext:
        """What a server needs that takes only clients with a certificate."""
        pair = shown or self.server
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authority.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(pair.cert, pair.key)
        return context

    def showing(self, pair: Pair | None = None) -> ClientTls:
        pair = pair or self.client
        return ClientTls(self.authority.ca, pair.cert, pair.key)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    return Secured(authority, authority.sign("server", server=True), authority.sign("node"))


async def test_whoever_asks_for_a_certificate_is_shown_ours(secured: Secured) -> None:
    async with answering(Heard().answer, secured.asking()) as url:
        assert await post(url, secured.showing()) == 1e9
        with pytest.raises(NotTaken):
            await post(url, ClientTls(secured.authority.ca))


async def test_an_alertmanager_of_another_authority_is_told_nothing(
    secured: Secured, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "theirs")
    heard = Heard()
    async with answering(heard.answer, secured.asking(other.sign("server", server=True))) as url:
        with pytest.raises(NotTaken, match="CERTIFICATE_VERIFY_FAILED"):
            await post(url, secured.showing())
        with pytest.raises(NotTaken, match="Hostname mismatch"):
            await post(
                url.replace(LOCAL, "localhost"),
                ClientTls(other.ca, secured.client.cert, secured.client.key),
            )
    assert heard.requests == []


async def test_a_node_whose_clock_is_wrong_still_reaches_it(secured: Secured) -> None:
    """By such a clock the certificate ran out yesterday; the time that counts is the Alertmanager's."""
    old = secured.authority.sign("old", server=True, ends=-DAY)
    async with answering(Heard().answer, secured.asking(old)) as url:
        assert await post(url, secured.showing()) == 1e9
    assert dt.datetime.now(dt.UTC) > dt.datetime.fromtimestamp(1e9, dt.UTC)


async def test_a_certificate_that_was_renewed_is_shown_without_a_restart(
    secured: Secured, tmp_path: Path
) -> None:
    pair = Pair(tmp_path / "client.crt", tmp_path / "client.key")
    stranger = Authority(tmp_path / "theirs").sign("node")

    def install(new: Pair) -> None:
        for name in ("cert", "key"):
            (tmp_path / "fresh").write_bytes(getattr(new, name).read_bytes())
            (tmp_path / "fresh").replace(getattr(pair, name))

    install(stranger)
    async with answering(Heard().answer, secured.asking()) as url, session() as through:
        peer = HttpAlertmanager(url, secured.showing(pair), through, PATIENCE)
        with pytest.raises(NotTaken):
            await peer.post(body([ALERT]))
        install(secured.client)
        assert await peer.post(body([ALERT])) == 1e9


@pytest.mark.parametrize("lost", ["cert", "key", "ca"])
async def test_a_file_that_is_away_or_no_certificate_is_told(
    secured: Secured, lost: str, tmp_path: Path
) -> None:
    files = {"ca": secured.authority.ca, "cert": secured.client.cert, "key": secured.client.key}
    with pytest.raises(NotTaken, match="FileNotFoundError"):
        await post("https://127.0.0.1:1", ClientTls(**{**files, lost: tmp_path / "nothing"}))
    (tmp_path / "garbage").write_bytes(b"\x00" * 100)
    with pytest.raises(NotTaken, match="SSLError"):
        await post("https://127.0.0.1:1", ClientTls(**{**files, lost: tmp_path / "garbage"}))
