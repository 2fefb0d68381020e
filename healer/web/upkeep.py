"""What people are told when they take a node out of service, or give it back."""

from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from healer.instants import rfc3339
from healer.upkeeper import Upkeeper
from healer.views import upkeep_view
from healer.web.desk import Desk

PATIENCE = 20.0
"""Seconds for which a command waits for the end of what it began; the command line waits for 30."""


async def start(desk: Desk, node: str, reason: str, by: str, seconds: float) -> dict[str, object]:
    """Take a node out of service for a person, and say how far that came.

    Raises:
        Refused: A guard holds, or it could not be taken; what was taken away is given back.
    """
    upkeeper = _upkeeper(desk, node)
    begun = await upkeeper.begin(node, Kind.PERSON, reason, by, seconds)
    desk.wake()
    phases = frozenset({Phase.AWAY, Phase.RETURNING, Phase.OVER})
    found = await upkeeper.settled(begun.id, phases, PATIENCE)
    if found.failed:
        raise Refused(found.failed, f"{node} was not taken and is given back: {found.detail}")
    until = rfc3339(found.until + desk.watch.now.ahead)
    if found.phase is Phase.AWAY:
        ends = f"hale-healer maintenance end {node}"
        done = (
            f"{node} is out of service, its alerts are silenced until {until}; end it with: {ends}"
        )
    else:
        done = f"{node} is being taken out of service ({_waits(desk, found.id)}): look again with hale-healer status"
    return {"done": done, "node": node, "by": by, "upkeep": upkeep_view(found, desk.watch)}


async def end(desk: Desk, node: str, by: str) -> dict[str, object]:
    """Give a node back, and say how far that came.

    Raises:
        Refused: It is not away, or something is at work there that has to end first; nothing was changed.
    """
    upkeeper = _upkeeper(desk, node)
    ended = await upkeeper.end(node, by)
    desk.wake()
    found = await upkeeper.settled(ended.id, frozenset({Phase.OVER}), PATIENCE)
    if found.phase is Phase.OVER:
        done = f"{node} is back in service, and its alerts are heard again"
    else:
        done = f"{node} is being given back ({_waits(desk, found.id)}): look again with hale-healer status"
    return {"done": done, "node": node, "by": by, "upkeep": upkeep_view(found, desk.watch)}


def _waits(desk: Desk, upkeep: str) -> str:
    held = desk.watch.upkeep_held.get(upkeep)
    return "at work" if held is None else f"{held.reason}: {held.sentence}"


def _upkeeper(desk: Desk, node: str) -> Upkeeper:
    if desk.upkeeper is None:
        raise Refused("unknown_command", "nothing takes nodes out of service here")
    if node not in desk.topology.nodes:
        known = ", ".join(desk.topology.nodes)
        raise Refused("unknown_node", f"cluster.yml has no node {node}; there are {known}")
    return desk.upkeeper
