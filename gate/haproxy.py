"""HAProxy by its runtime API: how it has each server, and the one thing that we ever set.

Format: HAProxy 2.6, management guide, 9.3, `show servers state` (version 1), `show info`, `show stat`. All that
belongs together is asked in one connection, so one worker answers it: around a reload there are two.
"""

import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

ANSWER_SECONDS = 2.0
"""For a whole answer. A stopped or wedged HAProxy still takes connections, and never answers them."""

ANSWER_BYTES = 8 * 1024 * 1024
_SHOW = "show info;show servers state;show stat -1 4 -1"

# Bits of srv_admin_state. The weight may be 0 besides, which drains as well.
_FORCED_MAINT, _INHERITED_MAINT, _CONFIGURED_MAINT, _RESOLUTION_MAINT = 0x01, 0x02, 0x04, 0x20
_FORCED_DRAIN, _INHERITED_DRAIN = 0x08, 0x10
_OPERATIONAL = {"0": "down", "1": "starting", "2": "up", "3": "stopping"}

READY, DRAIN, MAINT = "ready", "drain", "maint"


class Unanswered(Exception):  # reads as what happened
    """HAProxy did not answer, or not as the guide says. A command that was sent may yet be carried out."""


class NotRunning(Unanswered):
    """Nobody listens on the socket, so nothing was sent and no HAProxy balances."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a backend.

    Attributes:
        admin: ready, drain or maint.
        operational: up, down, starting or stopping, as HAProxy's own checks have it.
        sessions: Requests in progress.
        forced_maint: Whether maint was commanded or configured, which Hale never does.
        forced: Whether whatever keeps it from serving was commanded or configured.
        line: Its line of `show servers state` for HAProxy's next start, as if drained where it is ready.
    """

    admin: str
    operational: str
    sessions: int
    forced_maint: bool
    forced: bool
    line: str

    @property
    def serving(self) -> bool:
        """Whether HAProxy gives it new requests."""
        return self.admin == READY and self.operational == "up"


@dataclass(frozen=True, slots=True)
class Sight:
    """HAProxy at one moment.

    Attributes:
        pid: The worker that answered.
        stopping: Whether that worker is on its way out, so that another one has the new connections.
        columns: The two lines that a state file begins with.
        servers: By backend and server.
        said: What came before the answers: HAProxy's complaint about a command, or nothing.
    """

    pid: int
    stopping: bool
    columns: str
    servers: Mapping[tuple[str, str], Server]
    said: str

    def backend(self, name: str) -> Mapping[str, Server]:
        """Return the servers of one backend, by name."""
        return {server: found for (owner, server), found in self.servers.items() if owner == name}


class Balancer(Protocol):
    """What the gate asks of HAProxy."""

    def look(self, path: str) -> Sight:
        """Return how the HAProxy behind this socket has its servers, or raise Unanswered."""
        ...

    def set_state(self, path: str, backend: str, server: str, state: str) -> Sight:
        """Set one server to ready or drain and return what HAProxy then has, or raise Unanswered."""
        ...


@dataclass(frozen=True, slots=True)
class Haproxy:
    """The runtime API itself."""

    seconds: float = ANSWER_SECONDS

    def look(self, path: str) -> Sight:
        """Return how HAProxy has its servers.

        Raises:
            Unanswered: it is not there, did not answer within 2 s, or answered something else.
        """
        return parse(ask(path, _SHOW, self.seconds))

    def set_state(self, path: str, backend: str, server: str, state: str) -> Sight:
        """Set one server's administrative state, then return what the same worker has.

        Args:
            path: HAProxy's socket.
            backend: A name that gate.json lists; config.py saw to it that it is one word.
            server: As backend.
            state: ready or drain.

        Raises:
            Unanswered: as `look`. Unless it is NotRunning the state may yet be set.
        """
        return parse(
            ask(path, f"set server {backend}/{server} state {state};{_SHOW}", self.seconds)
        )


def ask(path: str, command: str, seconds: float) -> str:
    """Send one line of commands and return all that comes back.

    Raises:
        NotRunning: nobody listens.
        Unanswered: the answer was not complete in time, or it was too long.
    """
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as wire:
        wire.settimeout(seconds)
        try:
            wire.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunning(f"{path}: {error.strerror}") from error
        except OSError as error:  # EAGAIN of a full backlog as well: nobody takes connections
            raise Unanswered(f"{path}: {error}") from error
        try:
            wire.sendall(command.encode("ascii") + b"\n")
            return _read(wire, path, end, seconds)
        except OSError as error:
            raise Unanswered(f"{path}: no answer within {seconds:g} s ({error})") from error


def _read(wire: socket.socket, path: str, end: float, seconds: float) -> str:
    answer = bytearray()
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        chunk = wire.recv(65536)
        if not chunk:
            return answer.decode("utf-8", "replace")
        answer += chunk
        if len(answer) > ANSWER_BYTES:
            raise Unanswered(f"{path}: the answer is longer than {ANSWER_BYTES} bytes")
    raise Unanswered(f"{path}: no whole answer within {seconds:g} s")


def parse(text: str) -> Sight:
    """Read the answer to `show info;show servers state;show stat -1 4 -1`.

    Raises:
        Unanswered: a part is missing or is not what the guide describes.
    """
    said, _, rest = text.partition("Name: ")
    info = dict(re.findall(r"^(Pid|Stopping): (\d+)$", rest, re.MULTILINE))
    lines = rest.splitlines()
    try:
        at = next(n for n, line in enumerate(lines) if line.startswith("# be_id "))
        stat = next(n for n, line in enumerate(lines) if line.startswith("# pxname,"))
        if lines[at - 1] != "1":
            raise Unanswered(f"show servers state: version {lines[at - 1]!r:.40}, want 1")
        sessions = _sessions(lines[stat:])
        names = lines[at].removeprefix("# ").split()
        servers = {}
        for line in _block(lines[at + 1 :]):
            row = dict(zip(names, line.split(), strict=True))
            key = row["be_name"], row["srv_name"]
            servers[key] = _server(row, sessions.get(key, 0))
        columns = f"1\n{lines[at]}\n"
        return Sight(int(info["Pid"]), info["Stopping"] != "0", columns, servers, said.strip())
    except (StopIteration, KeyError, ValueError, IndexError) as error:
        raise Unanswered(f"HAProxy's answer cannot be read ({error!r}): {text[:200]!r}") from error


def _server(row: Mapping[str, str], sessions: int) -> Server:
    admin, idle = int(row["srv_admin_state"]), int(row["srv_uweight"]) == 0
    forced_maint = bool(admin & (_FORCED_MAINT | _CONFIGURED_MAINT))
    state = READY
    if admin & (_FORCED_DRAIN | _INHERITED_DRAIN) or idle:
        state = DRAIN
    if forced_maint or admin & (_INHERITED_MAINT | _RESOLUTION_MAINT):
        state = MAINT
    kept = admin | _FORCED_DRAIN if state == READY else admin
    return Server(
        admin=state,
        operational=_OPERATIONAL[row["srv_op_state"]],
        sessions=sessions,
        forced_maint=forced_maint,
        forced=forced_maint or idle or bool(admin & _FORCED_DRAIN),
        line=" ".join({**row, "srv_admin_state": str(kept)}.values()),
    )


def _sessions(lines: list[str]) -> dict[tuple[str, str], int]:
    scur = lines[0].split(",").index("scur")
    rows = [line.split(",") for line in _block(lines[1:])]
    return {(row[0], row[1]): int(row[scur] or 0) for row in rows}


def _block(lines: list[str]) -> list[str]:
    """Return the lines up to the empty one that ends each answer."""
    return lines[: lines.index("")] if "" in lines else lines
