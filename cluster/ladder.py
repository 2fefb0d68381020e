"""Ladders: what is tried for an alert, in which order, and how each try is proven.

Rule: a rung that changes something is verified; one that is not verified has failed.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.fields import NOT_EMPTY, AtLeastOne, Block, Flag, Metric, Name, Period, Seconds


class Mode(Enum):
    """How far the healer may go, from the most cautious on."""

    EXPLAIN = "explain"
    APPROVE = "approve"
    ACT = "act"

    def __lt__(self, other: "Mode") -> bool:
        order = list(Mode)
        return order.index(self) < order.index(other)


class Action(StrEnum):
    """What a rung can do."""

    SERVICE_RESTART = "service.restart"
    PERSON_CALL = "person.call"

    @property
    def verb(self) -> bool:
        """Whether a gate runs it, so that it can change something on a node."""
        return self is not Action.PERSON_CALL


class Verify(Block):
    """The proof that a rung helped.

    Attributes:
        metric: Whose samples about the target must all equal `want`, newer than the action's end.
        within: Seconds after the action's end in which it must first be so.
        soak: Seconds that it must then stay so.
    """

    metric: Metric = "hale_service_up"
    want: float = 1.0
    within: Period = 90.0
    soak: Seconds = 30.0


class Rung(Block):
    """One step of a ladder.

    Attributes:
        service: The service to act on; None for the one that the alert names.
        fast: Whether an alert that Prometheus has not confirmed yet may start it.
        deadline: Seconds that the action itself may take.
        verify: None only for `person.call`, which proves nothing.
        attempts: Tries before the next rung.
        wait: Seconds between two tries.
        approve: Whether a person must agree even where the mode is act.
    """

    action: Action
    service: Name | None = None
    fast: Flag = False
    deadline: Period = 30.0
    verify: Verify | None = None
    attempts: AtLeastOne = 2
    wait: Seconds = 60.0
    approve: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _verified(cls, data: Any) -> Any:
        """Give every rung that changes something the proof that fits it, where none is written."""
        if not isinstance(data, Mapping) or data.get("action") == Action.PERSON_CALL:
            return data
        return {"verify": _proof(data.get("service")), **data}

    @model_validator(mode="after")
    def _coherent(self) -> "Rung":
        if self.action.verb and self.verify is None:
            raise ValueError("an action that is not verified has failed. Remove `verify: null`.")
        if not self.action.verb and (unused := self.model_fields_set - {"action"}):
            raise ValueError(f"{self.action} takes no {', '.join(sorted(unused))}. Remove it.")
        return self


def _proof(service: object) -> dict[str, str]:
    # The exporter cannot report itself; Prometheus' own `up` does.
    return {"metric": "up"} if service == EXPORTER else {}


class Ladder(Block):
    """An ordered list of rungs.

    Attributes:
        mode: None for the healer's.
        rungs: A person is called after the last one, whether written or not.
    """

    name: SkipJsonSchema[Name]
    mode: Mode | None = None
    rungs: Annotated[tuple[Rung, ...], NOT_EMPTY]


EXPORTER = "hale-exporter"

# What the packaged rules name in their `heal` label, so it must always be there.
DEFAULT_LADDERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "restart-service": {
            "rungs": [{"action": "service.restart", "fast": True}, {"action": "person.call"}]
        },
        "restart-exporter": {
            "rungs": [{"action": "service.restart", "service": EXPORTER}, {"action": "person.call"}]
        },
    }
)
