"""TLS, users and headers over real sockets, and what becomes of them when the files change."""

import asyncio
import os
import re
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import cast

import pytest
from aiohttp import ClientError, ClientSession, encode_basic_auth, web
from structlog.testing import capture_logs

from exporter.admission import Admission
from exporter.collector import OnScrape
from exporter.config import ConfigError
from exporter.connections import MOST_HEADERS, STANDARD, Doors, ask, runner
from exporter.listening import opened, port_of
from exporter.scrape import Scraper
from exporter.selfmetrics import SelfMetrics
from exporter.server import application
from exporter.settings import Address
from exporter.web_rules import WebRules
from tests.exporter.fakes import still_clock
from tests.exporter.tools import find
from tests.healer.web.authority import Authority

LOCAL, PATIENCE = "127.0.0.1", 20.0
# crypt_blowfish's own vectors: `U*U`, and `U*U*`.
ALICE = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
BOB = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"

UNIT = (Path(__file__).parents[2] / "exporter/systemd/hale-exporter.service").read_text()
MEMORY_MAX = int(re.findall(r"^MemoryMax=(\d+)M$", UNIT, re.M)[0])  # MiB


class Source(OnScrape):
    """Serves a counter."""

    name = "one"

    def collect(self) -> bytes:
        return b"# HELP x_total X.\n# TYPE x_total counter\nx_total 7\n"


@dataclass
class House:
    """An exporter behind a web-config.yml, and its files."""

    authority: Authority
    config: Path
    port: int
    server: web.Server
    rules: WebRules

    def write(self, *sections: str) -> None:
        """Write web-config.yml anew; its time differs even on a coarse clock."""
        self.config.write_text("\n".join(sections))
        later = self.config.stat().st_mtime_ns + 1_000_000_000
        os.utime(self.config, ns=(later, later))

    async def get(
        self,
        path: str = "/metrics",
        context: ssl.SSLContext | None = None,
        auth: str = "",
    ) -> tuple[int, str]:
        """Ask over a connection of its own; (0, "") where there is none."""
        scheme = "http" if context is None else "https"
        try:
            async with (
                ClientSession(headers={"Authorization": auth}) as session,
                session.get(
                    f"{scheme}://{LOCAL}:{self.port}{path}", ssl=context or False
                ) as answer,
            ):
                return answer.status, await answer.text()
        except (ClientError, OSError):
            return 0, ""


@asynccontextmanager
async def house(folder: Path, *sections: str) -> AsyncIterator[House]:
    authority = Authority(folder)
    authority.sign("server", server=True)
    config = folder / "web-config.yml"
    config.write_text("\n".join(sections))
    rules = WebRules(config)
    scraper = Scraper([Source()], SelfMetrics(), still_clock())
    serves = runner(application(scraper, "/metrics", admission=Admission(rules)))
    await serves.setup()
    server = cast(web.Server, serves.server)
    (listener,) = opened([Address(LOCAL, 0)])
    task = asyncio.create_task(Doors(server, rules=rules).keep_taking(listener))
    try:
        yield House(authority, config, port_of(listener), server, rules)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await serves.cleanup()
        listener.close()


def tls(*lines: str) -> str:
    first = ("cert_file: server.crt", "key_file: server.key")
    return "\n".join(("tls_server_config:", *(f"  {line}" for line in (*first, *lines))))


USERS = f"basic_auth_users: {{alice: {ALICE}}}"
GOOD = encode_basic_auth("alice", "U*U")


async def test_tls_alone_is_answered_and_plain_http_is_not(tmp_path: Path) -> None:
    async with house(tmp_path, tls()) as here:
        status, body = await here.get(context=here.authority.trusting())
        assert (status, "x_total 7" in body) == (200, True)
        assert await here.get() == (0, "")
        assert (await here.get(context=Authority(tmp_path / "b", "b").trusting()))[0] == 0
        await ask(here.server)  # the watchdog's question goes past all of it


async def test_only_clients_of_our_authority_with_a_name_that_may_are_let_in(
    tmp_path: Path,
) -> None:
    clients = ("client_ca_file: ours.ca", "client_auth_type: RequireAndVerifyClientCert")
    async with house(tmp_path, tls(*clients)) as here:
        ours = here.authority.sign("prometheus")
        other = Authority(tmp_path / "b", "b")
        strange = here.authority.trusting(other.sign("prometheus"))
        assert (await here.get(context=here.authority.trusting(ours)))[0] == 200
        assert (await here.get(context=here.authority.trusting()))[0] == 0
        assert (await here.get(context=strange))[0] == 0
        here.write(tls(*clients, "client_allowed_sans: [somebody.else]"))
        assert (await here.get(context=here.authority.trusting(ours)))[0] == 0
        here.write(tls(*clients, "client_allowed_sans: [somebody.else, 127.0.0.1]"))
        assert (await here.get(context=here.authority.trusting(ours)))[0] == 200
        await ask(here.server)


async def test_versions_and_ciphers_are_what_the_file_says(tmp_path: Path) -> None:
    async with house(tmp_path, tls("min_version: TLS13")) as here:
        old = here.authority.trusting()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await here.get(context=old))[0] == 0
        assert (await here.get(context=here.authority.trusting()))[0] == 200
        here.write(tls("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"))
        assert (await here.get(context=old))[0] == 200
        old.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        assert (await here.get(context=old))[0] == 0


async def test_a_new_certificate_is_shown_to_the_next_who_connects(tmp_path: Path) -> None:
    async with house(tmp_path, tls()) as here:
        assert (await here.get(context=here.authority.trusting()))[0] == 200
        anew = Authority(tmp_path / "anew", "anew").sign("server", server=True)
        trusting = Authority.trusting
        old = here.authority.trusting()
        (tmp_path / "server.crt").write_bytes(anew.cert.read_bytes())
        with capture_logs() as lines:
            # Half of a pair is no pair: who connects meanwhile gets the one before.
            assert (await here.get(context=old))[0] == 200
            (tmp_path / "server.key").write_bytes(anew.key.read_bytes())
            assert (await here.get(context=old))[0] == 0
        assert [line["event"] for line in lines] == ["web_config.refused", "web_config.loaded"]
        here.authority.ca = tmp_path / "anew/anew.ca"
        assert (await here.get(context=trusting(here.authority)))[0] == 200


async def test_who_shakes_no_hands_holds_up_nobody(tmp_path: Path) -> None:
    async with house(tmp_path, tls()) as here:
        silent = [await asyncio.open_connection(LOCAL, here.port) for _ in range(3)]
        silent[0][1].write(b"\x16\x03\x01")
        silent[1][1].write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await here.get(context=here.authority.trusting()))[0] == 200
        for _, writer in silent:
            writer.close()


async def test_users_sign_in_and_nobody_else_sees_anything_but_that_it_lives(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, USERS) as here:
        for path in ("/", "/metrics", "/nowhere"):
            assert await here.get(path) == (401, "Unauthorized\n")
        assert await here.get("/-/healthy") == (200, "Healthy\n")
        assert (await here.get(auth=GOOD))[0] == 200
        assert (await here.get("/", auth=GOOD))[0] == 200
        assert (await here.get(auth=encode_basic_auth("alice", "U*U*")))[0] == 401
        assert (await here.get(auth=encode_basic_auth("bob", "U*U")))[0] == 401
        await ask(here.server)


async def test_users_and_headers_change_with_the_file_from_one_request_to_the_next(
    tmp_path: Path,
) -> None:
    async with (
        house(tmp_path, USERS) as here,
        ClientSession(headers={"Authorization": GOOD}) as session,
    ):
        url = f"http://{LOCAL}:{here.port}/"
        async with session.get(url) as answer:
            assert (answer.status, answer.headers["X-Frame-Options"]) == (200, "DENY")
        more = "http_server_config: {headers: {X-Frame-Options: sameorigin}}"
        here.write(f"basic_auth_users: {{alice: {BOB}}}", more)
        async with session.get(url) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Basic"
            assert answer.headers["X-Frame-Options"] == "sameorigin"
        assert (await here.get(auth=encode_basic_auth("alice", "U*U*")))[0] == 200


@pytest.mark.parametrize(
    "broken", ["", "basic_auth_users: {}", "basic_auth_users: {alice: x}", "["]
)
async def test_a_file_that_was_caught_half_written_opens_nothing(
    broken: str, tmp_path: Path
) -> None:
    async with house(tmp_path, tls(), USERS) as here:
        trusting = here.authority.trusting()
        with capture_logs() as lines:
            here.write(broken)
            for _ in range(3):
                assert (await here.get(context=trusting))[0] == 401
                assert (await here.get(context=trusting, auth=GOOD))[0] == 200
                assert (await here.get())[0] == 0
        assert {line["event"] for line in lines} == {"web_config.refused"}
        assert len(lines) == 1, "told once, not at each request"
        here.write(tls(), f"basic_auth_users: {{alice: {BOB}}}")
        assert (await here.get(context=trusting, auth=GOOD))[0] == 401


def test_a_file_that_was_caught_at_any_length_lets_in_no_other_client(tmp_path: Path) -> None:
    Authority(tmp_path).sign("server", server=True)
    config = tmp_path / "web-config.yml"
    whole = tls(
        "client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: ours.ca",
        "client_allowed_sans: [prometheus.example]",
    )
    config.write_text(whole)
    rules = WebRules(config)
    wanted = rules.now.tls
    with capture_logs():
        for length in range(len(whole)):
            config.write_text(whole[:length])
            assert rules.now.tls == wanted, whole[:length]


async def test_requests_above_the_rate_are_turned_away_and_the_sign_of_life_is_not(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "rate_limit: {interval: 1h, burst: 2}") as here:
        statuses = [(await here.get())[0] for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (await here.get("/-/healthy"))[0] == 200


def test_a_file_that_names_what_is_not_there_yet_is_looked_into_again(tmp_path: Path) -> None:
    now, heard = 0.0, list[bool]()
    config = tmp_path / "web-config.yml"
    config.write_text(USERS)
    rules = WebRules(config, heard.append, lambda: now)
    config.write_text(f"{tls()}\n{USERS}")
    with capture_logs():
        assert rules.now.tls is None
        Authority(tmp_path).sign("server", server=True)
        assert rules.now.tls is None, "it is not read at each request"
        now = 5.0
        assert rules.now.tls is not None
    assert heard == [False, True]


def test_at_the_start_it_has_to_be_good(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        WebRules(tmp_path / "none.yml")


def command(folder: Path, port: int, stderr: int = DEVNULL, **environ: str) -> "Popen[bytes]":
    """Start the command behind the folder's web-config.yml."""
    flags = ("--collector.disable-defaults", "--collector.stat")
    listen = f"--web.listen-address={LOCAL}:{port}"
    return Popen(
        (
            *(sys.executable, "-m", "exporter.start", *flags, listen),
            f"--web.config.file={folder}/web-config.yml",
        ),
        env={**os.environ, **environ},
        cwd=Path(__file__).parents[2],
        stderr=stderr,
    )


def test_systemd_is_told_of_life_past_tls_clients_certificates_and_users(tmp_path: Path) -> None:
    """The command as systemd starts it: its watchdog rests on a question that no stranger could ask."""
    Authority(tmp_path).sign("server", server=True)
    clients = ("client_ca_file: ours.ca", "client_auth_type: RequireAndVerifyClientCert")
    (tmp_path / "web-config.yml").write_text(f"{tls(*clients)}\n{USERS}\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        process = command(tmp_path, 0, NOTIFY_SOCKET=f"{tmp_path}/notify", WATCHDOG_USEC="300000")
        try:
            assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", *[b"WATCHDOG=1"] * 2]
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


async def test_heads_that_never_end_on_every_connection_stay_below_the_units_memory(
    tmp_path: Path,
) -> None:
    """Over TLS, which keeps as much again, from as many addresses as it takes to have every connection."""
    authority = Authority(tmp_path)
    authority.sign("server", server=True)
    (tmp_path / "web-config.yml").write_text(tls())
    (listener,) = opened([Address(LOCAL, 0)])
    port = port_of(listener)
    listener.close()
    process = command(tmp_path, port, PIPE)
    assert process.stderr is not None
    process.stderr.readline()  # it listens
    head = b"GET / HTTP/1.1\r\nHost: x\r\n"
    head += b"".join(b"X-%d: %b\r\n" % (n, b"a" * 4000) for n in range(MOST_HEADERS - 2)) + b"X-A: "
    held = []
    try:
        for n in range(STANDARD.most):
            here, context = f"127.0.0.{n % 8 + 1}", authority.trusting()
            _, writer = await asyncio.open_connection(
                LOCAL, port, ssl=context, local_addr=(here, 0)
            )
            held.append(writer)
            writer.write(head)
            await writer.drain()
        reader, writer = await asyncio.open_connection(
            LOCAL, port, ssl=context, local_addr=("127.0.0.9", 0)
        )
        held.append(writer)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 "), "the crowd makes room"
        await asyncio.sleep(0.5)
        anonymous = re.search(
            r"^Anonymous: +(\d+) kB", Path(f"/proc/{process.pid}/smaps_rollup").read_text(), re.M
        )
        assert anonymous is not None
        assert int(anonymous[1]) / 1024 < 0.6 * MEMORY_MAX
    finally:
        for writer in held:
            writer.transport.abort()
        process.kill()
        process.communicate()


@contextmanager
def prometheus(folder: Path, port: int, own: int) -> Iterator[None]:
    """A real one that scrapes every 100 ms, with its certificate and password."""
    (folder / "prometheus.yml").write_text(f"""
scrape_configs:
  - job_name: node
    scheme: https
    scrape_interval: 100ms
    scrape_timeout: 100ms
    tls_config: {{ca_file: ours.ca, cert_file: prometheus.crt, key_file: prometheus.key}}
    basic_auth: {{username: alice, password: 'U*U'}}
    static_configs: [{{targets: ['{LOCAL}:{port}']}}]
""")
    argv = (
        find("prometheus"),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={LOCAL}:{own}",
    )
    process = Popen(argv, cwd=folder, stderr=DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.tools
async def test_a_real_prometheus_reads_openmetrics_over_tls_with_a_password(tmp_path: Path) -> None:
    clients = ("client_ca_file: ours.ca", "client_auth_type: RequireAndVerifyClientCert")
    async with house(tmp_path, tls(*clients), USERS) as here, ClientSession() as session:
        here.authority.sign("prometheus")
        (free,) = opened([Address(LOCAL, 0)])
        own = port_of(free)
        free.close()
        with prometheus(tmp_path, here.port, own):
            api = f"http://{LOCAL}:{own}/api/v1"
            async with asyncio.timeout(PATIENCE):
                while not (found := await result(session, f"{api}/query?query=x_total")):
                    await asyncio.sleep(0.1)
                told = await result(session, f"{api}/targets/metadata?metric=x")
    assert found["result"][0]["value"][1] == "7"  # type: ignore[call-overload]
    # Without its `_total` in the metadata: it was OpenMetrics that was read.
    assert [(one["type"], one["help"]) for one in told] == [("counter", "X.")]  # type: ignore[index]


async def result(session: ClientSession, url: str) -> object:
    """Return the API's data; nothing as long as there is none."""
    try:
        async with session.get(url) as answer:
            data = (await answer.json()).get("data")
    except ClientError:
        return None
    return data if not isinstance(data, dict) or data["result"] else None
