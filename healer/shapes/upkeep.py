"""Upkeep as people and programs are shown it: what is away, what would be taken, and what brings a node back.

Rule: what a command may name, so that it does nothing to another one, is `seen`.
"""

from typing import TypedDict

from healer.shapes.guards import VerdictView


class UpkeepView(TypedDict):
    """A node that is away for upkeep. `until` is when it should be back; `held` is why it waits, else empty.

    `began` is when it was asked for, and `since` when its phase began; `failed` is the word for why it was given up or
    stopped, and `roll` the number of the roll that it belongs to, both else empty. `seen` is what the command that ends
    it may name, so that it is refused where another upkeep keeps the node away by then.
    """

    id: str
    kind: str
    node: str
    phase: str
    reason: str
    by: str
    roll: str
    began: str | None
    since: str | None
    until: str | None
    why: str
    detail: str
    failed: str
    held: str
    seen: str


class RollMemberView(TypedDict):
    """Where one node of a roll is, as healer.core.roll_members has it, and since when; None before its turn.

    `reason` and `detail` say why it failed, or failed before; `held` is why it waits now. Each is else empty.
    """

    node: str
    where: str
    since: str | None
    reason: str
    detail: str
    held: str


class RollView(TypedDict):
    """A group that is patched node by node. `waits` is why nothing is begun now, empty where something is.

    `since` is when its state began; `members` are all of `nodes`, in their order, the canary first. `seen` is what a
    command that stops, resumes or ends it may name, so that it is refused where it is not like this any more.
    """

    id: str
    group: str
    nodes: list[str]
    done: list[str]
    away: list[str]
    members: list[RollMemberView]
    at_once: int
    soak_seconds: float
    windows: list[str]
    state: str
    by: str
    since: str | None
    why: str
    detail: str
    waits: str
    seen: str


class LockWaitView(TypedDict):
    """A node that was refused a reboot lock, and asks again: since when, when it asked last, and why it got none."""

    node: str
    since: str | None
    asked: str | None
    reason: str
    detail: str


class PlannedView(TypedDict):
    """What would be done to take one node out of service, and what every guard says of it now."""

    node: str
    allows: bool
    steps: list[str]
    guards: list[VerdictView]


class PlanView(TypedDict):
    """What a roll of a group, or the maintenance of a node, would be; `nodes` in their order."""

    target: str
    patch: bool
    nodes: list[PlannedView]


class StepView(TypedDict):
    """One thing that has to be so before a node comes back; `reason` is empty where it is."""

    step: str
    have: str
    need: str
    reason: str


class AdmissionView(TypedDict):
    """What a node has to show before it comes back.

    `admits` says whether all is so, and `fenced` whether its power is cut: then it is switched on first. `gives` is
    what it would get back, of these open `incidents`.
    """

    node: str
    steps: list[StepView]
    admits: bool
    fenced: bool
    gives: list[str]
    incidents: list[str]
