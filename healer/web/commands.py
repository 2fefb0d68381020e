"""What people may tell the healer: one row each in COMMANDS, whichever way they come.

Rule: every word is checked here before Operators hears it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from healer.admission import Admission
from healer.errors import Malformed
from healer.instants import rfc3339
from healer.web.asking import explanation, judgement
from healer.web.desk import Desk
from healer.web.evidence import evidence
from healer.web.periods import period
from healer.web.upkeep import end, plan, roll, start

LONGEST_REASON = 200
"""Characters of a reason; it stands in every hold and in an alert."""

UPKEEP_FOR = "2h"
"""For which a node is away where nobody says for how long."""


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who says something.

    Attributes:
        by: As the journal has them.
        owner: Whether they may do what is for owners.
        root: Whether they are root, who may too, and whose freeze every operator lifts as before.
    """

    by: str
    owner: bool = False
    root: bool = False


Does = Callable[[Desk, Mapping[str, str], Who], Awaitable[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        does: Gets the fields and who says so; returns the answer, of which `done` says it in a sentence.
        needs: Fields that must be there.
        may: Fields that may be there.
    """

    does: Does
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()

    def check(self, name: str, fields: Mapping[str, object]) -> dict[str, str]:
        """Return the fields as text.

        Raises:
            Malformed: One is missing, unknown or no line of printable text; nothing was changed.
        """
        wrong = sorted(set(fields) - self.needs - self.may)
        missing = sorted(self.needs - set(fields))
        if wrong or missing:
            raise Malformed(f"{name}: unknown fields {wrong}, missing fields {missing}")
        return {key: _line(name, key, value) for key, value in fields.items()}


def _line(name: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise Malformed(f"{name}: {key} has to be one line of printable text")
    if len(value) > LONGEST_REASON:
        raise Malformed(f"{name}: {key} has {len(value)} characters, of {LONGEST_REASON}")
    return value


async def _approve(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    given = await desk.operators.approve(
        fields["incident"],
        who.by,
        fields.get("seen", ""),
        action=fields.get("action", ""),
        owner=who.owner,
    )
    until = rfc3339(given.until)
    step = f"{given.action} (rung {given.rung + 1}) on {given.target}"
    said = f"yes to {step}, once, good until {until}"
    shown: dict[str, object] = {"incident": given.incident, "action": given.action}
    return {"done": said, **shown, "by": who.by, "until": until}


async def _deny(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    await desk.operators.deny(fields["incident"], who.by, fields.get("seen", ""))
    return {"done": "denied: it is yours now", "incident": fields["incident"], "by": who.by}


async def _freeze(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    reason = fields.get("reason", "no reason given")
    await desk.operators.freeze(reason, who.by, owner=who.owner and not who.root)
    return {"done": "frozen: nothing is begun until unfreeze", "by": who.by, "freeze": reason}


async def _unfreeze(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    await desk.operators.unfreeze(who.by, fields.get("seen", ""), owner=who.owner)
    done = "actions may go on; what fires at this moment is pre-existing, see hale-healer adopt"
    return {"done": done, "by": who.by}


async def _hold(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    seconds = period(fields["for"]) if "for" in fields else None
    held = await desk.operators.hold(fields["node"], fields["reason"], who.by, seconds)
    until = rfc3339(held.until)
    done = f"{held.node} is held until {until or 'it is released'}: nothing is begun there"
    return {"done": done, "node": held.node, "by": who.by, "until": until}


async def _release(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    gone = await desk.operators.release(fields["node"], who.by, fields.get("seen", ""))
    whose = ", ".join(f"{one.reason} (by {one.by})" for one in gone)
    return {
        "done": f"{fields['node']} is released from: {whose}",
        "node": fields["node"],
        "by": who.by,
    }


async def _evidence(desk: Desk, fields: Mapping[str, str], _: Who) -> dict[str, object]:
    return await evidence(desk, fields["node"])


async def _admit(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    admission = Admission(desk.journal, desk.gatherer, desk.watch, desk.operators)
    return await admission.admit(fields["node"], who.by, fields.get("starts-nothing", ""))


async def _adopt(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    await desk.operators.adopt(fields["incident"], who.by, fields.get("seen", ""))
    return {"done": "it is in Hale's hands", "incident": fields["incident"], "by": who.by}


async def _retry(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    await desk.operators.retry(fields["incident"], who.by, fields.get("seen", ""))
    done = "it is tried again from the first rung, if every guard allows"
    return {"done": done, "incident": fields["incident"], "by": who.by}


async def _close(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    incident, reason = fields["incident"], fields["reason"]
    closed = await desk.operators.close(incident, reason, who.by, fields.get("seen", ""))
    done = (
        "closed; what still fires is not touched until it was seen clear"
        if closed
        else "settled: it closes as soon as what it took away is given back"
    )
    return {"done": done, "incident": incident, "closed": closed, "by": who.by}


async def _explain(desk: Desk, fields: Mapping[str, str], _: Who) -> dict[str, object]:
    return await explanation(desk, fields)


async def _guards(desk: Desk, fields: Mapping[str, str], _: Who) -> dict[str, object]:
    return await judgement(desk, fields)


async def _maintenance(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    if fields["what"] not in ("start", "end"):
        raise Malformed(f"maintenance: {fields['what']!r} is neither start nor end")
    if fields["what"] == "start":
        seconds = period(fields.get("for", UPKEEP_FOR))
        told = (fields["node"], fields.get("reason", ""), who.by, seconds)
        return await start(desk, *told, fields.get("seen", ""))
    return await end(desk, fields["node"], who.by, fields.get("seen", ""))


async def _roll(desk: Desk, fields: Mapping[str, str], who: Who) -> dict[str, object]:
    return await roll(desk, fields, who.by)


async def _plan(desk: Desk, fields: Mapping[str, str], _: Who) -> dict[str, object]:
    return {**await plan(desk, fields["target"])}


ONE = frozenset({"incident"})
NODE = frozenset({"node"})
SEEN = frozenset({"seen"})
"""What a person saw when they said it, as healer.likeness has it."""

COMMANDS: Mapping[str, Command] = {
    "approve": Command(_approve, ONE, SEEN | {"action"}),
    "deny": Command(_deny, ONE, SEEN),
    "adopt": Command(_adopt, ONE, SEEN),
    "retry": Command(_retry, ONE, SEEN),
    "close": Command(_close, ONE | {"reason"}, SEEN),
    "freeze": Command(_freeze, may=frozenset({"reason"})),
    "unfreeze": Command(_unfreeze, may=SEEN),
    "hold": Command(_hold, NODE | {"reason"}, frozenset({"for"})),
    "release": Command(_release, NODE, SEEN),
    "admit": Command(_admit, NODE, frozenset({"starts-nothing"})),
    "evidence": Command(_evidence, NODE),
    "maintenance": Command(_maintenance, NODE | {"what"}, SEEN | {"for", "reason"}),
    "roll": Command(
        _roll,
        frozenset({"group"}),
        SEEN | {"do", "canary", "at-once", "soak", "window"},
    ),
    "plan": Command(_plan, frozenset({"target"})),
    "guards": Command(_guards, frozenset({"target"}), frozenset({"action", "ladder"})),
    "explain": Command(_explain, frozenset({"target"}), frozenset({"ladder", "alert"})),
}
