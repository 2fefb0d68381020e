"""Maintenance windows: when people work on nodes, and on which.

Rule: what is not written narrows nothing down, so a window that names no node and no time is about everything, always.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from cluster.conditions import Window
from cluster.fields import NOT_EMPTY, Name

# RFC 3339, section 5.6, without fractions of a second; the century keeps it within every calendar.
INSTANT_PATTERN = (
    r"^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$"
)
LONGEST_REASON = 200


def _instant(value: object) -> datetime:
    wrong = ValueError(
        f"{value!r} is no time of RFC 3339. Write it with its offset, as 2026-11-28T22:00:00Z."
    )
    text = value if isinstance(value, str) else ""
    if re.fullmatch(INSTANT_PATTERN.strip("^$"), text, re.ASCII) is None:
        raise wrong
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise wrong from None


def _reason(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_REASON:
        raise ValueError(
            f"this must be one line of at most {LONGEST_REASON} characters. Say what is done."
        )
    return text


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": INSTANT_PATTERN}),
]
Reason = Annotated[
    str,
    AfterValidator(_reason),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_REASON}),
]


class Maintenance(Window):
    """Hours of the week, or one stretch of time, in which the healer leaves nodes alone.

    Attributes:
        reason: What is done then, for whoever reads why the healer holds.
        nodes, groups: What it is about; without both, the whole cluster.
        starts, ends: Before and from when its hours do not count; None for no bound.
    """

    reason: Reason
    nodes: Annotated[tuple[Name, ...], NOT_EMPTY] = ()
    groups: Annotated[tuple[Name, ...], NOT_EMPTY] = ()
    starts: Instant | None = None
    ends: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Maintenance":
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            raise ValueError("it ends before it has started. Write a later `ends`.")
        return self
