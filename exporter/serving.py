"""Is a service serving? Judged from what systemd says of its unit and what its probe saw.

Pure values and functions: no I/O and no clock.

The answer is 1, 0 or unknown. `patience` is PATIENCE, or the time of `fall` attempts if that is longer.

- A unit that is failed or inactive: 0, whatever a probe saw. Whether it is loaded does not matter while it
  runs: one that was masked or edited in the meantime serves on.
- A unit that waits for systemd's auto-restart: what it was before. So a service that systemd restarts
  by itself is not failed yet, and one that has failed stays 0 until it is active again. Of one that was
  never seen before nothing is known.
- A unit that is starting or stopping, or is inactive or failed with a job queued: likewise, but for a probe
  that fails `fall` times in this state: a start that hangs does not serve. A success changes nothing yet.
- None of these two goes on for ever: once the service was not seen serving for longer than `patience`, it
  is 0. With a probe, a success is that sight; without, a run that was active for `patience`.
- An active unit without probe: 1. But one that was 0 and that systemd has restarted by itself is 1 only when
  this run has been active for `patience`: so a crash loop is 0 all the time, and a person's start is 1 at once.
- An active unit with a probe: 0 after `fall` failures in a row, 1 after a success. A probe counts only
  if the unit was the same run of the same unit from its beginning to its end: so after a restart neither
  an old failure keeps the service down nor an old success brings it up; until a fresh probe decides, it
  is what it was. Into a run that systemd has started by itself the failures of the active runs before it are
  carried, or a crash loop with runs shorter than `fall` attempts would never have enough of them.
- Nothing is believed of a probe that could not be made, nor of what was before it, nor of one whose last
  result is too old: unknown.
- Where there is no systemd (`probe_alone`) a probe decides as if the unit were active all the time, and of a
  service without probe nothing is known.
"""

from dataclasses import dataclass, replace
from enum import Enum

from exporter.unit import Unit

# Seconds, at the least, in which a service that comes and goes must be seen serving.
PATIENCE = 60.0


class Probed(Enum):
    """How one attempt of a probe ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOT_MADE = "not_made"  # for a reason of our own: says nothing about the service


class Phase(Enum):
    """What a unit's state means for those who use it."""

    UP = "up"
    MOVING = "moving"
    RETRYING = "retrying"
    DOWN = "down"


# The sub-state, or the beginning of it, of a service that systemd will start again by itself.
AUTO_RESTART = "auto-restart"

# systemd.unit(5), ActiveState. What is not here is on its way: activating,
# deactivating, maintenance, and whatever comes next.
PHASES = {
    "active": Phase.UP,
    "reloading": Phase.UP,
    "refreshing": Phase.UP,
    "inactive": Phase.DOWN,
    "failed": Phase.DOWN,
}


@dataclass(frozen=True, slots=True)
class Serving:
    """All that is known about one service; times are monotonic seconds.

    Attributes:
        fall: Failures in a row that mean down; None when the service has no probe.
        probe_alone: Whether no unit is ever seen, since this machine has no systemd.
        patience: Seconds that a service which comes and goes has to be seen serving.
        unit: What systemd says now; None when it cannot be asked.
        run: Grows with every new run of the unit; a probe carries the one that it began in.
        settled: The last certain answer; outlives a lost bus.
        failures: In a row, of this run.
        carried: In a row, of the active runs before this one.
        blind: The newest probe could not be made.
        proven: This run was seen serving: its newest probe succeeded, or it has no probe and lasted.
        began_at: When this run began.
        believed_at: Of the newest result of this run, or of the run's beginning.
        missed_since: Since when the service was not seen serving, once this run is over or unproven.
    """

    fall: int | None
    probe_alone: bool = False
    patience: float = PATIENCE
    unit: Unit | None = None
    run: int = 0
    key: tuple[Phase, str] | None = None
    settled: bool | None = None
    failures: int = 0
    carried: int = 0
    blind: bool = False
    proven: bool = False
    began_at: float = 0.0
    believed_at: float = 0.0
    missed_since: float = 0.0


def phase(unit: Unit) -> Phase:
    """Reduce a unit's states to what they mean for its users."""
    if unit.sub_state.startswith(AUTO_RESTART):
        return Phase.RETRYING
    found = PHASES.get(unit.active_state, Phase.MOVING)
    # A restart passes through inactive while its job goes on; what is not loaded cannot be started.
    if found is Phase.DOWN and unit.job and unit.load_state == "loaded":
        return Phase.MOVING
    return found


def unit_seen(serving: Serving, unit: Unit, now: float) -> Serving:
    """Take in what systemd says; a new run of the unit makes earlier probes worthless."""
    # At first sight, or after a lost bus, nobody had looked: so nobody had missed it either.
    unseen = serving.unit is None
    serving = replace(serving, missed_since=now) if unseen else _aged(serving, now)
    key = phase(unit), unit.invocation_id
    if key != serving.key:
        serving = _new_run(serving, key, unit, now)
    match key[0]:
        case Phase.DOWN:
            return replace(serving, unit=unit, settled=False)
        case Phase.UP if serving.fall is None and not (unit.restarts and serving.settled is False):
            return replace(serving, unit=unit, settled=True)
        case _:
            return replace(serving, unit=unit)


def _new_run(serving: Serving, key: tuple[Phase, str], unit: Unit, now: float) -> Serving:
    was_up = _phase(serving) is Phase.UP
    carried = serving.carried + (serving.failures if was_up else 0)
    missed_since = now if was_up and serving.proven else serving.missed_since
    # systemd sets NRestarts back when it starts a unit for another reason than its own restart.
    if key[0] is Phase.UP and not unit.restarts:
        carried = 0
        missed_since = now if serving.fall is None else missed_since
    return replace(
        serving,
        run=serving.run + 1,
        key=key,
        failures=0,
        carried=carried,
        blind=False,
        proven=False,
        began_at=now,
        believed_at=now,
        missed_since=missed_since,
    )


def unit_lost(serving: Serving) -> Serving:
    """Take in that systemd cannot be asked any more."""
    return replace(serving, unit=None)


def probed(serving: Serving, run: int, result: Probed, now: float) -> Serving:
    """Take in a probe that began in `run`; one of another run says nothing about this one."""
    if serving.fall is None or not _judged(serving) or run != serving.run:
        return serving
    if _phase(serving) not in (Phase.UP, Phase.MOVING):
        return serving
    serving = replace(_aged(serving, now), believed_at=now, blind=result is Probed.NOT_MADE)
    up = _phase(serving) is Phase.UP
    match result:
        case Probed.SUCCESS if up:
            return replace(serving, settled=True, failures=0, carried=0, proven=True)
        case Probed.SUCCESS:
            return replace(serving, failures=0, missed_since=now)
        case Probed.FAILURE:
            return _failed(serving, now)
        case Probed.NOT_MADE:  # nobody looked, so nobody missed it either
            return replace(serving, settled=None, proven=False, missed_since=now)


def _failed(serving: Serving, now: float) -> Serving:
    failures = serving.failures + 1
    carried = serving.carried if _phase(serving) is Phase.UP else 0
    enough = serving.fall is not None and failures + carried >= serving.fall
    return replace(
        serving,
        settled=False if enough else serving.settled,
        failures=failures,
        proven=False,
        missed_since=now if serving.proven else serving.missed_since,
    )


def is_up(serving: Serving, now: float, max_age: float) -> bool | None:
    """Answer for this moment; None means unknown.

    Args:
        serving: What is known.
        now: Monotonic seconds.
        max_age: Seconds after which a probe's result says nothing any more.
    """
    if not _judged(serving):
        return None
    probe_decides = serving.fall is not None and _phase(serving) is Phase.UP
    if probe_decides and (serving.blind or now - serving.believed_at > max_age):
        return None
    return _aged(serving, now).settled


def _aged(serving: Serving, now: float) -> Serving:
    """Take in what the time that has passed decides by itself."""
    match _phase(serving):
        case Phase.RETRYING | Phase.MOVING if now - serving.missed_since > serving.patience:
            return replace(serving, settled=False)
        case Phase.UP if serving.fall is None and now - serving.began_at >= serving.patience:
            return replace(serving, settled=True, proven=True)
        case _:
            return serving


def _judged(serving: Serving) -> bool:
    """Say whether there is anything to judge by: a unit, or a probe that needs none."""
    return serving.unit is not None or (serving.probe_alone and serving.fall is not None)


def _phase(serving: Serving) -> Phase | None:
    if serving.probe_alone:
        return Phase.UP
    return serving.key[0] if serving.key is not None else None
