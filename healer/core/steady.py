"""How long ago something was, whatever the wall clock was set to since: read off the clocks of the journal's records.

Rule: within one boot CLOCK_BOOTTIME counts. From one boot to the next, and from one healer's machine to another's, only
the wall clock can say, and nothing comes to lie before what is on record already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

SLACK = 1.0
"""Seconds by which the wall clock may leave the uptime before it counts as set. Only a step parts the two: a clock that
is slewed takes CLOCK_BOOTTIME along (clock_gettime(2)). What is smaller shortens nothing by more."""

BOOTS = 64
"""Boots that are remembered, the newest: of all healers together, each back to its last few."""


@dataclass(frozen=True, slots=True)
class Now:
    """An instant, as the healer that asks has it.

    Attributes:
        wall: Epoch seconds, as its wall clock is set.
        ahead: By how many of them that clock was set forward since the journal began; negative where back.
    """

    wall: float
    ahead: float = 0.0

    @property
    def steady(self) -> float:
        """Epoch seconds as if no wall clock had been set since the journal began: what durations are counted in."""
        return self.wall - self.ahead


@dataclass(frozen=True, slots=True)
class Steady:
    """By how much the wall clocks were set so far.

    Attributes:
        ahead: By how many seconds the clock of the last record was.
    """

    ahead: float = 0.0
    _last: float = -inf  # the last record, in steady time
    _boot: str | None = None  # its boot
    _boots: Mapping[str, float] = field(default_factory=dict)  # steady time less uptime

    def now(self, wall: float, boot_id: str, uptime: float) -> Now:
        """Return the instant at which a healer's clocks show this, after the last record.

        Args:
            wall: Epoch seconds.
            boot_id: The boot that `uptime` belongs to.
            uptime: CLOCK_BOOTTIME, seconds.
        """
        moved = wall - self._at(wall, boot_id, uptime) - self.ahead
        return Now(wall, self.ahead + moved if abs(moved) > SLACK else self.ahead)

    def after(self, wall: float, boot_id: str, uptime: float) -> "Steady":
        """Return what is known after one more record, written at these clocks."""
        at, boots = self._at(wall, boot_id, uptime), self._boots
        if boot_id != self._boot:
            kept = [one for one in boots.items() if one[0] != boot_id]
            boots = dict([*kept[-(BOOTS - 1) :], (boot_id, at - uptime)])
        return Steady(self.now(wall, boot_id, uptime).ahead, at, boot_id, boots)

    def loses(self, wall: float, boot_id: str, uptime: float) -> bool:
        """Whether nobody can say how long ago the last record is: this boot has none yet, and its clock is earlier."""
        return boot_id not in self._boots and self.now(wall, boot_id, uptime).ahead < self.ahead

    def _at(self, wall: float, boot_id: str, uptime: float) -> float:
        known = self._boots.get(boot_id)
        at = wall - self.ahead if known is None else known + uptime
        return at if boot_id == self._boot else max(at, self._last)
