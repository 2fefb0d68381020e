"""What a fault is. Rule: it keeps nothing in memory, so that any later process can undo it."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lab.ports import Completed, Lab, LabError


class Fault(Protocol):
    """One real thing that goes wrong. Its fields are the arguments it takes in a drill file."""

    def inject(self, lab: Lab) -> str:
        """Make it happen and return, in one line, what was done.

        Raises:
            LabError: It could not be done; part of it may have been, so `undo` is still called.
        """
        ...

    def undo(self, lab: Lab) -> None:
        """Take it back. Does nothing where there is nothing to take back.

        Raises:
            LabError: It could not be taken back; the lab should be made anew.
        """
        ...


def insist(ask: Callable[[], str], patience: float, what: str) -> None:
    """Ask twice a second until nothing is said against it, as a person does.

    Args:
        ask: Asks once and returns why not; empty where it was taken.
        patience: Seconds.
        what: Is asked for, for the error.

    Raises:
        LabError: It was not taken in that time, or `ask` raised it.
    """
    until = time.monotonic() + patience
    while refusal := ask():
        if time.monotonic() > until:
            raise LabError(f"{what}: {refusal[-300:]}")
        time.sleep(0.5)


def run(lab: Lab, node: str, argv: Sequence[str], timeout: float = 30.0) -> Completed:
    """Run a command on a node that has to succeed.

    Raises:
        LabError: It did not.
    """
    done = lab.exec(node, argv, timeout=timeout)
    if done.code != 0:
        said = (done.stderr or done.stdout).strip()[-400:]
        raise LabError(f"{node}: {' '.join(argv)[:120]}: exit status {done.code}: {said}")
    return done
