"""When something runs by itself: at a steady pace, or at an hour of some days.

Rule: how far two runs lie apart at the most is always known, since a promise may rest on it.
"""

import re
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cluster.conditions import Day
from cluster.fields import NOT_EMPTY, Block, Period, Seconds
from cluster.quantity import duration_text

AT_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
MINUTE, HOUR, DAY = 60, 3600, 86400


def _at(text: str) -> str:
    if re.fullmatch(AT_PATTERN.strip("^$"), text, re.ASCII) is None:
        raise ValueError(f"{text!r} is no time of day. Write HH:MM, as 02:30.")
    return text


def _steady(seconds: float) -> float:
    """Accept what fits a minute, an hour or a day without a rest, so that a calendar can say it."""
    steps = ((MINUTE, 1), (HOUR, MINUTE), (DAY, HOUR))
    if not any(seconds % step == 0 and whole % seconds == 0 for whole, step in steps):
        raise ValueError(
            f"{duration_text(seconds)} does not fit a minute, an hour or a day without a rest. "
            "Write 10m, 15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d."
        )
    return seconds


class Schedule(Block):
    """A steady pace, or a time of some days.

    Attributes:
        every: Seconds from one run to the next.
        at: When on each of `days`, by the clocks of `time_zone`.
        spread: Seconds over which nodes are spread, each at a moment of its own that stays the same.
    """

    every: Annotated[Period, AfterValidator(_steady)] | None = None
    at: (
        Annotated[str, AfterValidator(_at), Field(json_schema_extra={"pattern": AT_PATTERN})] | None
    ) = None
    days: Annotated[tuple[Day, ...], NOT_EMPTY] = tuple(Day)
    spread: Seconds = 0.0

    @model_validator(mode="after")
    def _one_way(self) -> "Schedule":
        if (self.every is None) == (self.at is None):
            raise ValueError("exactly one of every and at is needed.")
        if self.every is not None and "days" in self.model_fields_set:
            raise ValueError("days go with at. Remove them, or write at.")
        return self

    @property
    def gap(self) -> float:
        """Seconds that two runs lie apart at the most; an hour more where clocks are set is not counted."""
        if self.every is not None:
            return self.every
        order = list(Day)
        found = sorted({order.index(day) for day in self.days})
        gaps = [later - earlier for earlier, later in pairwise(found)]
        return max([*gaps, found[0] + 7 - found[-1]]) * float(DAY)

    def calendar(self, zone: str) -> str:
        """Write it as systemd.time(7) has it."""
        if self.at is not None:
            days = "" if set(self.days) == set(Day) else ",".join(self.days).title() + " "
            return f"{days}*-*-* {self.at}:00 {zone}"
        every = int(self.every or DAY)
        if every < MINUTE:
            return f"*-*-* *:*:00/{every} {zone}"
        if every < HOUR:
            return f"*-*-* *:00/{every // MINUTE}:00 {zone}"
        return f"*-*-* 00/{every // HOUR}:00:00 {zone}" if every < DAY else f"*-*-* 00:00:00 {zone}"
