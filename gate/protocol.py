"""The gate's side of the protocol: a line in, a frozen request out, and every answer the gate can give.

Nothing here touches the node. A line that is not exactly what docs/contracts.md describes is
`Unreadable`, and the connection ends after the answer, since what follows it cannot be trusted either.
"""

import json
import re
from dataclasses import dataclass

from gate import expect
from gate.expect import Expect
from gate.ids import LARGEST, ActionId, Token
from gate.message import object_at, only, text_at
from gate.strict_json import Json, JsonObject, object_of
from gate.words import Reason, Unreadable

VERSION = 1
LINE_LIMIT = 64 * 1024
"""Bytes in one line with its newline, in both directions."""

LOOK_LIMIT = 256
DEADLINE_LIMIT = 3600.0
_STORE = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Hello:
    """A look at the node that changes nothing.

    Attributes:
        look: Names as sent; not yet compared with what gate.json lists.
    """

    look: tuple[str, ...]


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
    only(message, "hello", "look")
    if message["hello"] is not True:
        raise ValueError("hello: want true")
    look = message.get("look", [])
    if not isinstance(look, list) or len(look) > LOOK_LIMIT:
        raise ValueError(f"look: want a list of at most {LOOK_LIMIT} names")
    return Hello(tuple(text_at(name, "look[]") for name in look))


def _request(message: JsonObject) -> Request:
    only(
        message,
        *("nonce", "id", "token", "store", "cluster", "node", "verb", "args", "expect"),
        "deadline_seconds",
    )
    action = ActionId.parse(text_at(message.get("id"), "id"))
    token = _token(message.get("token"))
    if action.token != token:
        raise ValueError(f"id {action} was not given out under token {token}")
    store = text_at(message.get("store"), "store")
    if not _STORE.fullmatch(store):
        raise ValueError("store: want 1 to 128 printable ASCII characters without spaces")
    content = {key: value for key, value in message.items() if key != "nonce"}
    return Request(
        nonce=text_at(message.get("nonce"), "nonce"),
        id=action,
        token=token,
        store=store,
        cluster=text_at(message.get("cluster"), "cluster"),
        node=text_at(message.get("node"), "node"),
        verb=text_at(message.get("verb"), "verb"),
        args=object_at(message.get("args"), "args"),
        expect=expect.parse(object_at(message.get("expect", {}), "expect")),
        deadline_seconds=_deadline(message.get("deadline_seconds")),
        content=json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii"),
    )


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
