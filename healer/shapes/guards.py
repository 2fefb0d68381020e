"""What the guards say, and what else keeps Hale from acting: freezes, holds, windows of maintenance.

Rule: every no has its reason, what it had and what it needed.
"""

from typing import TypedDict


class VerdictView(TypedDict):
    """One guard's answer. `reason` is None where it allows."""

    guard: str
    allows: bool
    reason: str | None
    have: str
    need: str
    sentence: str
    passing: bool


class GuardView(TypedDict):
    """One row of the registry, with its numbers as configured, by their keys in cluster.yml.

    `now` is what it says as the healer stands, whatever is proposed; it may hold one target all the same, and is None
    where all depends on the target.
    """

    guard: str
    holds_unless: str
    numbers: dict[str, float]
    now: VerdictView | None


class FreezeView(TypedDict):
    """Why nothing is done anywhere. `owner` says whether an owner froze it, so that only an owner lifts it."""

    reason: str
    sentence: str
    owner: bool


class JudgedView(TypedDict):
    """One incident, or a supposed one, under the guards.

    `id` is empty and `state` is `supposed` where it is only supposed. `decision` is as in ExplanationView; it is empty
    where nothing was decided since this healer leads, and `guards` are those of the journal. `asked_at` says when.
    `ladder` is the one that it climbs, or by which the supposed action would be done; `supposed` where none has it.
    """

    id: str
    state: str
    target: str
    ladder: str
    decision: str
    action: str
    asked_at: str | None
    guards: list[VerdictView]


class GuardsView(TypedDict):
    """The registry, and what each guard says of each open incident's next action, or of what was asked.

    `asked_at` says when the guards said their `now`, and `freezes` why nothing is done anywhere, as the status has it.
    """

    asked_at: str | None
    freezes: list[FreezeView]
    guards: list[GuardView]
    incidents: list[JudgedView]


class HoldView(TypedDict):
    """A node that a person holds. `until` is None where it lasts until it is released."""

    node: str
    reason: str
    by: str
    until: str | None


class MaintenanceView(TypedDict):
    """A maintenance window that is open now. `about` says what it is about; `until` is None where it has no end."""

    name: str
    about: str
    reason: str
    until: str | None
