"""A node that waits for a boot asks for a lock first, and says afterwards that it is well."""

import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from gate import reboot_lock
from gate.machine import Machine
from gate.process import NotStarted, Ran
from gate.reboot_lock import Answer, post, reboot_done, reboot_if_due, standby
from tests.gate.real import ROOT

ID = "975228d46dc94622b9bbe16671e2b58d"
DUE, NOT_DUE = Machine(ID, reboot_required=True), Machine(ID, reboot_required=False)
URL = "http://mon1:9595"


class Programs:
    """Runs nothing; needrestart says what it is told to, or is not there."""

    def __init__(self, kernel: bytes | None = None) -> None:
        self.kernel = kernel
        self.diary: list[str] = []

    def __call__(self, argv: tuple[str, ...], seconds: float, keep: int = 0) -> Ran:
        if argv[0] == "needrestart" and self.kernel is None:
            raise NotStarted("needrestart: no such file")
        self.diary.append(" ".join(argv))
        return Ran(0, self.kernel or b"")


class Lock:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Answer | OSError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def __call__(self, url: str, below: str, machine_id: str) -> Answer:
        self.asked.append((below, machine_id))
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def leads(_: str) -> str | None:
    """Say of everybody that it may lead."""
    return None


YES = Answer(200, "", "")
NO = Answer(409, "capacity", "web cannot spare web1 now.")


def test_while_something_keeps_the_node_up_no_lock_is_asked_for(capsys):
    programs, lock = Programs(), Lock(YES)
    why = "no_place: without s1 these would run nowhere: share"
    assert reboot_if_due(URL, DUE, leads, lock, programs, lambda: nullcontext(why)) == 0
    assert (lock.asked, programs.diary) == ([], [])
    assert f"not now: {why}" in capsys.readouterr().out


def test_where_that_is_so_once_the_lock_is_there_it_is_given_back(capsys):
    programs, lock, said = Programs(), Lock(YES), map(nullcontext, ["", "no_place: share"])
    assert reboot_if_due(URL, DUE, leads, lock, programs, lambda: next(said)) == 0
    assert [below for below, _ in lock.asked] == ["v1/pre-reboot", "v1/steady-state"]
    assert programs.diary == []
    assert "not now: no_place: share" in capsys.readouterr().out


def test_with_a_lock_it_boots():
    programs, lock = Programs(), Lock(YES)
    assert reboot_if_due(URL, DUE, leads, lock, programs) == 0
    assert lock.asked == [("v1/pre-reboot", ID)]
    assert programs.diary == ["systemctl reboot"]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [(NO, 0, "not now: capacity"), (ConnectionRefusedError("refused"), 1, "nobody answers")],
)
def test_without_a_lock_it_never_boots_and_says_why(answer, status, said, capsys):
    programs = Programs()
    assert reboot_if_due(URL, DUE, leads, Lock(answer), programs) == status
    assert programs.diary == []
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kernel", "asked"),
    [
        (None, False),
        (b"NEEDRESTART-VER: 3.6\nNEEDRESTART-KSTA: 1\n", False),
        (b"NEEDRESTART-VER: 3.6\nNEEDRESTART-KSTA: 3\n", True),
    ],
)
def test_where_no_boot_is_due_nobody_is_asked_and_needrestart_may_say_that_one_is(kernel, asked):
    lock = Lock(NO)
    assert reboot_if_due(URL, NOT_DUE, leads, lock, Programs(kernel)) == 0
    assert bool(lock.asked) is asked


def test_a_machine_without_an_id_boots_nothing():
    programs, lock = Programs(), Lock(YES)
    assert reboot_if_due(URL, Machine(None, reboot_required=True), leads, lock, programs) == 1
    assert (programs.diary, lock.asked) == ([], [])


@pytest.mark.parametrize(("answer", "status"), [(YES, 0), (NO, 1), (TimeoutError("too late"), 1)])
def test_after_a_boot_it_says_that_it_is_well_until_somebody_takes_it(answer, status):
    lock = Lock(answer)
    assert reboot_done(URL, NOT_DUE, leads, lock) == status
    assert lock.asked == [("v1/steady-state", ID)]


# --- Over a real socket ---------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """One healer that keeps what it was sent."""

    answer: ClassVar[tuple[int, bytes]] = (200, b"{}")
    ready: ClassVar[tuple[int, bytes]] = (404, b"")
    seen: ClassVar[list[tuple[str, dict[str, str], Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, dict(self.headers), json.loads(body)))
        self.say(*self.answer)

    def say(self, status: int, text: bytes) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"http://{self.headers['Host']}/login")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        """Say whether it leads, and else 200 to everybody, as a page for signing in does."""
        self.seen.append((self.path, dict(self.headers), None))
        self.say(*(self.ready if self.path == "/-/ready" else (200, b"")))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Handler, "seen", [])
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_speaks_as_zincati_does_and_shows_what_its_url_has(place):
    assert post(f"http://zincati:p%40ss@{place}/\n", "v1/pre-reboot", ID) == YES
    ((path, headers, body),) = Handler.seen
    assert path == "/v1/pre-reboot"
    assert headers["Fleet-Lock-Protocol"] == "true"
    assert headers["Authorization"] == "Basic emluY2F0aTpwQHNz"
    assert body == {"client_params": {"id": ID, "group": "default"}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((409, b'{"kind": "capacity", "value": "no"}'), Answer(409, "capacity", "no")),
        ((500, b"<html>"), Answer(500, "http_500", "no error of the protocol")),
        ((503, b"[]"), Answer(503, "http_503", "no error of the protocol")),
    ],
)
def test_a_refusal_is_told_by_its_kind(place, monkeypatch, answer, expected):
    monkeypatch.setattr(Handler, "answer", answer)
    assert post(f"http://{place}", "v1/pre-reboot", ID) == expected


@pytest.mark.parametrize("url", ["", "mon1:9595", "file:///etc/shadow", "http://", "http://[x"])
def test_what_is_no_url_of_http_asks_nobody(url):
    with pytest.raises(OSError, match=str(reboot_lock.URL_FILE)):
        post(url, "v1/pre-reboot", ID)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_is_led_nowhere_so_no_other_page_gives_a_lock_or_gets_the_password(
    place, monkeypatch, status
):
    monkeypatch.setattr(Handler, "answer", (status, b""))
    monkeypatch.setattr(Handler, "ready", (status, b""))
    programs = Programs()
    assert reboot_if_due(f"http://zincati:secret@{place}", DUE, standby, post, programs) == 0
    assert programs.diary == []
    assert [path for path, _, _ in Handler.seen] == ["/-/ready", "/v1/pre-reboot"]


def test_no_proxy_of_the_environment_answers_for_it(place, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert post(f"http://{place}", "v1/pre-reboot", ID) == YES


def answered(data: bytes) -> str:
    """Let something that is no healer answer once; return its URL."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with server, server.accept()[0] as wire:
            wire.recv(4096)
            wire.sendall(data)

    threading.Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 many\r\n\r\n"])
def test_what_speaks_another_protocol_is_told_in_a_sentence(data, capsys):
    programs = Programs()
    assert reboot_if_due(answered(data), DUE, standby, post, programs) == 1
    assert programs.diary == []
    assert "nobody answers, so nothing is booted: " in capsys.readouterr().out


def test_a_refusal_that_ends_in_the_midst_is_one():
    cut = answered(b"HTTP/1.1 500 x\r\nContent-Length: 100\r\n\r\nshort")
    assert post(cut, "v1/pre-reboot", ID).kind == "http_500"


STANDBY = Answer(503, "standby", "mon2 is a standby: mon3 leads.")


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ({"mon1": OSError("refused"), "mon2": STANDBY, "mon3": YES}, 0, "given back"),
        ({"mon1": YES, "mon2": OSError("not to be asked")}, 0, "given back"),
        ({"mon1": NO, "mon2": YES}, 1, "not taken: capacity"),
        ({"mon1": STANDBY, "mon2": OSError("refused")}, 1, "not taken: standby"),
        ({"mon1": OSError("refused"), "mon2": OSError("no route")}, 1, "nobody answers: no route"),
    ],
)
def test_of_several_healers_the_one_that_leads_is_heard(answers, status, said, capsys):
    asked = []

    def ask(url: str, below: str, machine_id: str) -> Answer:
        asked.append(url)
        found = answers[url.removeprefix("http://")]
        if isinstance(found, OSError):
            raise found
        return found

    urls = "".join(f"  http://{name}\n\n" for name in answers)
    assert reboot_done(urls, NOT_DUE, leads, ask) == status
    assert said in capsys.readouterr().out
    last = next((n for n, one in enumerate(answers.values(), 1) if one in (YES, NO)), len(answers))
    assert asked == [f"http://{name}" for name in answers][:last]


@pytest.mark.parametrize("url", ["http://a healer:9595", "http://h\N{SNOWMAN}le:9595", ""])
def test_a_url_that_is_none_is_told_in_a_sentence(url, capsys):
    assert reboot_done(url, NOT_DUE, standby, post) == 1
    assert "nobody answers: " in capsys.readouterr().out


def test_a_host_that_takes_no_connection_is_passed_over_soon(monkeypatch):
    """An answer may take minutes, and who is gone says nothing for as long."""
    monkeypatch.setattr(reboot_lock, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        port = listener.getsockname()[1]
        for _ in range(3):  # fill its queue
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(OSError, match="timed out"):
            post(f"http://127.0.0.1:{port}", "v1/steady-state", ID)


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        ((404, b""), None),  # another lock manager
        ((200, b"<html>"), None),
        ((200, b"[]"), None),
        ((200, b'{"ready": true, "reasons": [], "role": "leader", "leader": "mon1"}'), None),
        ((503, b'{"reasons": ["alertmanager_silent"], "role": "leader", "leader": "mon1"}'), None),
        ((503, b'{"reasons": ["not_leader"], "role": "leader", "leader": null}'), "leads no more"),
        ((200, b'{"reasons": [], "role": "standby", "leader": "mon2"}'), "who leads is mon2"),
        ((503, b'{"reasons": ["store"], "role": "standby", "leader": null}'), "is unknown"),
        ((503, b'{"reasons": ["starting"], "role": "starting", "leader": "mon1"}'), "starting"),
    ],
)
def test_who_does_not_say_that_it_does_not_lead_may_lead(place, monkeypatch, ready, said):
    monkeypatch.setattr(Handler, "ready", ready)
    found = standby(f"http://zincati:secret@{place}")
    assert found is None if said is None else said in (found or "")


def test_a_standby_is_never_asked_for_the_lock(place, monkeypatch, capsys):
    monkeypatch.setattr(Handler, "ready", (200, b'{"role": "standby", "leader": "mon2"}'))
    programs = Programs()
    assert reboot_if_due(f"http://zincati:secret@{place}", DUE, standby, post, programs) == 0
    assert [path for path, _, _ in Handler.seen] == ["/-/ready"]
    assert programs.diary == []
    out = capsys.readouterr().out
    assert f"http://{place} is passed over: standby: standby; who leads is mon2" in out
    assert "secret" not in out


def test_a_healer_that_hangs_keeps_no_other_from_being_asked(place, monkeypatch, capsys):
    """Its kernel takes the connection, and nobody ever answers."""
    monkeypatch.setattr(reboot_lock, "READY_SECONDS", 0.2)
    programs = Programs()
    with socket.create_server(("127.0.0.1", 0)) as hung:
        first = f"http://zincati:secret@127.0.0.1:{hung.getsockname()[1]}"
        assert reboot_if_due(f"{first}\nhttp://{place}\n", DUE, standby, post, programs) == 0
    assert programs.diary == ["systemctl reboot"]
    out = capsys.readouterr().out
    assert "is passed over: no answer: " in out
    assert "secret" not in out


def test_the_units_have_time_for_a_hung_healer_and_for_one_that_leads():
    """Seven healers, the last of which leads, after needrestart."""
    longest = 60.0 + 7 * (reboot_lock.CONNECT_SECONDS + reboot_lock.READY_SECONDS)
    longest += reboot_lock.CONNECT_SECONDS + reboot_lock.ANSWER_SECONDS
    for name in ("lock", "done"):
        unit = (ROOT / f"gate/systemd/hale-reboot-{name}.service").read_text()
        (minutes,) = re.findall(r"^TimeoutStartSec=(\d+)min$", unit, re.MULTILINE)
        assert int(minutes) * 60 > longest


@pytest.mark.parametrize(
    "password", ["hunter2/x", "hunter2#x", "hunter2?x", "8181/hunter2", "hunter2[x", "hunter2]x"]
)
def test_no_part_of_a_password_is_told_where_the_line_is_no_url(
    password, capsys: pytest.CaptureFixture[str]
):
    url = f"http://zincati:{password}@mon1:9595"
    assert reboot_if_due(url, DUE, reboot_lock.standby, reboot_lock.post, Programs()) == 1
    told = "".join(capsys.readouterr())
    assert "hunter2" not in told
    assert "8181" not in told
    assert "write / as %2F" in told


def test_a_password_with_escaped_signs_is_sent_as_it_is_meant():
    place, headers = reboot_lock._parted("http://zincati:a%2Fb%23c%3Fd%25@mon1:9595")
    assert place == "http://mon1:9595"
    assert base64.b64decode(headers["Authorization"].split()[1]) == b"zincati:a/b#c?d%"
