"""Replay transcripts/*.txt. To accept new output: pytest --rewrite, then read the diff.

Commands: `hello [NAME...]`, `send KEY=VALUE...` (a restart of nginx on fresh facts, with changes; a
dotted key reaches inside, `-key` leaves one out), `settle ID [KEY=VALUE...]`, `raw TEXT`, `later SECONDS`,
`suspend SECONDS`, `reboot`, `hold REASON`, `release`, `unit KEY=VALUE...`, `restart works|fails|hangs|dies|lies`,
`check CODE OUTPUT`, `damage-hold`, `damage-ledger`, `reconnect`, `diary`.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.process import Ran
from tests.gate.fakes import Peer, World

TRANSCRIPTS = Path(__file__).parent / "transcripts"


class Replay:
    """A world, the session that is open in it, and the next action's number."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.ledger_id = ""
        self.number = 0
        self.connect()

    def connect(self) -> None:
        self.peer = Peer(self.world.diary)
        self.session = self.world.session(self.peer)
        with self.world.ledger.open() as book:
            self.ledger_id = book.header.ledger_id.hex

    def ask(self, line: bytes) -> list[str]:
        self.peer.lines.append(line)
        self.peer.answers.clear()
        self.session.serve()
        return [self.plain(answer) for answer in self.peer.answers] or ["(nothing)"]

    def plain(self, answer: bytes) -> str:
        found = json.loads(answer)
        shown = {
            k: v for k, v in found.items() if v is not None and k not in ("v", "boot_id", "marks")
        }
        if "settled" in shown:
            inner = shown["settled"].items()
            shown["settled"] = {k: v for k, v in inner if v is not None and k != "boot_id"}
        said = json.dumps(shown).replace(str(self.world.holds.state), "STATE")
        return said.replace(self.ledger_id, "LEDGER")

    def step(self, line: str) -> list[str]:
        word, _, rest = line.partition(" ")
        world = self.world
        match word:
            case "hello":
                return self.ask(dump({"v": 1, "hello": True, "look": rest.split()}))
            case "send":
                self.number += 1
                return self.ask(dump(change(self.request(), rest.split())))
            case "settle":
                self.number += 1
                settled, *changes = rest.split()
                request = self.request() | {"verb": "action.settle", "args": {"id": settled}}
                return self.ask(dump(change(request, changes)))
            case "raw":
                return self.ask(rest.encode("latin-1").decode("unicode_escape").encode("latin-1"))
            case "later":
                world.clock.pass_seconds(float(rest))
            case "reboot":
                world.clock.reboot()
                self.connect()
            case "set-wall-clock":
                world.clock.utc += int(float(rest) * 1e9)
            case "reconnect":
                self.connect()
            case "hold":
                world.holds.place(rest, None)
            case "release":
                world.holds.release()
            case "damage-hold":
                (world.holds.state / "hold.json").write_text(rest)
            case "damage-ledger":
                world.ledger.path.write_bytes(b"x" * world.ledger.path.stat().st_size)
            case "unit":
                values: dict[str, Any] = dict(pair.split("=") for pair in rest.split())
                old = world.systemd.units["nginx.service"]
                world.systemd.units["nginx.service"] = replace(old, **values)
            case "restart":
                world.systemd.next_restart = rest
            case "check":
                code, _, output = rest.partition(" ")
                world.programs.answer = Ran(None if code == "late" else int(code), output.encode())
            case "diary":
                happened = list(world.diary)
                world.diary.clear()
                return happened or ["(nothing was touched)"]
            case _:
                raise ValueError(line)
        return ["ok"]

    def request(self) -> dict[str, Any]:
        nginx = self.world.systemd.units["nginx.service"]
        return {
            "v": 1,
            "nonce": f"nonce-{self.world.nonces}",
            "id": f"1.4.{self.number}",
            "token": [1, 4],
            "store": "journal-x",
            "cluster": "first",
            "node": "web1",
            "verb": "service.restart",
            "args": {"unit": "nginx.service"},
            "expect": {
                "boot_id": str(self.world.clock.boot_id()),
                "units": {
                    "nginx.service": {
                        "active_state": nginx.active_state,
                        "invocation_id": nginx.invocation_id,
                    }
                },
            },
            "deadline_seconds": 30,
        }


def dump(message: object) -> bytes:
    return json.dumps(message).encode()


def change(message: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    for text in changes:
        key, _, value = text.partition("=")
        *path, last = key.removeprefix("-").split("/")
        inner = message
        for part in path:
            inner = inner[part]
        if key.startswith("-"):
            del inner[last]
        else:
            inner[last] = json.loads(value)
    return message


def replay(text: str, folder: Path) -> str:
    world = Replay(folder)
    out = []
    for line in text.splitlines():
        if line.startswith("  "):
            continue
        out.append(line)
        if line and not line.startswith("#"):
            out.extend(f"  {said}" for said in world.step(line))
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_a_transcript_is_answered_as_written(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    got = replay(path.read_text(), tmp_path)
    if request.config.getoption("--rewrite"):
        path.write_text(got)
    assert got == path.read_text()
