"""Nodes that are taken out of service on purpose: the upkeeps and the rolls that the journal has told of.

It is a value: each of their events gives another one. Rule: what is over is kept at hand for people and bounded; an
upkeep of a roll that goes on is never forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from healer.core.actions import mark_of, subject_of
from healer.core.roll import Roll
from healer.core.roll import begun as roll_begun
from healer.core.roll import fold as roll_fold
from healer.core.roll_events import RollBegan, RollEvent, RollMoved
from healer.core.states import IllegalMove
from healer.core.steady import Now
from healer.core.upkeep import Upkeep
from healer.core.upkeep import begun as upkeep_begun
from healer.core.upkeep import fold as upkeep_fold
from healer.core.upkeep_events import UpkeepBegan, UpkeepEvent

KEEP_OVER = 50
"""Upkeeps, and rolls, that are over and kept at hand for people."""

PlannedEvent = RollEvent | UpkeepBegan | UpkeepEvent
"""Events that change what is planned."""

Kept = TypeVar("Kept", Roll, Upkeep)


@dataclass(frozen=True, slots=True)
class Planned:
    """What people, nodes and rolls keep out of service.

    Attributes:
        upkeeps: By id; those of open rolls, open ones and the newest that are over.
        rolls: By id; open ones and the newest that are over.
    """

    upkeeps: Mapping[str, Upkeep] = field(default_factory=dict)
    rolls: Mapping[str, Roll] = field(default_factory=dict)

    @property
    def kept_away(self) -> list[Upkeep]:
        """Upkeeps that are not over, oldest first: what they keep away counts as locked."""
        return [one for one in self.upkeeps.values() if one.open]

    @property
    def next_upkeep(self) -> str:
        """The id of the next upkeep."""
        return str(max(map(int, self.upkeeps), default=0) + 1)

    @property
    def rolling(self) -> list[Roll]:
        """Rolls that are not over, oldest first."""
        return [one for one in self.rolls.values() if one.open]

    @property
    def next_roll(self) -> str:
        """The id of the next roll."""
        return str(max(map(int, self.rolls), default=0) + 1)

    @property
    def marked(self) -> frozenset[tuple[str, str, str]]:
        """Every mark that open upkeeps may have set, as (mark, subject, gate)."""
        return frozenset(
            (mark_of(mark.action), subject_of(mark.args) or mark.gate, mark.gate)
            for one in self.kept_away
            for mark in one.marks
        )

    def check(self, event: PlannedEvent) -> None:
        """Make sure that an event may follow.

        Raises:
            IllegalMove: It cannot happen any more.
        """
        match event:
            case UpkeepBegan(upkeep=upkeep, node=node):
                if upkeep in self.upkeeps or any(one.node == node for one in self.kept_away):
                    raise IllegalMove(f"{node} has an upkeep already")
            case RollBegan(roll):
                if roll in self.rolls or self.rolling:
                    raise IllegalMove("another roll is not over")
            case _:
                self.after(event, Now(0.0))

    def after(self, event: PlannedEvent, now: Now) -> "Planned":
        """Return what is planned after one event.

        Raises:
            IllegalMove: The event cannot happen to the upkeep or the roll that it names, or there is none.
        """
        match event:
            case RollBegan(roll):
                rolls = {**self.rolls, roll: roll_begun(event, now)}
                over = [one.id for one in rolls.values() if not one.open]
                return replace(self, rolls=_without(rolls, over[:-KEEP_OVER]))
            case RollMoved(roll):
                moved = roll_fold(self._roll(roll), event, now)
                return replace(self, rolls={**self.rolls, roll: moved})
            case UpkeepBegan(upkeep):
                upkeeps = {**self.upkeeps, upkeep: upkeep_begun(event, now)}
                needed = {one.id for one in self.rolling}
                over = [
                    one.id for one in upkeeps.values() if not one.open and one.roll not in needed
                ]
                return replace(self, upkeeps=_without(upkeeps, over[:-KEEP_OVER]))
            case _:
                changed = upkeep_fold(self._upkeep(event.upkeep), event, now)
                return replace(self, upkeeps={**self.upkeeps, event.upkeep: changed})

    def _upkeep(self, upkeep_id: str) -> Upkeep:
        found = self.upkeeps.get(upkeep_id)
        if found is None:
            raise IllegalMove(f"there is no upkeep {upkeep_id}")
        return found

    def _roll(self, roll_id: str) -> Roll:
        found = self.rolls.get(roll_id)
        if found is None:
            raise IllegalMove(f"there is no roll {roll_id}")
        return found


def _without(known: dict[str, Kept], ids: list[str]) -> dict[str, Kept]:
    return {key: one for key, one in known.items() if key not in ids}
