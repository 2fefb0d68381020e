"""How the healer itself stands, and the groups that it looks after.

Rule: None where nothing is known; nothing unknown is shown as good.
"""

from typing import TypedDict

from healer.shapes.alerts import AlertView, RefusedView
from healer.shapes.guards import FreezeView, HoldView, MaintenanceView
from healer.shapes.marks import MarkView
from healer.shapes.upkeep import LockWaitView, RollView, UpkeepView


class MemberView(TypedDict):
    """One node of a group. `health` is serving, down or unknown."""

    node: str
    health: str


class GroupStateView(TypedDict):
    """One group as Prometheus sees it. `redundancy` is how many more may be lost; None where nothing is known."""

    group: str
    members: list[MemberView]
    serving: int | None
    min_available: int
    redundancy: int | None
    control: bool
    mode: str


class StatusView(TypedDict):
    """How the healer itself stands. `leader` is this process holding the lease."""

    version: str
    cluster: str
    node: str
    digest: str
    now: str | None
    leader: bool
    era: int
    term: int
    armed_at: str | None
    storing: bool
    freezes: list[FreezeView]
    holds: list[HoldView]
    maintenance: list[MaintenanceView]
    upkeep: list[UpkeepView]
    rolls: list[RollView]
    lock_waits: list[LockWaitView]
    marks: list[MarkView]
    watchdog_age_seconds: float | None
    sight_complete: bool
    done_without: list[str]
    incidents: dict[str, int]
    pre_existing: list[AlertView]
    refused: list[RefusedView]
