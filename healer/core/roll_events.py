"""What the journal says of rolls; see healer.core.events for what its names mean on disk."""

from dataclasses import dataclass
from enum import Enum


class RollMove(Enum):
    """What can happen to a roll."""

    STOP = "stop"
    GO_ON = "go_on"
    END = "end"


@dataclass(frozen=True, slots=True)
class RollBegan:
    """A group is to be patched node by node.

    Attributes:
        nodes: In their order, the canary first.
        at_once: So many may be away at the same time, once the canary is back.
        soak: Seconds after a node is back, before the next one goes.
        windows: Names of the hours in which a node may be begun; empty for any time.
    """

    roll: str
    group: str
    nodes: tuple[str, ...]
    at_once: int
    soak: float
    windows: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class RollMoved:
    """It went on to another state, and why: one word, and the same in a sentence."""

    roll: str
    move: RollMove
    why: str
    detail: str


RollEvent = RollBegan | RollMoved
