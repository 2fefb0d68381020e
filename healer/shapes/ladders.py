"""Ladders as people and programs are shown them, whatever climbs them.

Rule: a number is shown as it is used, whether cluster.yml says it or leaves it out.
"""

from typing import TypedDict


class LadderRungView(TypedDict):
    """One rung of a ladder, counted from 1. The proof's fields are None where it proves nothing.

    `only_when` has each condition in words; `backoff` is by how much each later wait is longer than the one before.
    """

    rung: int
    action: str
    service: str | None
    fast: bool
    asks: bool
    owner: bool
    only_when: list[str]
    attempts: int
    wait_seconds: float
    backoff: float
    deadline_seconds: float
    proof_metric: str | None
    proof_value: float | None
    proof_within_seconds: float | None
    proof_soak_seconds: float | None


class LadderView(TypedDict):
    """One ladder. `alerts` are those of the packaged rules that name it, `open` how many open incidents climb it."""

    ladder: str
    mode: str
    alerts: list[str]
    open: int
    rungs: list[LadderRungView]
