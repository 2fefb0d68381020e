"""`hale-backup status`: what each backup of this node promises, how it stands by its reports, what restores kept."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from backup import kept, moment, report
from backup.config import Backup, Config
from backup.kept import Kept
from backup.places import Places
from backup.postgres.stanza import Stanza


def table(config: Config, places: Places, now: float) -> Mapping[str, Mapping[str, Any]]:
    """Return one row for each backup, by name."""
    return {one.name: _row(one, places, now) for one in config.backups.values()}


def _row(one: Backup | Stanza, places: Places, now: float) -> Mapping[str, Any]:
    run, check, drill, restore = (
        report.read(places.report(one.name, kind)) for kind in ("run", "check", "drill", "restore")
    )
    paths = [] if isinstance(one, Stanza) else list(map(Path, one.paths))
    old = chain.from_iterable(map(kept.beside, paths))
    half = chain.from_iterable(kept.half_made(one.name, place) for place in paths)
    proofs = report.current(places, one.name, one.drill_period, now)
    return {
        "newest": run.get("succeeded_at"),
        "run": _word(run),
        "check": _word(check),
        "drill": _word(drill),
        "restore": _word(restore),
        "proven": proofs[0].snapshot if proofs else None,
        "proven_of": moment.text(proofs[0].snapshot_at) if proofs else None,
        "recovery_point_seconds": one.recovery_point,
        "recovery_time_seconds": one.recovery_time,
        "kept": [_kept(each, now) for each in old],
        "half_made": [_kept(each, now) for each in half],
    }


def _kept(old: Kept, now: float) -> Mapping[str, Any]:
    seconds = max(0.0, round(now - old.at, 3))
    return {"path": str(old.path), "age_seconds": seconds, "bytes": old.size}


def _word(told: Mapping[str, Any]) -> str:
    if not told:
        return "never"
    return str(told.get("reason", "well"))


def written(rows: Mapping[str, Mapping[str, Any]], output: str) -> Iterator[str]:
    """Yield the lines of the table, as text or as JSON."""
    if output == "json":
        yield json.dumps(rows, indent=2)
        return
    for name, row in rows.items():
        yield (
            f"{name}: newest {row['newest'] or 'none'}; run {row['run']}, check {row['check']}, "
            f"drill {row['drill']}, restore {row['restore']}; "
            f"can be restored: {'no' if row['proven'] is None else row['proven_of']}"
        )
        for key, said in (
            ("kept", "kept by a restore"),
            ("half_made", "left half made by a restore"),
        ):
            for old in row[key]:
                days, size = old["age_seconds"] / 86400, old["bytes"] / 2**20
                yield f"  {said} {days:.1f} days ago, {size:,.1f} MiB: {old['path']}"
