"""A gate that answers as it is told, and keeps a diary of what it was sent."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from healer.errors import Unreachable

HANG, HANG_UP = "hang", "hang up"
Script = Callable[[dict[str, Any]], list[Any]]


def welcome(**changes: Any) -> dict[str, Any]:
    """A hello's answer as docs/contracts.md has it."""
    return {
        "v": 1,
        "cluster": "first",
        "node": "web1",
        "boot_id": "b1",
        "ledger_id": "l1",
        "highest_token": [1, 4],
        "nonce": "n1",
        "holds": [{"reason": "migration", "until": None}],
        "marks": [],
        "seen": {},
    } | changes


def last(request: dict[str, Any], state: str, reason: str, **more: Any) -> dict[str, Any]:
    """The last line about a request."""
    return {
        "v": 1,
        "id": request["id"],
        "state": state,
        "reason": reason,
        "detail": "",
        "started_at": None,
        "ended_at": None,
        "boot_id": "b1",
    } | more


@dataclass
class ScriptedGate:
    """A Connector whose sessions all lead to one script.

    Attributes:
        script: Gives the lines that answer one line: dicts, bytes, HANG (silence) or HANG_UP.
        diary: What happened: "open", the messages, "close".
        welcomes: Answers to hello; the last one is used again and again.
    """

    script: Script = lambda request: [last(request, "done", "restarted")]
    welcomes: list[Any] = field(default_factory=lambda: [welcome()])
    diary: list[Any] = field(default_factory=list)
    refuses: str = ""

    async def open(self, node: str) -> "ScriptedChannel":
        self.diary.append("open")
        if self.refuses:
            raise Unreachable(self.refuses)
        return ScriptedChannel(self)

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [told for told in self.diary if isinstance(told, dict) and "verb" in told]


@dataclass
class ScriptedChannel:
    gate: ScriptedGate
    lines: list[Any] = field(default_factory=list)

    async def send(self, line: bytes) -> None:
        message = json.loads(line)
        self.gate.diary.append(message)
        if "hello" in message:
            left = self.gate.welcomes
            self.lines.append(left.pop(0) if len(left) > 1 else left[0])
        else:
            self.lines += self.gate.script(message)

    async def receive(self) -> bytes:
        line = self.lines.pop(0) if self.lines else HANG
        match line:
            case "hang":
                await asyncio.Event().wait()
            case "hang up":
                raise Unreachable("session ended: end of file")
            case bytes():
                return line
        return json.dumps(line).encode()

    async def close(self) -> None:
        self.gate.diary.append("close")
