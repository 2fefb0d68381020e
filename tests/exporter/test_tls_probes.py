"""Probes that shake hands, against servers whose certificates openssl made, and against such as speak no TLS."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.certificates import of_pem
from exporter.config import HttpProbe, TlsProbe
from exporter.probes import Http, NotMade, Tls
from exporter.serving import Probed
from tests.exporter.made_certificates import make

LOCAL = "127.0.0.1"
SUCCESS, FAILURE = Probed.SUCCESS, Probed.FAILURE
ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make(folder)
    return folder


def ends(made: Path, name: str) -> float:
    return of_pem((made / f"{name}.pem").read_bytes())[0].not_after


def server_of(made: Path, *names: str, key: str = "ec.key") -> ssl.SSLContext:
    """What a server shows: the first of these certificates, and the others behind it."""
    chain = made / f"chain-{'-'.join(names)}.pem"
    chain.write_bytes(b"".join((made / f"{name}.pem").read_bytes() for name in names))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, made / key)
    return context


@asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """A server in a thread, which answers one connection after the other."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    if context is not None:
                        connection = context.wrap_socket(connection, server_side=True)
                    connection.recv(4096)
                    connection.sendall(ANSWER)
                except OSError:
                    pass  # a tls probe hangs up at once
                connection.close()

    with socket.create_server((LOCAL, 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            await asyncio.to_thread(thread.join)  # the probe hangs up on the loop


@pytest.mark.parametrize("name", ["expired", "not-yet", "for-ever"])
async def test_whatever_certificate_is_shown_the_service_serves_and_its_end_is_told(
    made: Path, name: str
) -> None:
    async with serving(server_of(made, name)) as port:
        tls, http = Tls(TlsProbe(LOCAL, port)), Http(HttpProbe(f"https://{LOCAL}:{port}/", 204))
        assert [await tls.attempt(), await http.attempt()] == [SUCCESS, SUCCESS]
    assert tls.earliest_expiry == http.earliest_expiry == ends(made, name)


async def test_of_a_chain_the_certificate_that_ends_first_counts_wherever_it_stands(
    made: Path,
) -> None:
    for chain in (("far", "for-ever", "expired"), ("expired", "far")):
        async with serving(server_of(made, *chain)) as port:
            tls = Tls(TlsProbe(LOCAL, port))
            assert await tls.attempt() is SUCCESS
            assert tls.earliest_expiry == ends(made, "expired")


async def test_an_rsa_key_and_the_oldest_tls_that_python_speaks_by_itself_will_do(
    made: Path,
) -> None:
    context = server_of(made, "rsa", key="rsa.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(context) as port:
        tls = Tls(TlsProbe(LOCAL, port))
        assert await tls.attempt() is SUCCESS
    assert tls.earliest_expiry == ends(made, "rsa")


async def test_who_speaks_no_tls_does_not_serve_it_and_is_not_unknown() -> None:
    async with serving(None) as port:
        assert await Tls(TlsProbe(LOCAL, port)).attempt() is FAILURE
        assert await Http(HttpProbe(f"https://{LOCAL}:{port}/", 204)).attempt() is FAILURE


async def test_an_end_is_forgotten_with_the_attempt_after_it(made: Path) -> None:
    async with serving(server_of(made, "far")) as port:
        tls, http = Tls(TlsProbe(LOCAL, port)), Http(HttpProbe(f"https://{LOCAL}:{port}/", 204))
        assert [await tls.attempt(), await http.attempt()] == [SUCCESS, SUCCESS]
    assert [await tls.attempt(), await http.attempt()] == [FAILURE, FAILURE]
    assert (tls.earliest_expiry, http.earliest_expiry) == (None, None)


async def test_a_wrong_status_fails_and_the_certificate_is_told_all_the_same(made: Path) -> None:
    async with serving(server_of(made, "far")) as port:
        http = Http(HttpProbe(f"https://{LOCAL}:{port}/"))
        assert await http.attempt() is FAILURE
    assert http.earliest_expiry == ends(made, "far")


async def test_a_service_without_tls_shows_no_certificate() -> None:
    async with serving(None) as port:
        http = Http(HttpProbe(f"http://{LOCAL}:{port}/", 204))
        assert await http.attempt() is SUCCESS
    assert http.earliest_expiry is None


async def test_tls_to_a_name_that_has_no_address_says_nothing_about_the_service() -> None:
    with pytest.raises(NotMade, match=r"^no address of nobody\.invalid: "):
        await Tls(TlsProbe("nobody.invalid", 443)).attempt()


async def test_a_handshake_that_hangs_can_be_given_up() -> None:
    with socket.create_server((LOCAL, 0)) as listener, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await Tls(TlsProbe(LOCAL, listener.getsockname()[1])).attempt()
