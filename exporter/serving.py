"""Is a service serving? Judged from what systemd says of its unit and what its probe saw.

Pure values and functions: no I/O and no clock.

The answer is 1, 0 or unknown:

- A unit that is failed, inactive or not loaded: 0, whatever a probe saw.
- A unit that waits for systemd's auto-restart: what it was before. So a service that systemd restarts
  by itself is not failed yet, and one that has failed stays 0 until it is active again. Of one that was
  never seen before nothing is known.
- A unit that is starting or stopping: likewise, but for a probe that fails `fall` times in this state: a
  start that hangs does not serve. A success changes nothing yet.
- An active unit without probe: 1.
- An active unit with a probe: 0 after `fall` failures in a row, 1 after a success. A probe counts only
  if the unit was the same run of the same unit from its beginning to its end: so after a restart neither
  an old failure keeps the service down nor an old success brings it up; until a fresh probe decides, it
  is what it was.
- Nothing is believed of a probe that could not be made, or whose last result is too old: unknown.
"""

from dataclasses import dataclass, replace
from enum import Enum

from exporter.unit import Unit


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
    """All that is known about one service.

    Attributes:
        fall: Failures in a row that mean down; None when the service has no probe.
        unit: What systemd says now; None when it cannot be asked.
        run: Grows with every new run of the unit; a probe carries the one that it began in.
        settled: The last certain answer; outlives a lost bus.
        failures: In a row, of this run.
        blind: The newest probe could not be made.
        believed_at: Monotonic seconds of the newest result of this run, or of the run's beginning.
    """

    fall: int | None
    unit: Unit | None = None
    run: int = 0
    key: tuple[Phase, str] | None = None
    settled: bool | None = None
    failures: int = 0
    blind: bool = False
    believed_at: float = 0.0


def phase(unit: Unit) -> Phase:
    """Reduce a unit's states to what they mean for its users."""
    if unit.load_state != "loaded":
        return Phase.DOWN
    if unit.sub_state.startswith(AUTO_RESTART):
        return Phase.RETRYING
    return PHASES.get(unit.active_state, Phase.MOVING)


def unit_seen(serving: Serving, unit: Unit, now: float) -> Serving:
    """Take in what systemd says; a new run of the unit makes earlier probes worthless."""
    key = phase(unit), unit.invocation_id
    if key != serving.key:
        serving = replace(
            serving, run=serving.run + 1, key=key, failures=0, blind=False, believed_at=now
        )
    match key[0]:
        case Phase.DOWN:
            return replace(serving, unit=unit, settled=False)
        case Phase.UP if serving.fall is None:
            return replace(serving, unit=unit, settled=True)
        case _:
            return replace(serving, unit=unit)


def unit_lost(serving: Serving) -> Serving:
    """Take in that systemd cannot be asked any more."""
    return replace(serving, unit=None)


def probed(serving: Serving, run: int, result: Probed, now: float) -> Serving:
    """Take in a probe that began in `run`; one of another run says nothing about this one."""
    if serving.fall is None or serving.unit is None or run != serving.run:
        return serving
    if serving.key is None or serving.key[0] in (Phase.DOWN, Phase.RETRYING):
        return serving
    match result:
        case Probed.SUCCESS:
            settled = True if serving.key[0] is Phase.UP else serving.settled
            return replace(serving, settled=settled, failures=0, blind=False, believed_at=now)
        case Probed.FAILURE:
            failures = serving.failures + 1
            settled = False if failures >= serving.fall else serving.settled
            return replace(
                serving, settled=settled, failures=failures, blind=False, believed_at=now
            )
        case Probed.NOT_MADE:
            return replace(serving, blind=True, believed_at=now)


def is_up(serving: Serving, now: float, max_age: float) -> bool | None:
    """Answer for this moment; None means unknown.

    Args:
        serving: What is known.
        now: Monotonic seconds.
        max_age: Seconds after which a probe's result says nothing any more.
    """
    if serving.unit is None or serving.key is None:
        return None
    if serving.key[0] is not Phase.UP or serving.fall is None:
        return serving.settled
    if serving.blind or now - serving.believed_at > max_age:
        return None
    return serving.settled
