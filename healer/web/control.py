"""The commands of people, on the unix socket: who may give them, and what each does.

The kernel says who is there (SO_PEERCRED). Rule: every word is checked here before Operators hears it.
"""

import json
import pwd
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.topology import EXPORTER
from healer.errors import Malformed, Refused
from healer.shapes import ExplanationView
from healer.views import explanation_view, rfc3339
from healer.web.answers import Handler, answer, refusal
from healer.web.desk import DESK, Desk

MOST_BYTES = 64 * 1024
"""Of a command's body."""

LONGEST_REASON = 200
"""Characters of a freeze's reason; it stands in every hold and in an alert."""

CLAIM = re.compile(r"[A-Za-z0-9._@-]{1,64}")
"""What sudo says of who is behind it: login names, also of directories."""

ALLOWED = web.AppKey("ALLOWED", frozenset)

Does = Callable[[Desk, Mapping[str, str], str], Awaitable[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        does: Gets the fields and who says so; returns the answer.
        needs: Fields that must be there.
        may: Fields that may be there.
    """

    does: Does
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


def routes() -> list[web.RouteDef]:
    """Return the routes of the commands."""
    return [web.post("/api/v1/{command}", command)]


@web.middleware
async def root_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse whoever is not root, nor the healer itself."""
    allowed: frozenset[int] = request.app[ALLOWED]
    uid = peer_uid(request)
    if uid not in allowed:
        who = "nobody knows who" if uid is None else login(uid)
        detail = f"only root gives the healer commands, and this is {who}: use sudo"
        return refusal(403, "not_root", detail)
    return await handler(request)


def peer_uid(request: web.Request) -> int | None:
    """Return the user id behind a unix socket as the kernel knows it; None where there is none."""
    found = request.get_extra_info("socket")
    if found is None or found.family != socket.AF_UNIX:
        return None
    # struct ucred of unix(7): pid, uid, gid.
    credentials = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def login(uid: int) -> str:
    """Return the login name of a user id, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


async def command(request: web.Request) -> web.Response:
    """Do what a person said.

    Raises:
        Refused: It cannot be done now; nothing was changed.
        Malformed: It makes no sense; nothing was changed.
        StoreFull: It cannot be made durable; nothing was changed.
        LeaseLost: Another healer leads; nothing was changed.
    """
    name = request.match_info["command"]
    known = COMMANDS.get(name)
    if known is None:
        return refusal(404, "unknown_command", f"there are {', '.join(sorted(COMMANDS))}")
    fields = _fields(name, known, await request.read())
    uid = peer_uid(request)
    # root_only let it pass, so there is one.
    by = _by(login(uid if uid is not None else -1), fields.pop("claim", ""))
    desk = request.app[DESK]
    done = await known.does(desk, fields, by)
    desk.wake()
    return answer(done)


def _fields(name: str, known: Command, body: bytes) -> dict[str, str]:
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"{name}: the body is not JSON: {exc}") from exc
    if not isinstance(fields, dict):
        raise Malformed(f"{name}: the body has to be an object")
    may = known.needs | known.may | {"claim"}
    wrong = sorted(set(fields) - may)
    missing = sorted(known.needs - set(fields))
    if wrong or missing:
        raise Malformed(f"{name}: unknown fields {wrong}, missing fields {missing}")
    for key, value in fields.items():
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise Malformed(f"{name}: {key} has to be one line of printable text")
        if len(value) > LONGEST_REASON:
            raise Malformed(f"{name}: {key} has {len(value)} characters, of {LONGEST_REASON}")
    return fields


def _by(name: str, claim: str) -> str:
    """Return who says so: what the kernel knows, and what sudo claims beside it."""
    if not claim or claim == name:
        return name
    if not CLAIM.fullmatch(claim):
        raise Malformed(f"claim: {claim!r} is no login name")
    return f"{name} (sudo: {claim})"


async def _approve(desk: Desk, fields: Mapping[str, str], by: str) -> dict[str, object]:
    given = await desk.operators.approve(fields["incident"], by)
    said = f"yes to rung {given.rung + 1} on {given.target}, good until {rfc3339(given.until)}"
    return {"done": said, "incident": given.incident, "by": by, "until": rfc3339(given.until)}


async def _deny(desk: Desk, fields: Mapping[str, str], by: str) -> dict[str, object]:
    await desk.operators.deny(fields["incident"], by)
    return {"done": "denied: it is yours now", "incident": fields["incident"], "by": by}


async def _freeze(desk: Desk, fields: Mapping[str, str], by: str) -> dict[str, object]:
    reason = fields.get("reason", "no reason given")
    await desk.operators.freeze(reason, by)
    return {"done": "frozen: nothing is begun until unfreeze", "by": by, "freeze": reason}


async def _unfreeze(desk: Desk, _: Mapping[str, str], by: str) -> dict[str, object]:
    await desk.operators.unfreeze(by)
    done = "actions may go on; what fires at this moment is pre-existing, see hale-healer adopt"
    return {"done": done, "by": by}


async def _adopt(desk: Desk, fields: Mapping[str, str], by: str) -> dict[str, object]:
    await desk.operators.adopt(fields["incident"], by)
    return {"done": "it is in Hale's hands", "incident": fields["incident"], "by": by}


async def _explain(desk: Desk, fields: Mapping[str, str], _: str) -> dict[str, object]:
    aim = fields["target"]
    shown = await (_real(desk, aim) if aim.isdecimal() else _supposed(desk, aim, fields))
    return {**shown}


async def _real(desk: Desk, incident_id: str) -> ExplanationView:
    incident = desk.journal.board.incidents.get(incident_id)
    if incident is None:
        known = ", ".join(one.id for one in desk.journal.board.open) or "none"
        raise Refused("unknown_incident", f"no incident {incident_id}; open ones: {known}")
    facts = await desk.gatherer.read(incident, desk.watch.standing())
    return explanation_view(incident, decide(incident, facts, None), incident.id)


async def _supposed(desk: Desk, aim: str, fields: Mapping[str, str]) -> ExplanationView:
    node, _, service = aim.partition("/")
    target = Target(node, service or None)
    if not desk.topology.knows(target):
        known = ", ".join(desk.topology.nodes)
        raise Refused(
            "unknown_target", f"cluster.yml has no {aim}; nodes: {known}; say NODE/SERVICE"
        )
    # The alert that the packaged rules would raise for such a target.
    alert, ladder = {
        "": ("NodeDown", "none"),
        EXPORTER: ("ExporterDown", "restart-exporter"),
    }.get(service, ("ServiceDown", "restart-service"))
    alert, ladder = fields.get("alert", alert), fields.get("ladder", ladder)
    if ladder == "none":
        return ExplanationView(
            target=aim,
            incident=None,
            alert=alert,
            ladder=ladder,
            decision="stay",
            action="",
            reason="no_ladder",
            sentence=f"{alert} has no ladder: Alertmanager tells people, and Hale does nothing.",
            guards=[],
        )
    told = await desk.operators.explain(target, ladder, alert)
    return explanation_view(told.incident, told.decision, None)


ONE = frozenset({"incident"})

COMMANDS: Mapping[str, Command] = {
    "approve": Command(_approve, ONE),
    "deny": Command(_deny, ONE),
    "adopt": Command(_adopt, ONE),
    "freeze": Command(_freeze, may=frozenset({"reason"})),
    "unfreeze": Command(_unfreeze),
    "explain": Command(_explain, frozenset({"target"}), frozenset({"ladder", "alert"})),
}
