"""Whether a restore that a gate started still waits for its turn: told below /run, for the gate to read.

Rule: `begun` is on record before anything is touched. Who has ended a run that still `waits` knows that nothing was.
"""

import os
from enum import StrEnum

from backup.places import Places, write

PATIENCE = 600.0
"""Seconds that it waits, well below what a gate has for it: where the gate dies, nobody would call it off."""


class Turn(StrEnum):
    """How far it is."""

    WAITS = "waits"
    BEGUN = "begun"


def tell(places: Places, name: str, turn: Turn) -> None:
    """Put on record how far this run of its unit is, by which systemd tells it from all others (systemd.exec(5)).

    Raises:
        OSError: nothing is on record, or what was.
    """
    if run := os.environ.get("INVOCATION_ID"):
        write(places.run / f"{name}.turn", f"{turn} {run}\n")
