"""A village whose web nodes can be patched in turn, and how far that went."""

from dataclasses import replace

from healer.core.attempt import Outcome
from healer.core.ladder import Window
from healer.core.order import Ended
from healer.core.roll import RollState
from healer.core.topology import Topology
from tests.healer.tier import tier
from tests.healer.village import Village


def topology(floor: int = 2) -> Topology:
    night = Window("night", frozenset(range(7)), 22 * 60, 6 * 60)
    return replace(tier(floor=floor), patch_seconds=600.0, windows={"night": night})


def village(floor: int = 2) -> Village:
    made = Village(topology(floor))
    made.gates.ended = Ended(Outcome.DONE, "patched", "")
    return made


def patched(made: Village) -> list[str]:
    """Return the nodes that were patched, in order."""
    return [order.node for order in made.gates.orders if order.verb == "node.patch"]


def state(made: Village, number: int = 1) -> RollState:
    return made.journal.board.planned.rolls[str(number)].state
