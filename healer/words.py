"""The commands that talk to the running healer: one row each in WORDS.

Each asks the healer over its control socket and shows what it answers.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from healer import archive, text
from healer.client import Client
from healer.errors import Malformed

REASON = "no reason given"


@dataclass(frozen=True, slots=True)
class Word:
    """One command that talks to the running healer.

    Attributes:
        name: As typed.
        purpose: One line for --help.
        example: What may follow it.
        asks: Gets the client and the arguments, returns the answer.
        tells: Turns the answer into text.
        takes: Positional arguments with their help; one that ends in `?` may be left out.
        options: Other arguments with their help; one that ends in `!` must be there.
    """

    name: str
    purpose: str
    example: str
    asks: Callable[[Client, argparse.Namespace], Any]
    tells: Callable[[Any], str]
    takes: Mapping[str, str]
    options: Mapping[str, str]


def _claim() -> dict[str, str]:
    user = os.environ.get("SUDO_USER", "")
    return {"claim": user} if user else {}


def _incidents(client: Client, args: argparse.Namespace) -> Any:
    state = "" if args.state == "all" else f"?state={quote(args.state)}"
    return client.get(f"/api/v1/incidents{state}")


def _show(client: Client, args: argparse.Namespace) -> Any:
    return client.get(f"/api/v1/incidents/{quote(args.incident, safe='')}")


def _explain(client: Client, args: argparse.Namespace) -> Any:
    given = {"target": args.target, "ladder": args.ladder, "alert": args.alert}
    return client.post("/api/v1/explain", _said(given))


def _said(given: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in given.items() if value is not None}


def _guards(client: Client, args: argparse.Namespace) -> Any:
    given = {"target": args.target, "action": args.action, "ladder": args.ladder}
    if args.target is None:
        for name, value in given.items():
            if value is not None:
                raise Malformed(
                    f"--{name} {value} is supposed of a target, and none is named. "
                    f"Say: hale-healer guards NODE/SERVICE --{name} {value}"
                )
        return client.get("/api/v1/guards")
    return client.post("/api/v1/guards", _said(given))


def _on_incident(name: str) -> Callable[[Client, argparse.Namespace], Any]:
    def ask(client: Client, args: argparse.Namespace) -> Any:
        return client.post(f"/api/v1/{name}", {"incident": args.incident, **_claim()})

    return ask


def _approve(client: Client, args: argparse.Namespace) -> Any:
    action = {"action": args.action} if args.action else {}
    return client.post("/api/v1/approve", {"incident": args.incident, **action, **_claim()})


def _close(client: Client, args: argparse.Namespace) -> Any:
    fields = {"incident": args.incident, "reason": args.reason}
    return client.post("/api/v1/close", {**fields, **_claim()})


def _freeze(client: Client, args: argparse.Namespace) -> Any:
    return client.post("/api/v1/freeze", {"reason": args.reason or REASON, **_claim()})


def _unfreeze(client: Client, _: argparse.Namespace) -> Any:
    return client.post("/api/v1/unfreeze", _claim())


def _hold(client: Client, args: argparse.Namespace) -> Any:
    given = {"node": args.node, "reason": args.reason, "for": args.for_}
    return client.post("/api/v1/hold", {**_said(given), **_claim()})


def _release(client: Client, args: argparse.Namespace) -> Any:
    return client.post("/api/v1/release", {"node": args.node, **_claim()})


def _maintenance(client: Client, args: argparse.Namespace) -> Any:
    given = {"what": args.what, "node": args.node, "for": args.for_, "reason": args.reason}
    return client.post("/api/v1/maintenance", {**_said(given), **_claim()})


def _roll(client: Client, args: argparse.Namespace) -> Any:
    given = {"group": args.group, "do": args.do, "canary": args.canary, "soak": args.soak}
    more = {"at-once": args.at_once, "window": args.window}
    return client.post("/api/v1/roll", {**_said({**given, **more}), **_claim()})


def _admit(client: Client, args: argparse.Namespace) -> Any:
    given = {"node": args.node, "starts-nothing": args.starts_nothing}
    return client.post("/api/v1/admit", {**_said(given), **_claim()})


def _admitted(answer: Any) -> str:
    """Say what was done, and each step with what it has and needs."""
    steps = [f"  {one['step']}: has {one['have']}, needs {one['need']}" for one in answer["steps"]]
    return "\n".join([answer["done"], *steps])


def _evidence(client: Client, args: argparse.Namespace) -> Any:
    answer = client.post("/api/v1/evidence", {"node": args.node})
    path = Path(args.file or f"evidence-{args.node}.tar.gz")
    try:
        sizes = archive.write(answer, path)
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from error
    return {"done": f"{path} has what is known of {args.node}", "file": str(path), "files": sizes}


def _done(answer: Any) -> str:
    about = f"incident {answer['incident']}: " if "incident" in answer else ""
    return f"{about}{answer['done']}"


ID = {"incident": "its number, as `hale-healer incidents` shows it"}
NODE = "its name in cluster.yml"
TARGET = "NODE/SERVICE, NODE, NODE:/MOUNTPOINT, or an incident's number"
STATES = {"state": "open (all that are not over, the default), all, or one state"}
SUPPOSED = {
    "ladder": "suppose this ladder instead of the packaged rules' own",
    "alert": "suppose this alert",
}

WORDS = (
    Word(
        "incidents",
        "list incidents, the newest first",
        "--state all",
        _incidents,
        lambda answer: text.incidents(answer["incidents"]),
        {},
        STATES,
    ),
    Word(
        "show",
        "show one incident: timeline, guards with have and need, attempts",
        "17",
        _show,
        text.incident,
        ID,
        {},
    ),
    Word(
        "explain",
        "say what would be done now, and what each guard says; nothing is done",
        "web1/nginx",
        _explain,
        text.explanation,
        {"target": TARGET},
        SUPPOSED,
    ),
    Word(
        "guards",
        "show every guard, its numbers, and what it says now of each open incident, or of one target",
        "web1/nginx --action node.reboot",
        _guards,
        text.registry,
        {"target?": TARGET},
        {
            "action": "suppose this action on the target, as service.restart",
            "ladder": SUPPOSED["ladder"],
        },
    ),
    Word(
        "marks",
        "show all that is taken away: what journal and gates say, and how it comes back",
        "--output json",
        lambda client, _: client.get("/api/v1/marks"),
        text.marks,
        {},
        {},
    ),
    Word(
        "status",
        "show how the healer itself stands",
        "",
        lambda client, _: client.get("/api/v1/status"),
        text.status,
        {},
        {},
    ),
    Word(
        "approve",
        "say yes to the next step of an incident, as it is now; good for one action",
        "17 --action service.restart",
        _approve,
        _done,
        ID,
        {
            "action": "what you agree to, as service.restart: refused where it would be something else"
        },
    ),
    Word("deny", "say no: the incident is yours", "17", _on_incident("deny"), _done, ID, {}),
    Word(
        "adopt",
        "put a pre-existing or escalated incident into Hale's hands",
        "17",
        _on_incident("adopt"),
        _done,
        ID,
        {},
    ),
    Word(
        "retry",
        "have what failed in an incident tried again, from the first rung",
        "17",
        _on_incident("retry"),
        _done,
        ID,
        {},
    ),
    Word(
        "close",
        "end an incident that you settled by hand",
        '17 --reason "replaced the disk"',
        _close,
        _done,
        ID,
        {"reason!": "how it was settled"},
    ),
    Word(
        "freeze",
        "let nothing be done anywhere until unfreeze",
        '"moving rack b"',
        _freeze,
        _done,
        {"reason?": "who reads it at night should know why"},
        {},
    ),
    Word("unfreeze", "let actions go on after a freeze", "", _unfreeze, _done, {}, {}),
    Word(
        "hold",
        "let nothing be done on or through one node",
        'web1 "replacing a fan" --for 2h',
        _hold,
        _done,
        {"node": NODE, "reason": "who reads it at night should know why"},
        {"for": "after which it ends by itself, as 30m, 2h or 1d; else `release` ends it"},
    ),
    Word(
        "release",
        "end every hold that was set on a node here",
        "web1",
        _release,
        _done,
        {"node": NODE},
        {},
    ),
    Word(
        "maintenance",
        "take a node out of service for work on it, and give it back",
        'start web1 --for 2h --reason "new fan"',
        _maintenance,
        _done,
        {"what": "start or end", "node": NODE},
        {
            "for": "by when it should be over, as 30m, 2h or 1d, default: 2h; its alerts are silenced as long",
            "reason": "who reads it at night should know why",
        },
    ),
    Word(
        "plan",
        "say what a roll of a group, or maintenance of a node, would do, and what each guard says; nothing is done",
        "web1",
        lambda client, args: client.post("/api/v1/plan", {"target": args.target}),
        text.plan,
        {"target": "a group or a node of cluster.yml"},
        {},
    ),
    Word(
        "roll",
        "patch a group node by node, a canary first, and stop at the first failure",
        "web --soak 10m",
        _roll,
        _done,
        {"group": "its name in cluster.yml"},
        {
            "do": "start (the default), stop, resume or end",
            "canary": "the node that goes first, default: the first in cluster.yml",
            "at-once": "so many nodes after it may be away at the same time, as 2 or 25%%, default: 1",
            "soak": "for which all has to stay well after each node, default: 5m",
            "window": "names of cluster.yml's windows in which a node may be begun, as night,weekend",
        },
    ),
    Word(
        "admit",
        "let a node come back after it was fenced or repaired",
        "web1",
        _admit,
        _admitted,
        {"node": NODE},
        {"starts-nothing": "how you know that its boot starts nothing that only one node may run"},
    ),
    Word(
        "evidence",
        "collect what a vendor asks for about a node in one archive",
        "web1 --file web1.tar.gz",
        _evidence,
        _done,
        {"node": NODE},
        {"file": "where it is written, default: evidence-NODE.tar.gz here"},
    ),
    Word(
        "reload",
        "read cluster.yml anew; the old one goes on where the new one is wrong",
        "",
        lambda client, _: client.post("/-/reload", _claim()),
        _done,
        {},
        {},
    ),
)
