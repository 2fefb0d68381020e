"""How long ago something was by the clocks of the journal's records, as docs/decisions/0028 has it.

Rule: within one boot the uptime counts; a boot that has no record yet, as on another machine, has its wall clock alone,
which is believed unless that went backwards. So a clock that was set before a machine's first record makes all that was
before it older than it is, and no healer can know.
"""

from bisect import bisect
from dataclasses import dataclass, field

from healer.core.events import Record


@dataclass
class Ages:
    """By how much the journal's time is ahead of the simulation's own, since when.

    Attributes:
        boots: By how much it is on each boot.
        boot: That of the last record.
        at: Of the last record, in the journal's time.
        set_by: By how much its wall clock was set forward.
        shifts: When a record of another boot than the one before was written, and by how much it is since.
    """

    boots: dict[str, float] = field(default_factory=dict)
    boot: str = ""
    at: float = 0.0
    set_by: float = 0.0
    shifts: list[tuple[float, float]] = field(default_factory=list)

    def wrote(self, record: Record, now: float) -> None:
        """Take in the clocks of one more record."""
        if record.boot_id != self.boot:
            shift = self.boots.get(record.boot_id, record.at_wall - self.set_by - now)
            self.boot = record.boot_id
            self.boots[self.boot] = max(shift, self.at - now)
            self.shifts.append((now, self.boots[self.boot]))
        self.at = now + self.boots[self.boot]
        self.set_by = record.at_wall - self.at

    def since(self, at: float, now: float) -> float:
        """Return for how long something lasts by now: as long as it does, or as the journal has it."""
        return now - at + max(0.0, self._shift(now) - self._shift(at))

    def _shift(self, at: float) -> float:
        place = bisect(self.shifts, at, key=lambda one: one[0])
        return self.shifts[max(0, place - 1)][1] if self.shifts else 0.0
