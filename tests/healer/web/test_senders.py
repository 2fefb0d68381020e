"""Who may post to the webhook, and what a stranger gets: over real sockets and real TLS."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from healer.adapters.senders import ByBasic, ByBearer, ByCertificate, Sender, read_digest
from healer.adapters.tls_files import TlsFiles
from healer.errors import ConfigError
from healer.web.certificates import Certificates
from healer.web.connections import Bounds
from tests.healer.web.authority import DAY, Authority
from tests.healer.web.house import PATIENCE, House, message
from tests.healer.web.test_connections import OK, street
from tests.healer.web.test_webhook import alert, counted, hints

SECRET = "0123456789abcdef-token"


def secret(folder: Path, text: str = SECRET, mode: int = 0o640) -> Path:
    path = folder / "secret"
    path.write_text(f" {text}\n")
    path.chmod(mode)
    return path


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(name: str, password: str) -> dict[str, str]:
    packed = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {packed}"}


RIGHT = [
    (ByBearer, bearer(SECRET)),
    (ByBearer, {"Authorization": f"bearer  {SECRET} "}),
    (ByBasic, basic("alertmanager", SECRET)),
]
WRONG = [
    (ByBearer, {}),
    (ByBearer, bearer("")),
    (ByBearer, bearer(SECRET[:-1])),
    (ByBearer, bearer(SECRET + "x")),
    (ByBearer, bearer("x" * 8000)),
    (ByBearer, bearer("\udcff")),
    (ByBearer, basic("alertmanager", SECRET)),
    (ByBasic, {}),
    (ByBasic, bearer(SECRET)),
    (ByBasic, basic("alertmanager", "")),
    (ByBasic, basic("alertmanage", "r" + SECRET)),
    (ByBasic, basic("", SECRET)),
    (ByBasic, {"Authorization": "Basic !!!"}),
    (ByBasic, {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()}),
]


def sender(kind: type, path: Path) -> Sender:
    return ByBearer(path) if kind is ByBearer else ByBasic("alertmanager", path)


@pytest.mark.parametrize(("kind", "headers"), RIGHT)
async def test_whoever_shows_the_secret_may_post(
    kind: type, headers: Mapping[str, str], tmp_path: Path
) -> None:
    house = House(sender=sender(kind, secret(tmp_path)))
    async with house.public() as session:
        response = await session.post("/webhook", json=message(alert()), headers=headers)
        assert response.status == 202
    assert len(hints(house)) == 1


@pytest.mark.parametrize(("kind", "headers"), WRONG)
async def test_a_stranger_changes_nothing_and_learns_nothing(
    kind: type, headers: Mapping[str, str], tmp_path: Path
) -> None:
    house = House(sender=sender(kind, secret(tmp_path)))
    async with house.public() as session:
        with capture_logs() as lines:
            response = await session.post("/webhook", json=message(alert()), headers=headers)
        assert (response.status, (await response.json())["reason"]) == (401, "not_alertmanager")
        assert response.headers["WWW-Authenticate"].startswith(kind.__name__.removeprefix("By"))
        assert (await session.get("/-/healthy")).status == 200
    assert SECRET not in str(lines)
    assert not house.store.records
    assert not house.wakes
    assert counted(house, 401) == 1


async def test_the_body_of_a_stranger_is_not_read(tmp_path: Path) -> None:
    house = House(sender=ByBearer(secret(tmp_path)))
    async with house.public():
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        head = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 4000000"
        writer.write(f"POST /webhook HTTP/1.1\r\n{head}\r\n\r\n{{".encode())
        async with asyncio.timeout(PATIENCE):
            assert b" 401 " in await reader.readline()
        writer.close()


async def test_a_new_secret_ends_the_old_one_and_what_cannot_be_judged_is_wanted_back(
    tmp_path: Path,
) -> None:
    path = secret(tmp_path)
    house = House(sender=ByBearer(path))
    async with house.public() as session:

        async def posted(token: str) -> int:
            house.clock.pass_by(2.0)
            body, headers = message(alert()), bearer(token)
            return (await session.post("/webhook", json=body, headers=headers)).status

        assert await posted(SECRET) == 202
        secret(tmp_path, "another-secret-of-enough-length")
        assert await posted(SECRET) == 401
        assert await posted("another-secret-of-enough-length") == 202
        with capture_logs() as lines:
            path.unlink()
            assert [await posted(SECRET), await posted(SECRET)] == [503, 503]
            secret(tmp_path, mode=0o644)
            assert await posted(SECRET) == 503
        told = [one for one in lines if one["event"] == "webhook.secret_unreadable"]
        assert len(told) == 2, "each reason once"
        path.chmod(0o600)
        assert await posted(SECRET) == 202


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("short", "can be guessed"),
        ("", "0 characters"),
        ("0123456789abcdef\n0123456789abcdef", "one line"),
        ("0123456789abcdefü", "printable"),
        ("x" * 70_000, "more than"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_shown(
    text: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        read_digest(ByBearer(secret(tmp_path, text)))
    assert not text or text not in str(refused.value)


def test_a_password_may_have_any_letters(tmp_path: Path) -> None:
    assert read_digest(ByBasic("a", secret(tmp_path, "0123456789abcdefü")))


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def tls_of(ours: Authority, client_ca: Path | None = None) -> TlsFiles:
    pair = ours.sign("server", server=True)
    return TlsFiles(pair.cert, pair.key, client_ca)


async def test_with_tls_the_whole_port_speaks_it_and_nothing_else(ours: Authority) -> None:
    house = House(tls=tls_of(ours))
    async with house.public() as session:
        trust = ours.trusting()
        response = await session.post("/webhook", json=message(alert()), ssl=trust)
        assert response.status == 202
        for path in ("/", "/metrics", "/-/healthy"):
            assert (await session.get(path, ssl=trust)).status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get("/")
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{house.port}/")
    assert len(hints(house)) == 1


async def test_only_a_certificate_of_the_right_authority_may_post(
    ours: Authority, tmp_path: Path
) -> None:
    clients, others = Authority(tmp_path, "clients"), Authority(tmp_path, "others")
    house = House(sender=ByCertificate(), tls=tls_of(ours, clients.ca))
    async with house.public() as session:

        async def posted(context: ssl.SSLContext) -> int:
            response = await session.post("/webhook", json=message(alert()), ssl=context)
            return response.status

        assert await posted(ours.trusting(clients.sign("alertmanager"))) == 202
        assert await posted(ours.trusting()) == 401
        wrong = [
            others.sign("alertmanager-of-others"),
            clients.sign("late", ends=-DAY),
            clients.sign("a-server", server=True),
            ours.sign("of-the-servers-own"),
        ]
        for pair in wrong:
            with pytest.raises(aiohttp.ClientError):
                await posted(ours.trusting(pair))
        assert (await session.get("/", ssl=ours.trusting())).status == 200, "browsers have none"
    assert len(hints(house)) == 1
    assert counted(house, 401) == 1


async def test_a_certificate_is_not_asked_for_where_nobody_wants_it(
    ours: Authority, tmp_path: Path
) -> None:
    others = Authority(tmp_path, "others")
    house = House(tls=tls_of(ours))
    async with house.public() as session:
        shown = ours.trusting(others.sign("anybody"))
        assert (await session.get("/-/healthy", ssl=shown)).status == 200


async def test_a_new_certificate_is_taken_up_and_a_broken_one_is_not(
    ours: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("healer.web.certificates.LOOK_EVERY", 0.0)
    tls = tls_of(ours)
    house = House(tls=tls)

    async def trusted(authority: Authority) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(
                    f"https://127.0.0.1:{house.port}/-/healthy", ssl=authority.trusting()
                ) as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientConnectorCertificateError:
            return False

    async with house.public():
        assert await trusted(ours)
        new = Authority(tmp_path / "new")
        pair = new.sign("server", server=True)
        pair.key.replace(tls.key)
        with capture_logs() as lines:
            # Between the two the key is none of the certificate's, and the old pair goes on.
            assert await trusted(ours)
        assert [one["event"] for one in lines] == ["tls.unreadable"]
        pair.cert.replace(tls.cert)
        assert await trusted(new)
        assert not await trusted(ours)
        tls.key.chmod(0o644)
        assert await trusted(new)
        tls.cert.unlink()
        assert await trusted(new)


@pytest.mark.parametrize("what", ["cert", "key", "client_ca"])
@pytest.mark.parametrize("wrong", ["missing", "odd", "open"])
def test_tls_that_cannot_be_used_says_which_file(
    what: str, wrong: str, ours: Authority, tmp_path: Path
) -> None:
    files = tls_of(ours, ours.ca)
    path: Path = getattr(files, what)
    match wrong:
        case "missing":
            path.unlink()
        case "odd":
            path.write_text("no such thing")
        case _:
            path.chmod(0o644)
            if what != "key":
                files.context()  # certificates are for everybody to read
                return
    with pytest.raises(ConfigError, match=path.name):
        files.context()


async def test_who_shakes_no_hands_holds_a_place_and_is_hung_up_on(
    ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("healer.web.certificates.HANDSHAKE_SECONDS", 0.5)

    async with street(Bounds(most=20, of_one=2), certificates=Certificates(tls_of(ours))) as people:
        silent = [await people.call() for _ in range(2)]
        silent[1].writer.write(b"\x16\x03\x01")
        assert await (await people.call()).hung_up(), "both places are taken"
        assert all([await one.hung_up() for one in silent])
        context = ours.trusting()
        reader, writer = await asyncio.open_connection("127.0.0.1", people.port, ssl=context)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).decode().strip() == OK
        writer.close()


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(
    ours: Authority,
) -> None:
    """The client's last flight and its first request may arrive in one piece."""
    house = House(tls=tls_of(ours))
    loop = asyncio.get_running_loop()
    async with house.public():
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", house.port)) as raw:
                raw.setblocking(False)
                coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = ours.trusting().wrap_bio(coming, going, server_hostname="127.0.0.1")
                while True:
                    try:
                        client.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        await loop.sock_sendall(raw, going.read())
                        coming.write(await loop.sock_recv(raw, 65536))
                client.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                await loop.sock_sendall(raw, going.read())
                said = b""
                async with asyncio.timeout(PATIENCE):
                    while b"healthy" not in said and b"200 OK" not in said:
                        coming.write(await loop.sock_recv(raw, 65536))
                        try:
                            said += client.read(65536)
                        except ssl.SSLWantReadError:
                            continue
                assert said.startswith(OK.encode())
