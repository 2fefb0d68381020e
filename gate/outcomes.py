"""Between records and answers: what is stored of an action, and what is said of it later."""

from dataclasses import replace

from gate.book import key_of
from gate.clock import Clock, utc
from gate.ids import ActionId
from gate.protocol import Request
from gate.record import Record, fit
from gate.words import Outcome, Reason, State


def outcome_of(record: Record, running: bool = False) -> Outcome:
    """Say what a record says; `running` for one that has begun under a living runner."""
    began = bool(record.begun_wall)
    return Outcome(
        state=State.RUNNING if running else record.state,
        reason=Reason.RUNNING if running else record.reason,
        detail=f"{record.verb} {record.target}" if running else record.detail,
        started_at=utc(record.begun_wall) if began else None,
        ended_at=utc(record.ended_wall) if record.ended_wall else None,
        boot_id=str(record.boot_id),
    )


def begun(request: Request, content: bytes, target: str, clock: Clock) -> Record:
    """Make the record that is written before anything happens."""
    return Record(
        id=request.id,
        sequence=0,
        content=content,
        key=key_of(request.verb, target),
        verb=request.verb,
        target=target,
        boot_id=clock.boot_id(),
        begun_wall=clock.wall(),
        begun_boottime=clock.boottime(),
        state=State.BEGUN,
    )


def refused(
    request: Request, content: bytes, target: str, outcome: Outcome, clock: Clock
) -> Record:
    """Make the record of an action that was refused for what the target is, not for the moment."""
    never = replace(begun(request, content, target, clock), begun_wall=0)
    return ended(replace(never, state=State.REFUSED), outcome, clock)


def ended(record: Record, outcome: Outcome, clock: Clock) -> Record:
    """Add its end to a record. An unknown end has no time."""
    seen = outcome.state is not State.UNKNOWN
    return replace(
        record,
        state=outcome.state,
        reason=outcome.reason,
        detail=fit(outcome.detail),
        ended_wall=clock.wall() if seen else 0,
        ended_boottime=clock.boottime(),
    )


def voided(action: ActionId, clock: Clock) -> Record:
    """Make the record of an id that must never run."""
    return Record(
        id=action,
        sequence=0,
        content=bytes(32),
        key=bytes(16),
        verb="",
        target="",
        boot_id=clock.boot_id(),
        begun_wall=0,
        begun_boottime=clock.boottime(),
        state=State.VOIDED,
        reason=Reason.VOIDED,
        ended_wall=clock.wall(),
        ended_boottime=clock.boottime(),
        detail="it was never here and will be refused",
    )
