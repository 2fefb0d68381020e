"""Patroni by its REST API: how it has its cluster, how this member is, and the few things that we ever ask of it.

Format: Patroni 3.0.2, `patroni/api.py` and `utils.cluster_as_json`. What members say of themselves stands in the
cluster's own store, as old as Patroni's loop (10 s by default), and goes away with the member (its `ttl`).
"""

import base64
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gate.database_rule import DatabaseRule
from gate.strict_json import Json, JsonObject

ANSWER_SECONDS = 3.0
"""For a whole answer. One that waits for its own store answers after up to `retry_timeout`: too late for us."""

ANSWER_BYTES = 1024 * 1024
CREDENTIALS_BYTES = 512

_LEADERS = ("leader", "standby_leader")
SYNC_STANDBY = "sync_standby"

RUNNING = ("running", "streaming")
"""States of a member that serves. Patroni 3.0 knows the first alone, later ones say `streaming` of a replica."""

_OFF = (False, None, 0, "false", "off", "no", "0", "")
"""What Patroni's parse_bool takes for no; anything else is treated as yes, which refuses more."""


class Unanswered(Exception):  # reads as what happened
    """Patroni did not answer, or not as its source says. What was asked of it may yet be done."""


class NotSent(Unanswered):
    """It could not be reached, or the credentials cannot be read: nothing was asked of it."""


class NotRunning(NotSent):
    """Nobody listens, so no Patroni runs here."""


class OtherCluster(Unanswered):
    """It answered, and is the Patroni of another cluster than cluster.yml says."""


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """One member of a database, as it last told the cluster's store.

    Attributes:
        role: leader, standby_leader, sync_standby or replica.
        state: running, stopped, start failed, creating replica and the like.
        timeline: None where it does not run.
        lag_bytes: How far it is behind the leader; None for the leader, and where nobody knows.
        barred: Whether Patroni never makes it the leader (tag nofailover).
    """

    role: str
    state: str
    timeline: int | None
    lag_bytes: int | None
    barred: bool

    @property
    def running(self) -> bool:
        """Whether its PostgreSQL serves."""
        return self.state in RUNNING


@dataclass(frozen=True, slots=True)
class Sight:
    """A database at one moment.

    Attributes:
        leader: None while there is none, or it tells nothing of itself.
        timeline: The leader's.
        paused: Whether a person told Patroni to leave everything as it is.
        synchronous: Whether a commit waits for a standby, so that only that one may lead next.
        scheduled: Whether a person planned a switchover, which another one would cancel.
    """

    leader: str | None
    timeline: int | None
    paused: bool
    synchronous: bool
    scheduled: bool
    members: Mapping[str, MemberSeen]


@dataclass(frozen=True, slots=True)
class Own:
    """This node's member, as its own Patroni has it right now.

    Attributes:
        primary: Whether it takes writes.
        started_at: When its PostgreSQL started, as Patroni writes it; empty where it does not run.
        streaming: The members that stream from it, by name.
        barred: As MemberSeen.
    """

    state: str
    primary: bool
    timeline: int | None
    started_at: str
    streaming: tuple[str, ...]
    barred: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What Patroni answered to a request that changes something."""

    status: int
    text: str

    @property
    def good(self) -> bool:
        """Whether it did it, or took it on."""
        return self.status in (200, 202)


class Patroni(Protocol):
    """What the gate asks of a Patroni."""

    def look(self, rule: DatabaseRule) -> Sight:
        """Return the database as the cluster's store has it, or raise Unanswered."""
        ...

    def own(self, rule: DatabaseRule) -> Own:
        """Return this node's member, or raise Unanswered, or OtherCluster where it is another cluster's."""
        ...

    def post(self, rule: DatabaseRule, path: str, body: JsonObject, seconds: float) -> Said:
        """Ask for something, and wait up to `seconds` for the answer, or raise Unanswered."""
        ...


@dataclass(frozen=True, slots=True)
class RestApi:
    """The API itself."""

    seconds: float = ANSWER_SECONDS

    def look(self, rule: DatabaseRule) -> Sight:
        """Ask for the cluster and for its settings.

        Raises:
            Unanswered: it is not there, did not answer both within 3 s, or answered something else.
        """
        end = time.monotonic() + self.seconds
        found = self._get(rule, "/cluster", end)
        return parse(found, self._get(rule, "/config", end))

    def own(self, rule: DatabaseRule) -> Own:
        """Ask for the member.

        Raises:
            OtherCluster: its scope is not the rule's, whatever its members are called.
            Unanswered: as `look`.
        """
        found = self._get(rule, "/patroni", time.monotonic() + self.seconds)
        _of_cluster(found, rule)
        return parse_own(found)

    def post(self, rule: DatabaseRule, path: str, body: JsonObject, seconds: float) -> Said:
        """Ask for something.

        Raises:
            Unanswered: unless it is NotSent, it may yet be done.
        """
        status, text = _exchange(rule, "POST", path, body, time.monotonic() + seconds)
        return Said(status, text.strip()[:200])

    def _get(self, rule: DatabaseRule, path: str, end: float) -> JsonObject:
        status, text = _exchange(rule, "GET", path, None, end)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unanswered(f"{path}: {status} without JSON: {text[:80]!r}") from error
        if status != 200 or not isinstance(found, dict):
            raise Unanswered(f"{path}: {status} {text[:80]!r}")
        return found


# --- What the answers mean --------------------------------------------------------------------


def parse(cluster: JsonObject, config: JsonObject) -> Sight:
    """Read the answers to /cluster and /config.

    Raises:
        Unanswered: a part is missing or is not what Patroni's source says.
    """
    try:
        listed = cluster["members"]
        if not isinstance(listed, list):
            raise TypeError("members: want a list")
        members = {_text(one, "name"): _member(one) for one in map(_object, listed)}
    except (KeyError, TypeError) as error:
        raise Unanswered(f"/cluster cannot be read ({error!r}): {str(cluster)[:200]}") from error
    leader = next((name for name, one in members.items() if one.role in _LEADERS), None)
    standby = any(one.role == SYNC_STANDBY for one in members.values())
    return Sight(
        leader=leader,
        timeline=members[leader].timeline if leader is not None else None,
        paused=cluster.get("pause", False) not in _OFF,
        synchronous=standby or config.get("synchronous_mode") not in _OFF,
        scheduled="scheduled_switchover" in cluster,
        members=members,
    )


def parse_own(found: JsonObject) -> Own:
    """Read the answer to /patroni.

    Raises:
        Unanswered: as `parse`.
    """
    try:
        senders = found.get("replication", [])
        if not isinstance(senders, list):
            raise TypeError("replication: want a list")
        streaming = [one for one in map(_object, senders) if one.get("state") == "streaming"]
        return Own(
            state=_text(found, "state"),
            primary=_text(found, "role") in ("master", "primary"),
            timeline=_number(found.get("timeline")),
            started_at=str(found.get("postmaster_start_time") or ""),
            streaming=tuple(_text(one, "application_name") for one in streaming),
            barred=_barred(found),
        )
    except (KeyError, TypeError) as error:
        raise Unanswered(f"/patroni cannot be read ({error!r}): {str(found)[:200]}") from error


def _of_cluster(found: JsonObject, rule: DatabaseRule) -> None:
    about = found.get("patroni")
    scope = about.get("scope") if isinstance(about, dict) else None
    if scope != rule.scope:
        raise OtherCluster(
            f"{rule.url} is Patroni of the cluster {str(scope)[:80]!r}, want {rule.scope!r}"
        )


def _member(one: JsonObject) -> MemberSeen:
    return MemberSeen(
        role=_text(one, "role"),
        state=_text(one, "state"),
        timeline=_number(one.get("timeline")),
        lag_bytes=_number(one.get("lag")),  # `unknown` of one that does not run
        barred=_barred(one),
    )


def _barred(found: JsonObject) -> bool:
    tags = found.get("tags", {})
    return not isinstance(tags, dict) or tags.get("nofailover") not in _OFF


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"want an object, got {value!r:.40}")
    return value


def _text(found: JsonObject, key: str) -> str:
    value = found[key]
    if not isinstance(value, str):
        raise TypeError(f"{key}: want a text, got {value!r:.40}")
    return value


def _number(value: Json) -> int | None:
    return value if type(value) is int and value >= 0 else None


# --- The wire ---------------------------------------------------------------------------------


def _exchange(
    rule: DatabaseRule, method: str, path: str, body: "JsonObject | None", end: float
) -> tuple[int, str]:
    """Send one request and return the status and the body of the answer.

    HTTP/1.0, so that the answer is all that comes until the other side closes. Proxies play no part.

    Raises:
        NotSent: nobody listens, or the credentials cannot be read.
        Unanswered: the answer was not complete by `end` (CLOCK_MONOTONIC), or it is too long or no HTTP.
    """
    request = _request(rule, method, path, body)
    try:
        wire = socket.create_connection((rule.host, rule.port), max(0.01, end - time.monotonic()))
    except ConnectionRefusedError as error:
        raise NotRunning(f"{rule.url}: {error.strerror}") from error
    except OSError as error:
        raise NotSent(f"{rule.url}: {error}") from error
    with wire:
        try:
            wire.sendall(request)
            answer = _read(wire, rule, end)
        except OSError as error:
            raise Unanswered(f"{rule.url}{path}: no whole answer in time ({error})") from error
    head, _, rest = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise Unanswered(f"{rule.url}{path}: closed without an answer, got {answer[:80]!r}")
    return int(words[1]), rest.decode("utf-8", "replace")


def _request(rule: DatabaseRule, method: str, path: str, body: "JsonObject | None") -> bytes:
    content = b"" if body is None else json.dumps(body).encode("ascii")
    lines = [f"{method} {path} HTTP/1.0", f"Host: {rule.host}", "Accept: application/json"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    if rule.credentials is not None:
        lines.append(f"Authorization: Basic {_credentials(rule.credentials)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + content


def _credentials(path: str) -> str:
    """Return what Basic authentication sends of a file with `user:password` on its first line.

    Raises:
        NotSent: it cannot be read, or has no such line. The text of the file is never told.
    """
    try:
        with Path(path).open("rb") as file:
            line = file.read(CREDENTIALS_BYTES).partition(b"\n")[0].strip()
    except OSError as error:
        raise NotSent(f"{path}: {error.strerror}") from error
    if b":" not in line:
        raise NotSent(f"{path}: want user:password on the first line")
    return base64.b64encode(line).decode("ascii")


def _read(wire: socket.socket, rule: DatabaseRule, end: float) -> bytes:
    answer = bytearray()
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        chunk = wire.recv(65536)
        if not chunk:
            return bytes(answer)
        answer += chunk
        if len(answer) > ANSWER_BYTES:
            raise Unanswered(f"{rule.url}: the answer is longer than {ANSWER_BYTES} bytes")
    raise Unanswered(f"{rule.url}: no whole answer in time")
