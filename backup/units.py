"""The services that use what is restored: stopped while it is put in place, and those that ran before started again.

Rule: what a person or another tool had stopped stays so, also what only one node may run, where this one stands by.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from backup.program import run
from backup.words import Failed, Reason

DOWN = frozenset({"inactive", "deactivating"})
"""systemd.unit(5): stopped, or being stopped. One that failed, or waits to be started again, should run."""


def to_start(units: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the units that run now, or should: they are started again after a restore.

    Raises:
        Failed: service_stuck; systemd does not say of one. Nothing was changed.
    """
    states = {unit: _state(unit) for unit in units}
    return tuple(unit for unit, state in states.items() if state not in DOWN)


def _state(unit: str) -> str:
    ran = run(("systemctl", "show", "--property=ActiveState", "--value", unit))
    state = ran.out.decode("utf-8", "replace").strip()
    if ran.code != 0 or not state:
        raise Failed(
            Reason.SERVICE_STUCK, f"systemd does not say whether {unit} runs: {ran.last_line}"
        )
    return state


@contextmanager
def stopped(units: tuple[str, ...], again: tuple[str, ...]) -> Iterator[None]:
    """Stop units for a while, and start in the other order those of `again`.

    Raises:
        Failed: service_stuck; one did not stop, so that nothing was done, or one did not start after it.
    """
    try:
        for unit in units:
            ran = run(("systemctl", "stop", unit))
            if ran.code != 0:
                raise Failed(Reason.SERVICE_STUCK, f"{unit} did not stop: {ran.last_line}")
        yield
    finally:
        failed = [said for unit in reversed(units) if unit in again and (said := _start(unit))]
    if failed:
        raise Failed(Reason.SERVICE_STUCK, "; ".join(failed))


def _start(unit: str) -> str:
    # What is not back after so many failures is not started any more, unless that is forgotten first.
    run(("systemctl", "reset-failed", unit))
    ran = run(("systemctl", "start", unit))
    return f"{unit} did not start: {ran.last_line}" if ran.code != 0 else ""
