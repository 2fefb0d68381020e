"""One node taken out of service on purpose, from its lock to its return.

Every legal move is a row in TRANSITIONS. An upkeep is a fold over journal events: it is never stored, only replayed.
Rule: a node is locked before anything of it is taken away, and unlocked after all of it is back.
"""

from dataclasses import dataclass, replace
from enum import Enum

from healer.core import upkeep_events as ue
from healer.core.actions import GIVING_BACK, MARKING, Args, lasting
from healer.core.attempt import Outcome
from healer.core.states import IllegalMove
from healer.core.steady import Now
from healer.core.upkeep_events import Kind, Move


class Phase(Enum):
    """Where an upkeep is in its life."""

    TAKING = "taking"  # it is locked, its alerts are silenced, and its users are moved away
    AWAY = "away"  # nothing of it serves: people, or the node itself, are at work
    PATCHING = "patching"
    REBOOTING = "rebooting"
    PROVING = "proving"  # it was patched; waiting for the proof that it serves again
    STOPPED = "stopped"  # something failed, and it stays away until a person ends it
    RETURNING = "returning"  # what was taken away is given back, the lock last
    OVER = "over"


TRANSITIONS: dict[Phase, dict[Move, Phase]] = {
    Phase.TAKING: {
        Move.TAKEN: Phase.AWAY,
        Move.GIVE_UP: Phase.RETURNING,
        Move.END: Phase.RETURNING,
    },
    Phase.AWAY: {Move.PATCH: Phase.PATCHING, Move.END: Phase.RETURNING},
    # END and GIVE_UP only until the patch or the boot is begun, see `at_work`: neither is ended half way.
    Phase.PATCHING: {
        Move.END: Phase.RETURNING,
        Move.GIVE_UP: Phase.RETURNING,
        Move.REBOOT: Phase.REBOOTING,
        Move.PROVE: Phase.PROVING,
        Move.STOP: Phase.STOPPED,
    },
    Phase.REBOOTING: {
        Move.END: Phase.RETURNING,
        Move.PROVE: Phase.PROVING,
        Move.STOP: Phase.STOPPED,
    },
    Phase.PROVING: {Move.END: Phase.RETURNING, Move.STOP: Phase.STOPPED},
    Phase.STOPPED: {Move.END: Phase.RETURNING},
    Phase.RETURNING: {Move.RETURNED: Phase.OVER},
    Phase.OVER: {},
}

WORK = {Phase.PATCHING: "node.patch", Phase.REBOOTING: "node.reboot"}
"""Phases that are there for one verb, which is done in no other one."""

POSTPONED = frozenset({Phase.TAKING, Phase.AWAY})
"""Phases in which a person may say anew by when it should be over."""

UNTOUCHED = frozenset({Outcome.NOT_SENT, Outcome.REFUSED})
"""Outcomes after which nothing was changed, so that it may be tried again."""

SAID = {
    Kind.PERSON: "maintenance",
    Kind.LOCK: "reboot lock",
    Kind.ROLL: "patch",
}


@dataclass(frozen=True, slots=True)
class Task:
    """One action of an upkeep, through one gate.

    Attributes:
        began, ended: In steady time; None while it has not ended.
        seconds: That it may take.
        outcome: None while it runs, or nobody has asked yet how it ended.
    """

    action_id: str
    action: str
    gate: str
    args: Args
    ledger_id: str
    began: float
    seconds: float
    outcome: Outcome | None = None
    reason: str = ""
    detail: str = ""
    ended: float | None = None

    @property
    def done(self) -> bool:
        """Whether its gate says that it succeeded."""
        return self.outcome is Outcome.DONE

    @property
    def place(self) -> tuple[str, Args]:
        """Where it was done, which tells a mark from every other one of the same verb."""
        return self.gate, lasting(self.args)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One node's upkeep.

    Attributes:
        id: A number of its own; incidents have others.
        by: Who asked for it: a person, or a machine by its FleetLock id.
        roll: The roll that it belongs to; empty for none.
        began: In steady time, as are `until`, by when it should be over, and `since`, of its phase.
        began_at: When by the wall clock, epoch seconds; None of one that an earlier release began.
        silenced: Whether its alerts are silenced.
        silence_old: Whether that silence ends when it should have been over before a person said so anew.
        why: Of its last move: one word.
        detail: The same in words.
        failed: Why it was given up or stopped; empty where it was not.
    """

    id: str
    kind: Kind
    node: str
    reason: str
    by: str
    roll: str
    began: float
    until: float
    since: float
    phase: Phase = Phase.TAKING
    tasks: tuple[Task, ...] = ()
    silenced: bool = False
    silence_old: bool = False
    why: str = ""
    detail: str = ""
    failed: str = ""
    began_at: float | None = None

    @property
    def owner(self) -> str:
        """The name under which it owns marks and its silence; unique beyond one journal's life."""
        return owner_of(self.id, self.began_at)

    @property
    def open(self) -> bool:
        """Whether it still keeps its node."""
        return self.phase is not Phase.OVER

    @property
    def running(self) -> Task | None:
        """Return the action whose end is not known yet."""
        return self.tasks[-1] if self.tasks and self.tasks[-1].outcome is None else None

    @property
    def at_work(self) -> bool:
        """Whether its patch or its boot may have begun, so that nobody takes the node back before the end of that."""
        verb = WORK.get(self.phase)
        return any(one.action == verb and one.outcome not in UNTOUCHED for one in self.tasks)

    @property
    def marks(self) -> tuple[Task, ...]:
        """Every mark that it may have set and has not taken back, the oldest first.

        Each try counts, not the newest alone: one that was refused later leaves what an earlier one may have set.
        """
        standing: dict[tuple[str, tuple[str, Args]], Task] = {}
        for one in self.tasks:
            if one.action in GIVING_BACK and one.done:
                standing.pop((one.action, one.place), None)
            elif one.action in MARKING and one.outcome not in UNTOUCHED:
                standing[MARKING[one.action], one.place] = one
        return tuple(standing.values())

    def last(self, action: str, place: tuple[str, Args]) -> Task | None:
        """Return the newest try of an action at one place."""
        found = (one for one in reversed(self.tasks) if (one.action, one.place) == (action, place))
        return next(found, None)

    def tries(self, action: str, place: tuple[str, Args]) -> int:
        """How often an action was tried at one place."""
        return sum((one.action, one.place) == (action, place) for one in self.tasks)

    def __str__(self) -> str:
        """Say what it is, as people are shown it."""
        why = f": {self.reason}" if self.reason else ""
        return f"{SAID[self.kind]} {self.id} by {self.by}{why}"


def owner_of(upkeep_id: str, began_at: float | None) -> str:
    """Return the owner of an upkeep's marks; one that an earlier release began keeps the name that it had there."""
    return f"lock:upkeep-{upkeep_id if began_at is None else f'{began_at:.0f}.{upkeep_id}'}"


def begun(event: ue.UpkeepBegan, at: Now) -> Upkeep:
    """Return an upkeep as it begins."""
    return Upkeep(
        *(event.upkeep, event.kind, event.node, event.reason, event.by, event.roll),
        began=at.steady,
        until=event.until - at.ahead,
        since=at.steady,
        began_at=event.began_at,
    )


def fold(upkeep: Upkeep, event: ue.UpkeepEvent, at: Now) -> Upkeep:
    """Return the upkeep after one event.

    Raises:
        IllegalMove: It cannot happen in its phase.
    """
    match event:
        case ue.UpkeepMoved(_, move, why, detail):
            return _moved(upkeep, move, why, detail, at)
        case ue.UpkeepSilenced():
            return replace(upkeep, silenced=event.silenced, silence_old=False)
        case ue.UpkeepUntilSet(_, until):
            if upkeep.phase not in POSTPONED:
                raise IllegalMove(f"upkeep {upkeep.id} is {upkeep.phase.value}: it ends already")
            return replace(upkeep, until=until - at.ahead, silence_old=upkeep.silenced)
        case ue.UpkeepActionIntended():
            if upkeep.running is not None or not upkeep.open:
                raise IllegalMove(f"upkeep {upkeep.id}: {event.action} beside another action")
            if event.action in WORK.values() and event.action != WORK.get(upkeep.phase):
                raise IllegalMove(f"upkeep {upkeep.id} is {upkeep.phase.value}: no {event.action}")
            task = Task(
                *(event.action_id, event.action, event.gate, event.args, event.ledger_id),
                began=at.steady,
                seconds=event.seconds,
            )
            return replace(upkeep, tasks=(*upkeep.tasks, task))
        case ue.UpkeepActionEnded(_, action_id, outcome, reason, detail):
            running = upkeep.running
            if running is None or running.action_id != action_id:
                raise IllegalMove(f"upkeep {upkeep.id}: {action_id} does not run")
            over = replace(running, outcome=outcome, reason=reason, detail=detail, ended=at.steady)
            return replace(upkeep, tasks=(*upkeep.tasks[:-1], over))


def _moved(upkeep: Upkeep, move: Move, why: str, detail: str, at: Now) -> Upkeep:
    after = TRANSITIONS[upkeep.phase].get(move)
    if after is None or (after is Phase.RETURNING and upkeep.at_work):
        raise IllegalMove(f"upkeep {upkeep.id} is {upkeep.phase.value}: no {move.value}")
    failed = why if move in (Move.GIVE_UP, Move.STOP) else upkeep.failed
    return replace(upkeep, phase=after, since=at.steady, why=why, detail=detail, failed=failed)
