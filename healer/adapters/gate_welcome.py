"""What a gate says of itself: the answer to hello, with everything that it was asked to look at.

Format: docs/contracts.md, "The gate protocol". Rule: a gate of which a single word is not understood is not understood
at all.
"""

from typing import Literal

from pydantic import Field

from healer.adapters.gate_lines import Answer, Line
from healer.adapters.gate_seen import (
    Seen,
    SeenAddress,
    SeenBackup,
    SeenFileSystem,
    SeenPlace,
    SeenPower,
    SeenUnit,
    backup_of,
    database_of,
    machine_of,
    members_of,
    pacemaker_of,
    unit_of,
)
from healer.core.look import MACHINE, POWER, Look, Mark

POOL = "pool:"
"""What a pool's name begins with where a gate is asked for it."""

DATABASE = "database:"
"""As POOL, of a database."""

PACEMAKER = "pacemaker:"
"""As POOL, of a Pacemaker cluster."""

PLACE = "place:"
"""As POOL, of what such a cluster would run nowhere without the gate's node."""


class _Hold(Line):
    reason: str
    until: str | None


class _Mark(Line):
    mark: str
    subject: str
    owners: list[str]
    since: str
    applied: bool | None


class Welcome(Line):
    """The answer to hello."""

    v: Literal[1]
    cluster: str
    node: str
    boot_id: str
    ledger_id: str | None
    highest_token: tuple[int, int] | None
    nonce: str = Field(min_length=1)
    holds: list[_Hold]
    marks: list[_Mark] | None
    seen: dict[str, Seen | None]

    def look(self) -> Look:
        """Return what the guards may know of it."""
        return Look(
            cluster=self.cluster,
            node=self.node,
            boot_id=self.boot_id,
            ledger_id=self.ledger_id or "",
            highest_token=self.highest_token,
            holds=tuple(hold.reason for hold in self.holds),
            units={
                name: unit_of(name, seen) if isinstance(seen, SeenUnit) else None
                for name, seen in self.seen.items()
            },
            pools={
                name.removeprefix(POOL): members_of(seen)
                for name, seen in self.seen.items()
                if name.startswith(POOL)
            },
            addresses={
                name: seen.held for name, seen in self.seen.items() if isinstance(seen, SeenAddress)
            },
            disks={
                name: seen.device
                for name, seen in self.seen.items()
                if isinstance(seen, SeenFileSystem)
            },
            powers={
                name.removeprefix(POWER): seen.state if isinstance(seen, SeenPower) else None
                for name, seen in self.seen.items()
                if name.startswith(POWER)
            },
            databases={
                name.removeprefix(DATABASE): database_of(seen)
                for name, seen in self.seen.items()
                if name.startswith(DATABASE)
            },
            pacemakers={
                name.removeprefix(PACEMAKER): pacemaker_of(seen)
                for name, seen in self.seen.items()
                if name.startswith(PACEMAKER)
            },
            places={
                name.removeprefix(PLACE): tuple(seen.homeless)
                if isinstance(seen, SeenPlace)
                else None
                for name, seen in self.seen.items()
                if name.startswith(PLACE)
            },
            marks=None if self.marks is None else tuple(_mark(one) for one in self.marks),
            backups={
                name: backup_of(seen)
                for name, seen in self.seen.items()
                if isinstance(seen, SeenBackup)
            },
            machine=machine_of(self.seen.get(MACHINE)),
        )


def _mark(one: _Mark) -> Mark:
    return Mark(one.mark, one.subject, tuple(one.owners), one.applied)


def welcome_of(line: bytes) -> Welcome:
    """Read the answer to hello.

    Raises:
        ValueError: It is something else; a gate's refusal is quoted.
    """
    try:
        return Welcome.model_validate_json(line)
    except ValueError as error:
        refusal = _refusal_in(line)
        if refusal is None:
            raise
        msg = f"the gate said {refusal.state} {refusal.reason}: {refusal.detail}"
        raise ValueError(msg) from error


def _refusal_in(line: bytes) -> Answer | None:
    try:
        return Answer.model_validate_json(line)
    except ValueError:
        return None
