"""The states of an incident and every move between them, as a table.

Every legal move is a row in TRANSITIONS; anything else is a bug or a stale message and raises.
"""

from enum import Enum


class State(Enum):
    """Where an incident is in its life."""

    OPEN = "open"  # known, and something may be tried
    HELD = "held"  # a guard said no; asked again on every look
    ACTING = "acting"  # one action is under way, or its outcome is not known yet
    VERIFYING = "verifying"  # the action ended; waiting for the proof
    MITIGATED = "mitigated"  # out of harm's way, not repaired: no further disruptive rung
    ESCALATED = "escalated"  # in a person's hands
    CLOSED = "closed"


class Move(Enum):
    """What can happen to an incident."""

    HOLD = "hold"
    BEGIN = "begin"
    MARK = "mark"  # complete marks, or take them back: all that is begun after mitigation or escalation
    END = "end"
    RETRY = "retry"
    MITIGATE = "mitigate"
    ESCALATE = "escalate"
    ADOPT = "adopt"
    AGAIN = "again"  # a person has what failed tried again
    ADMIT = "admit"  # a person lets a fenced node come back
    SETTLE = (
        "settle"  # a person settled it by hand; it closes once nothing of ours is left to give back
    )
    CLOSE = "close"


TRANSITIONS: dict[State, dict[Move, State]] = {
    State.OPEN: {
        Move.HOLD: State.HELD,
        Move.BEGIN: State.ACTING,
        Move.ESCALATE: State.ESCALATED,
        Move.MITIGATE: State.MITIGATED,
        Move.ADOPT: State.OPEN,
        Move.ADMIT: State.OPEN,
        Move.SETTLE: State.OPEN,
        Move.CLOSE: State.CLOSED,
    },
    State.HELD: {
        Move.HOLD: State.HELD,
        Move.BEGIN: State.ACTING,
        Move.ESCALATE: State.ESCALATED,
        Move.MITIGATE: State.MITIGATED,
        Move.ADOPT: State.OPEN,
        Move.AGAIN: State.OPEN,
        Move.ADMIT: State.OPEN,
        Move.SETTLE: State.HELD,
        Move.CLOSE: State.CLOSED,
    },
    # CLOSE is absent on purpose: an alert that clears while an action runs is only
    # believed once the action has stopped touching the node.
    State.ACTING: {Move.END: State.VERIFYING, Move.RETRY: State.OPEN},
    State.VERIFYING: {
        Move.RETRY: State.OPEN,
        Move.ESCALATE: State.ESCALATED,
        Move.CLOSE: State.CLOSED,
    },
    State.MITIGATED: {
        Move.HOLD: State.MITIGATED,
        Move.MARK: State.ACTING,
        Move.ESCALATE: State.ESCALATED,
        Move.ADOPT: State.OPEN,
        Move.AGAIN: State.OPEN,
        Move.ADMIT: State.MITIGATED,
        Move.SETTLE: State.MITIGATED,
        Move.CLOSE: State.CLOSED,
    },
    State.ESCALATED: {
        Move.HOLD: State.ESCALATED,
        Move.MARK: State.ACTING,  # taking marks back; Board.check lets nothing else begin
        Move.ESCALATE: State.ESCALATED,  # for another reason: a mark could not be taken back
        Move.ADOPT: State.OPEN,
        Move.AGAIN: State.OPEN,
        Move.ADMIT: State.ESCALATED,
        Move.SETTLE: State.ESCALATED,
        Move.CLOSE: State.CLOSED,
    },
    State.CLOSED: {},
}


UNSETTLED = frozenset({State.ACTING, State.VERIFYING})
"""States in which an incident's own action is still being carried out or proved."""


class IllegalMove(Exception):
    """The move is not allowed in the incident's present state; nothing changed."""
