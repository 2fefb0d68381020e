"""The healer's side of the gate protocol, version 1: values to lines, and the lines that tell how a request ended.

What the answer to hello says is read in healer.adapters.gate_welcome. Format: docs/contracts.md, "The gate protocol".
Rule: a line that is not exactly that raises ValueError; what this means depends on when it was heard, which only the
session knows.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from healer.core.attempt import Outcome
from healer.core.order import Ended, Order, Token

LINE_LIMIT = 64 * 1024
"""Bytes in one line with its newline, in both directions."""

LOOK_LIMIT = 256
"""Names that one hello may ask for."""


class Line(BaseModel):
    """One line of a gate: nothing missing, nothing more, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Settled(Line):
    """How a settled action stands."""

    state: Literal["done", "failed", "refused", "unknown", "voided", "running"]
    reason: str
    detail: str
    started_at: str | None = None
    ended_at: str | None = None
    boot_id: str | None = None

    def ended(self) -> Ended | None:
        """Return how it ended; None while it runs."""
        if self.state == "running":
            return None
        if self.state == "voided":
            return Ended(Outcome.NOT_SENT, self.reason or "voided", self.detail)
        return Ended(Outcome(self.state), self.reason, self.detail)


class Answer(Line):
    """One line about a request.

    Attributes:
        id: None where the gate could not read which request it was.
    """

    v: Literal[1]
    id: str | None
    state: Literal["begun", "done", "failed", "refused", "unknown"]
    reason: str = ""
    detail: str = ""
    started_at: str | None = None
    ended_at: str | None = None
    boot_id: str | None = None
    settled: Settled | None = None

    def ended(self) -> Ended:
        """Return the end that this line tells; only for a state other than begun."""
        return Ended(Outcome(self.state), self.reason, self.detail)


def hello(names: tuple[str, ...]) -> bytes:
    """Ask who is there and what those names are like.

    Raises:
        ValueError: More was asked for than one line holds.
    """
    if len(names) > LOOK_LIMIT:
        msg = f"{len(names)} names to look at, a gate answers {LOOK_LIMIT} at most"
        raise ValueError(msg)
    return _line({"v": 1, "hello": True, "look": list(names)})


def request(order: Order, *, cluster: str, token: Token, nonce: str) -> bytes:
    """Ask for a verb.

    Raises:
        ValueError: `order.expect` is not a JSON object, or the line is too long.
    """
    expect = json.loads(order.expect or "{}")
    if not isinstance(expect, dict):
        msg = f"expect of {order.action_id} is not a JSON object: {order.expect[:80]}"
        raise ValueError(msg)
    return _line(
        {
            **_addressed(order.action_id, order.node, cluster, token, nonce),
            "verb": order.verb,
            "args": dict(order.args),
            "expect": expect,
            "deadline_seconds": order.deadline_seconds,
        }
    )


def settle(action_id: str, *, node: str, cluster: str, token: Token, nonce: str) -> bytes:
    """Ask how an action ended."""
    return _line(
        {
            **_addressed(settle_id(token), node, cluster, token, nonce),
            "verb": "action.settle",
            "args": {"id": action_id},
            "expect": {},
        }
    )


def settle_id(token: Token) -> str:
    """Return the id of every settle: the token's number 0, which no action has.

    Settling leaves no entry of its own in the ledger, so that its id may come again.
    """
    return f"{token.era}.{token.term}.0"


def _addressed(action_id: str, node: str, cluster: str, token: Token, nonce: str) -> dict[str, Any]:
    return {
        "v": 1,
        "nonce": nonce,
        "id": action_id,
        "token": [token.era, token.term],
        "store": token.store,
        "cluster": cluster,
        "node": node,
    }


def _line(body: dict[str, Any]) -> bytes:
    line = json.dumps(body, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > LINE_LIMIT:
        msg = f"a line of {len(line)} bytes, a gate takes {LINE_LIMIT} at most"
        raise ValueError(msg)
    return line


def answer_of(line: bytes, action_id: str) -> Answer:
    """Read one line about a request.

    Raises:
        ValueError: It is something else, or about another request.
    """
    answer = Answer.model_validate_json(line)
    if answer.id is None and answer.state == "refused" and answer.reason != "unreachable":
        return answer  # the gate could not even read the id, so it touched nothing
    if answer.id != action_id:
        msg = f"the answer is about {answer.id!r}, the request was {action_id!r}"
        raise ValueError(msg)
    return answer
