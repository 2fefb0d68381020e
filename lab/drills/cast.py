"""Who plays which part in a drill of a database, and what the drill asks of the database besides its faults.

A drill says `$primary`, `$standby` and `$third`: which node that is, Patroni says when the drill begins. Of a Redis
there is `$primary` alone, and Redis says it.
"""

import dataclasses
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from lab.drills import caches, databases
from lab.drills.caches import Cache
from lab.drills.databases import Place
from lab.drills.model import Drill
from lab.drills.observation import Observation
from lab.drills.session import Session
from lab.drills.underway import Underway
from lab.ports import LabError

_SETTLED = 60.0  # seconds that Patroni may take to say the same everywhere


def cast(session: Session, place: Place | Cache, drill: Drill) -> Drill:
    """Return a drill with nodes in place of `$primary` and its like, once every part is taken.

    Raises:
        LabError: A part stays vacant; nothing was done.
    """
    lab, clock, within = session.lab, session.clock, drill.given.within
    if isinstance(place, Place):
        parts = databases.parts_in_time(lab, place, clock, within)
    else:
        parts = {"$primary": caches.primary_in_time(lab, place, clock, within)}
    found = played_by(drill, parts)
    assert isinstance(found, Drill)  # noqa: S101 - what is put in comes out
    return found


def played_by(value: Any, parts: Mapping[str, str]) -> Any:
    """Return a drill, or any part of one, with nodes in place of what stands for them."""
    match value:
        case str():
            for part, node in parts.items():
                value = value.replace(part, node)
            return value
        case tuple():
            return tuple(played_by(item, parts) for item in value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            fields = {name: played_by(getattr(value, name), parts) for name in names}
            return dataclasses.replace(value, **fields)
    return value


def replicate_asynchronously(session: Session, place: Place, undo: ExitStack) -> None:
    """Have the database acknowledge before a replica has what was written, until the drill is over.

    Raises:
        LabError: Patroni did not take it, or not in time.
    """
    lab, clock = session.lab, session.clock
    undo.callback(databases.replicate, lab, place, synchronous=place.synchronous)
    databases.replicate(lab, place, synchronous=False)
    until = clock.now() + _SETTLED
    while databases.waits_for_standby(lab, place):
        if clock.now() > until:
            raise LabError(f"{place.name}: still synchronous after {_SETTLED:.0f} s")
        clock.sleep(0.5)


def with_rows(
    session: Session, place: Place | Cache, way: Underway, seen: Observation
) -> Observation:
    """Return what was seen with the rows that the database has now, when all of its members are back."""
    first = min(write.number for write in seen.writes)
    try:
        return dataclasses.replace(seen, rows=_rows(session, place, first))
    except LabError as error:
        way.trouble.append(f"the rows could not be counted: {error}")
        return seen


def _rows(session: Session, place: Place | Cache, first: int) -> frozenset[int]:
    lab, clock = session.lab, session.clock
    if isinstance(place, Place):
        parts = databases.parts_in_time(lab, place, clock, _SETTLED)
        return databases.rows(lab, parts["$primary"], first)
    return caches.rows(lab, place, caches.primary_in_time(lab, place, clock, _SETTLED), first)
