"""How a store is, as `hale-healer store status` says it. Reads it beside whoever leads, and writes nothing."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from healer.adapters.audit_reading import opened
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_status import Member, read_etcd
from healer.adapters.journal_file import StoreSettings
from healer.adapters.journal_tables import readable, require_format
from healer.adapters.stores import AnyStore
from healer.errors import ConfigError
from healer.ports import Clock


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """A store.

    Attributes:
        kind: `sqlite` or `etcd`.
        where: The file, or etcd's prefix.
        problem: Why it cannot be led on; empty where it can.
        era: None, as the rest, where the store does not say.
        term: Of the leader; of the last one where nobody leads.
        leader: Its node; None where nobody leads.
        since: When its lead began, epoch seconds.
        lease_left_seconds: None where nobody leads.
        seq: Of the newest record.
        records: How many there are.
        bytes: Of them; in SQLite of the file.
        open_incidents: How many are not over.
        members: Of etcd.
    """

    kind: str
    where: str
    problem: str
    era: int | None = None
    term: int | None = None
    leader: str | None = None
    since: float | None = None
    lease_left_seconds: float | None = None
    seq: int | None = None
    records: int | None = None
    bytes: int | None = None
    open_incidents: int | None = None
    members: tuple[Member, ...] = ()


async def read_status(settings: AnyStore, clock: Clock) -> StoreStatus:
    """Say how a store is.

    Raises:
        ConfigError: There is none, or it is not one of ours.
    """
    match settings:
        case StoreSettings(path=path):
            return await asyncio.to_thread(_file, path, clock)
        case EtcdSettings():
            return await _etcd(settings)


async def _etcd(settings: EtcdSettings) -> StoreStatus:
    found = await read_etcd(settings)
    scene, members = found.scene, found.members
    where = f"{settings.prefix} at {', '.join(settings.endpoints)}"
    if scene is None:
        return StoreStatus("etcd", where, found.problem, members=members)
    lead = scene.leader
    return StoreStatus(
        kind="etcd",
        where=where,
        problem=found.problem,
        era=scene.store.era,
        term=scene.term or None,
        leader=None if lead is None else lead.node,
        since=None if lead is None else lead.since,
        lease_left_seconds=found.lease_left,
        seq=scene.head.seq,
        records=scene.head.records,
        bytes=scene.head.bytes,
        open_incidents=found.open_incidents,
        members=members,
    )


_OPEN = """
SELECT COUNT(*) FROM (SELECT incident FROM events WHERE incident IS NOT NULL GROUP BY incident
HAVING SUM(kind = 'incident_closed') = 0)
"""


def _file(path: Path, clock: Clock) -> StoreStatus:
    if not path.exists():
        msg = f"{path}: there is no journal: make one with `hale-healer store init`"
        raise ConfigError(msg)
    with opened(path) as db, readable(path):
        form, era, term, seq = db.execute(
            "SELECT format, era, term, head_seq FROM store"
        ).fetchone()
        require_format(form, path)
        start, boot_id, deadline = db.execute(
            "SELECT start_id, boot_id, deadline FROM lease"
        ).fetchone()
        (records,) = db.execute("SELECT COUNT(*) FROM events").fetchone()
        (incidents,) = db.execute(_OPEN).fetchone()
        began = db.execute(
            "SELECT at_wall, body FROM events WHERE kind = 'healer_started' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    left = deadline - clock.boottime() if start is not None and boot_id == clock.boot_id else 0.0
    # Whoever holds the lease wrote this, or is about to: it names the term.
    told = json.loads(began[1]) if began is not None else {}
    led = left > 0 and told.get("term") == term
    size = sum(one.stat().st_size for one in _files(path) if one.exists())
    return StoreStatus(
        kind="sqlite",
        where=str(path),
        problem="",
        era=era,
        term=term,
        leader=(told.get("node") or "this node") if led else "starting" if left > 0 else None,
        since=began[0] if led else None,
        lease_left_seconds=left if left > 0 else None,
        seq=seq,
        records=records,
        bytes=size,
        open_incidents=incidents,
    )


def _files(path: Path) -> tuple[Path, ...]:
    return path, path.with_name(f"{path.name}-wal")
