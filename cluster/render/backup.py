"""/etc/hale/backup.json, and what systemd must know of each job (docs/backups.md).

The units themselves are hale-backup's own templates. Rule: what a job may write is no more than it needs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.backups import Backup, Keep
from cluster.model import Cluster
from cluster.schedule import Schedule
from cluster.writing import HEADER, json_text, number


def backup_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of what a node that is backed up needs."""
    backups = cluster.backups_on(node)
    if not backups:
        return
    yield "etc/hale/backup.json", backup_json(cluster, node)
    for one in backups:
        for unit, schedule in one.timers:
            timer = f"etc/systemd/system/{unit}@{one.name}.timer"
            yield timer, HEADER + _timer(unit, one.name, schedule, cluster.time_zone)
        for unit in ("hale-backup", "hale-backup-check", "hale-backup-drill"):
            path = f"etc/systemd/system/{unit}@{one.name}.service.d/hale.conf"
            if text := _drop_in(one, unit):
                yield path, HEADER + text


def backup_json(cluster: Cluster, node: str) -> str:
    """Write what one node backs up."""
    backups = {one.name: _backup(cluster, one) for one in cluster.backups_on(node)}
    return json_text({"v": 1, "cluster": cluster.name, "node": node, "backups": backups})


def _backup(cluster: Cluster, one: Backup) -> Mapping[str, Any]:
    service = cluster.services.get(one.service or "")
    drill = one.drill
    return {
        "tool": "restic",
        "paths": list(one.paths),
        "excludes": list(one.excludes),
        "repository": one.repository,
        "password_file": one.password_file,
        "environment_file": one.environment_file,
        "keep": _keep(one.keep),
        "recovery_point_seconds": number(one.recovery_point),
        "recovery_time_seconds": number(one.recovery_time),
        "check_parts": one.check.parts,
        "size_drop": one.size_drop,
        "drill_period_seconds": 0 if drill is None else number(drill.period),
        "scratch": "/var/lib/hale-backup/scratch" if drill is None else drill.scratch,
        "units": [] if service is None else [service.unit],
        "rebuildable": one.rebuildable,
    }


def _keep(keep: Keep | None) -> Mapping[str, int]:
    return {} if keep is None else keep.model_dump(exclude_none=True)


def _timer(unit: str, name: str, schedule: Schedule, zone: str) -> str:
    # One that was missed while the node was down is made up for at the next boot.
    return f"""\
[Unit]
Description=Hale: when {unit}@{name} runs

[Timer]
OnCalendar={schedule.calendar(zone)}
RandomizedDelaySec={number(schedule.spread)}
FixedRandomDelay=yes
AccuracySec=1s
Persistent=yes

[Install]
WantedBy=timers.target
"""


def _drop_in(one: Backup, unit: str) -> str:
    """Write what one job needs beside its template: its mount, and what it may write."""
    mounted = (
        ""
        if one.mount is None
        else f"[Unit]\nRequiresMountsFor={one.mount}\nAssertPathIsMountPoint={one.mount}\n\n"
    )
    places = [one.repository] if one.repository.startswith("/") else []
    if unit == "hale-backup-drill" and one.drill is not None:
        places.append(one.drill.scratch)
    writes = "".join(f"ReadWritePaths=-{place}\n" for place in places)
    return mounted + (f"[Service]\n{writes}" if writes else "")
