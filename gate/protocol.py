"""The gate's side of the protocol: a line in, a frozen request out, and every answer the gate can give.

Nothing here touches the node. A line that is not exactly what docs/contracts.md describes is
`Unreadable`, and the connection ends after the answer, since what follows it cannot be trusted either.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

from gate.ids import LARGEST, ActionId, Token
from gate.strict_json import Json, JsonObject, object_of

VERSION = 1
LINE_LIMIT = 64 * 1024
"""Bytes in one line with its newline, in both directions."""

LOOK_LIMIT = 256
DEADLINE_LIMIT = 3600.0
_STORE = re.compile(r"[\x21-\x7e]{1,128}")


class State(StrEnum):
    """How a request stands. All but BEGUN and RUNNING are final."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    VOIDED = "voided"
    RUNNING = "running"


class Reason(StrEnum):
    """Why an answer is what it is; docs/gate.md says what to do about each."""

    # refused: nothing was touched
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    VERSION = "version"
    MISCONFIGURED = "misconfigured"
    UNREACHABLE = "unreachable"
    WRONG_CLUSTER = "wrong_cluster"
    WRONG_NODE = "wrong_node"
    UNKNOWN_VERB = "unknown_verb"
    BAD_ARGUMENT = "bad_argument"
    NOT_LISTED = "not_listed"
    STALE_NONCE = "stale_nonce"
    LEDGER_UNWRITABLE = "ledger_unwritable"
    LOWER_TOKEN = "lower_token"  # noqa: S105  # a fencing token is no secret
    OTHER_STORE = "other_store"
    ID_REUSED = "id_reused"
    VOIDED = "voided"
    OLDER_THAN_LEDGER = "older_than_ledger"
    HELD = "held"
    BUSY = "busy"
    SPACING = "spacing"
    CONFIG_CHECK = "config_check"
    CHANGED = "changed"
    # failed: the verb ran and did not succeed
    START_FAILED = "start_failed"
    DEADLINE = "deadline"  # of `unknown` too, when PID 1 may still be at it
    # unknown: it may have happened; never run again
    INTERRUPTED = "interrupted"
    OTHER_BOOT = "other_boot"
    TORN_RECORD = "torn_record"
    RUNNING = "running"
    UNREADABLE = "unreadable"
    # done
    RESTARTED = "restarted"
    SETTLED = "settled"


class Refused(Exception):  # reads as what happened
    """The gate says no. Nothing was touched."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Unreadable(Refused):
    """The line is not one of the protocol's. Nothing was touched, and the connection must end."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A look at the node that changes nothing.

    Attributes:
        look: Names as sent; not yet compared with what gate.json lists.
    """

    look: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitExpect:
    """What the decision took a unit to be; `invocation_id` is empty for one that never started."""

    active_state: str
    invocation_id: str


@dataclass(frozen=True, slots=True)
class Expect:
    """What the decision rested on. `None` and absent units mean that nothing was said."""

    boot_id: str | None
    units: tuple[tuple[str, UnitExpect], ...]

    def unit(self, name: str) -> UnitExpect | None:
        """Return what was expected of that unit."""
        return dict(self.units).get(name)


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt at one verb.

    Attributes:
        args: The verb's own arguments, which only the verb can read.
        deadline_seconds: Time the whole request may take from its arrival; None where none was sent.
        content: Canonical text of all but the nonce; the same id must come with the same content.
    """

    nonce: str
    id: ActionId
    token: Token
    store: str
    cluster: str
    node: str
    verb: str
    args: JsonObject
    expect: Expect
    deadline_seconds: float | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action stands: what the last line says of it, and what settle returns.

    Attributes:
        reason: A Reason, or the word that another version of the gate has stored.
        started_at: When `begun` became durable, None if it never did. RFC 3339, the node's wall clock.
        ended_at: None while running and where nobody saw the end.
        boot_id: The boot in which it ran.
    """

    state: State
    reason: str
    detail: str
    started_at: str | None = None
    ended_at: str | None = None
    boot_id: str | None = None


def parse_line(line: bytes) -> Hello | Request:
    """Read one line, without its newline.

    Raises:
        Unreadable: malformed, unknown_key or version; nothing was touched.
    """
    try:
        message = object_of(line)
        # Before the keys: another version may have other keys, and the answer should say so.
        version = message.pop("v", None)
        if type(version) is not int or version != VERSION:
            raise Unreadable(Reason.VERSION, f"v is {version!r:.40}, this gate speaks {VERSION}")
        return _hello(message) if "hello" in message else _request(message)
    except ValueError as error:
        raise Unreadable(Reason.MALFORMED, str(error)[:300]) from error


def _hello(message: JsonObject) -> Hello:
    _only(message, "hello", "look")
    if message["hello"] is not True:
        raise ValueError("hello: want true")
    look = message.get("look", [])
    if not isinstance(look, list) or len(look) > LOOK_LIMIT:
        raise ValueError(f"look: want a list of at most {LOOK_LIMIT} names")
    return Hello(tuple(_text(name, "look[]") for name in look))


def _request(message: JsonObject) -> Request:
    _only(
        message,
        *("nonce", "id", "token", "store", "cluster", "node", "verb", "args", "expect"),
        "deadline_seconds",
    )
    action = ActionId.parse(_text(message.get("id"), "id"))
    token = _token(message.get("token"))
    if action.token != token:
        raise ValueError(f"id {action} was not given out under token {token}")
    store = _text(message.get("store"), "store")
    if not _STORE.fullmatch(store):
        raise ValueError("store: want 1 to 128 printable ASCII characters without spaces")
    content = {key: value for key, value in message.items() if key != "nonce"}
    return Request(
        nonce=_text(message.get("nonce"), "nonce"),
        id=action,
        token=token,
        store=store,
        cluster=_text(message.get("cluster"), "cluster"),
        node=_text(message.get("node"), "node"),
        verb=_text(message.get("verb"), "verb"),
        args=_object(message.get("args"), "args"),
        expect=_expect(_object(message.get("expect", {}), "expect")),
        deadline_seconds=_deadline(message.get("deadline_seconds")),
        content=json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii"),
    )


def _expect(found: JsonObject) -> Expect:
    _only(found, "boot_id", "units", where="expect.")
    units = []
    for name, value in _object(found.get("units", {}), "expect.units").items():
        where = f"expect.units[{name[:80]!r}]"
        fields = _object(value, where)
        _only(fields, "active_state", "invocation_id", where=where + ".")
        units.append(
            (
                name,
                UnitExpect(
                    _text(fields.get("active_state"), where + ".active_state"),
                    _text(fields.get("invocation_id"), where + ".invocation_id"),
                ),
            )
        )
    boot_id = found.get("boot_id")
    return Expect(None if boot_id is None else _text(boot_id, "expect.boot_id"), tuple(units))


def _token(value: Json) -> Token:
    match value:
        case [int(era), int(term)] if type(era) is type(term) is int:
            if 0 <= era <= LARGEST and 0 <= term <= LARGEST:
                return Token(era, term)
    raise ValueError("token: want [era, term], two numbers from 0 to 2^63-1")


def _deadline(value: Json) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("deadline_seconds: want a number")
    if not 0 < value <= DEADLINE_LIMIT:
        raise ValueError(f"deadline_seconds: want more than 0 and at most {DEADLINE_LIMIT:g}")
    return float(value)


def _object(value: Json, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: want an object")
    return value


def _text(value: Json, where: str) -> str:
    if not isinstance(value, str) or len(value) > 256:
        raise ValueError(f"{where}: want text of at most 256 characters")
    return value


def _only(found: JsonObject, *known: str, where: str = "") -> None:
    for key in found:
        if key not in known:
            raise Unreadable(
                Reason.UNKNOWN_KEY, f"{where}{key[:80]!r} is unknown. Known: {', '.join(known)}"
            )
