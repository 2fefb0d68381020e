"""The services that use what is restored: stopped while it is put in place, and started again whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager

from backup.program import run
from backup.words import Failed, Reason


@contextmanager
def stopped(units: tuple[str, ...]) -> Iterator[None]:
    """Stop units for a while, and start them in the other order, also those that were down before.

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
        failed = [said for unit in reversed(units) if (said := _start(unit))]
    if failed:
        raise Failed(Reason.SERVICE_STUCK, "; ".join(failed))


def _start(unit: str) -> str:
    # What is not back after so many failures is not started any more, unless that is forgotten first.
    run(("systemctl", "reset-failed", unit))
    ran = run(("systemctl", "start", unit))
    return f"{unit} did not start: {ran.last_line}" if ran.code != 0 else ""
