"""A node that waits for a boot asks for a lock, boots, and says afterwards that it is well: a client of FleetLock.

Whoever speaks the protocol at the URL may answer, a healer or another, and nobody else: it is led nowhere, and uses no
proxy. Only a healer that says that it does not lead is not asked for the lock. Nothing is booted without one.
https://coreos.github.io/zincati/development/fleetlock/protocol/
"""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gate.machine import Machine
from gate.process import NotStarted, Ran
from gate.verb import Programs

URL_FILE = Path("/etc/hale/fleet_lock")
"""Where to ask, one URL a line, with NAME:PASSWORD@ before the host where they are asked for. Root alone reads it."""

GROUP = "default"
NOT_THE_ONE = frozenset({"standby", "not_leader"})
"""Kinds of the answers of a healer that does not lead: the next one may."""

CONNECT_SECONDS = 5.0
READY_SECONDS = 5.0
"""In which a healer says whether it leads. A process that hangs takes connections, and never does."""

ANSWER_SECONDS = 240.0
"""Whoever gives the lock has the node's users gone before it answers."""

LARGEST = 65536
NEEDRESTART = ("needrestart", "-b", "-k")
"""Asks whether the kernel that runs is the one that is installed; needrestart(1), batch mode."""

NOT_THE_KERNEL = (b"NEEDRESTART-KSTA: 2", b"NEEDRESTART-KSTA: 3")
NOT_NOW = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: 200, or why not."""

    status: int
    kind: str
    value: str


Post = Callable[[str, str, str], Answer]
"""Sends the id to what is below a URL; raises OSError where nobody answers."""

Standby = Callable[[str], str | None]
"""Asks who is at a URL why it does not lead; None where it may lead. Raises OSError where nobody answers in time."""


Now = Callable[[], AbstractContextManager[str]]
"""Says why this node may not boot now; empty where it may, and inside of it that stays so."""


def nothing_keeps_it() -> AbstractContextManager[str]:
    """Say of a node that it may boot."""
    return nullcontext("")


def reboot_if_due(
    urls: str,
    machine: Machine,
    standby: Standby,
    post: Post,
    programs: Programs,
    now: Now = nothing_keeps_it,
) -> int:
    """Boot this node if an upgrade waits for that, a lock is given, and nothing here keeps the node up.

    What does is asked before the lock and once more after it, since who gives a lock may take minutes, and may be
    another lock manager than a healer, which knows of no hold and moves nothing away first. Returns an exit status.
    """
    if not is_due(machine, programs):
        print("no boot is needed")
        return 0
    if machine.fleet_lock_id is None:
        print("this node has no machine id, so nobody can give it a lock")
        return 1
    with now() as why:
        pass  # whoever gives the lock has verbs to run here
    if why:
        print(f"not now: {why}")
        return NOT_NOW
    try:
        answer = _asked(urls, "v1/pre-reboot", machine.fleet_lock_id, standby, post)
    except OSError as error:
        print(f"nobody answers, so nothing is booted: {error}")
        return 1
    if answer.status != 200:
        print(f"not now: {answer.kind}: {answer.value}")
        return NOT_NOW
    with now() as why:
        if not why:
            print("locked; booting")
            ran: Ran = programs(("systemctl", "reboot"), 30.0)
            return 0 if ran.code in (0, None) else 1
    print(f"not now: {why}")
    return reboot_done(urls, machine, standby, post)


def reboot_done(urls: str, machine: Machine, standby: Standby, post: Post) -> int:
    """Say that this node is up and well; return an exit status, 1 to be asked again."""
    if machine.fleet_lock_id is None:
        return 0
    try:
        answer = _asked(urls, "v1/steady-state", machine.fleet_lock_id, standby, post)
    except OSError as error:
        print(f"nobody answers: {error}")
        return 1
    if answer.status != 200:
        print(f"not taken: {answer.kind}: {answer.value}")
        return 1
    print("whatever lock there was is given back")
    return 0


def _asked(urls: str, below: str, machine_id: str, standby: Standby, post: Post) -> Answer:
    """Ask one healer after the other until one answers that leads; else return what the last standby said.

    Each is asked shortly whether it leads, and only who may lead has the time that giving a lock takes. Who is passed
    over is printed, with why.

    Raises:
        OSError: none answers.
    """
    answer, silent = None, OSError(f"{URL_FILE}: no URL in it")
    for url in filter(None, map(str.strip, urls.splitlines())):
        try:
            why = standby(url)
            said = post(url, below, machine_id) if why is None else Answer(503, "standby", why)
        except OSError as error:
            silent = error
            print(f"{_shown(url)} is passed over: no answer: {error}")
            continue
        if said.kind not in NOT_THE_ONE:
            return said
        answer = said
        print(f"{_shown(url)} is passed over: {said.kind}: {said.value}")
    if answer is None:
        raise silent
    return answer


def is_due(machine: Machine, programs: Programs) -> bool:
    """Tell whether an upgrade waits for a boot, by Debian's own file or by needrestart."""
    if machine.reboot_required:
        return True
    try:
        ran = programs(NEEDRESTART, 60.0)
    except NotStarted:
        return False
    return any(line.strip() in NOT_THE_KERNEL for line in ran.output.splitlines())


def standby(url: str) -> str | None:
    """Return what a healer says that does not lead; None for all else, as older healers and other lock managers.

    Raises:
        OSError: nobody answers in time, or with something else than HTTP.
    """
    place, headers = _parted(url)
    asked = urllib.request.Request(f"{place}/-/ready", headers=headers)  # noqa: S310  # see _parted
    with _open(asked, READY_SECONDS) as found:
        body = _rest(found)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match said:
        case {"role": "standby" | "starting" as role, "leader": leader}:
            return f"{role}; who leads is {str(leader or 'unknown')[:100]}"
        case {"reasons": [*reasons]} if "not_leader" in reasons:
            return "it leads no more"
    return None


def post(url: str, below: str, machine_id: str) -> Answer:
    """Send one request of the protocol.

    Raises:
        OSError: nobody answers, or with something else.
    """
    body = json.dumps({"client_params": {"id": machine_id, "group": GROUP}}).encode("ascii")
    place, headers = _parted(url)
    headers["fleet-lock-protocol"] = "true"
    asked = urllib.request.Request(f"{place}/{below}", body, headers)  # noqa: S310  # see _parted
    with _open(asked, ANSWER_SECONDS) as found:
        if isinstance(found, urllib.error.HTTPError):
            return _refusal(found.code, _rest(found))
        return Answer(found.status, "", "")


def _open(asked: urllib.request.Request, seconds: float) -> HTTPResponse | urllib.error.HTTPError:
    no_proxy = urllib.request.ProxyHandler({})
    opener = urllib.request.build_opener(no_proxy, _NotLed, _Http, _Https)
    try:
        found: HTTPResponse = opener.open(asked, timeout=seconds)
    except urllib.error.HTTPError as error:
        return error
    except (HTTPException, ValueError) as error:
        raise OSError(f"no answer of HTTP: {error!r:.200}") from error
    return found


class _SoonThere(HTTPConnection):
    """Gives up soon on a host that takes no connection, and waits as long as it was told for an answer."""

    def connect(self) -> None:
        """Connect."""
        patience, self.timeout = self.timeout, CONNECT_SECONDS
        super().connect()
        self.sock.settimeout(patience)


class _SoonThereByTls(_SoonThere, HTTPSConnection):
    """The same over TLS."""


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        """Ask."""
        return self.do_open(_SoonThere, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        """Ask."""
        return self.do_open(_SoonThereByTls, req)


class _NotLed(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what is there would be a page that says 200 to everybody, and would get the password."""

    def redirect_request(self, *_: object) -> None:
        """Let it be an error like any other."""


def _rest(found: HTTPResponse | urllib.error.HTTPError) -> bytes:
    try:
        return found.read(LARGEST)
    except HTTPException:  # it ends in the midst
        return b""


def _refusal(status: int, body: bytes) -> Answer:
    try:
        found = json.loads(body)
        return Answer(status, str(found["kind"]), str(found["value"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Answer(status, f"http_{status}", "no error of the protocol")


_NO_URL = (
    "a line that is no URL like http://NAME:PASSWORD@10.77.0.10:9595. In a password write "
    "/ as %2F, ? as %3F, # as %23, [ as %5B, ] as %5D, % as %25"
)
"""Without a word of the line."""


def _shown(url: str) -> str:
    """Return a URL without its password."""
    try:
        return _parted(url)[0]
    except OSError:
        return "a line that is no URL"


def _parted(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without its userinfo, and the header that stands for that."""
    try:
        parts = urlsplit(url.strip())
        host, name, password = parts.hostname, parts.username, parts.password
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        # What it says has a part of the line in it, which may be of the password.
        raise OSError(f"{URL_FILE}: {_NO_URL}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise OSError(f"{URL_FILE}: want a URL like http://10.77.0.10:9595")
    if (
        "@" in f"{parts.path}{parts.query}{parts.fragment}"
    ):  # a part of the password, taken for a path
        raise OSError(f"{URL_FILE}: {_NO_URL}")
    shown = f"[{host}]" if ":" in host else host
    headers = {}
    if name is not None:
        pair = f"{unquote(name)}:{unquote(password or '')}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
    return f"{parts.scheme}://{shown}{port}{parts.path.rstrip('/')}", headers
