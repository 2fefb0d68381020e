"""/etc/hale/backup.json, and what systemd must know of each job (docs/backups.md).

The units themselves are hale-backup's own templates. Rule: what a job may write is no more than it needs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.backups import SCRATCH, Backup, Keep
from cluster.databases import SOCKET_DIR, Database
from cluster.model import Cluster
from cluster.probe import host_port
from cluster.schedule import Schedule
from cluster.stanzas import CONFIGURATION, LOCKS, DatabaseBackup
from cluster.writing import HEADER, json_text, number

_UNITS = ("hale-backup", "hale-backup-check", "hale-backup-drill")


def backup_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of what a node that is backed up needs."""
    files, stanzas = cluster.backups_on(node), cluster.stanzas_on(node)
    if not files and not stanzas:
        return
    yield "etc/hale/backup.json", backup_json(cluster, node)
    jobs: list[tuple[str, Backup | DatabaseBackup]] = [(one.name, one) for one in files]
    jobs += [(database.name, one) for database, one in stanzas]
    for name, job in jobs:
        for unit, schedule in job.timers:
            timer = f"etc/systemd/system/{unit}@{name}.timer"
            yield timer, HEADER + _timer(unit, name, schedule, cluster.time_zone)
        for unit in _UNITS:
            path = f"etc/systemd/system/{unit}@{name}.service.d/hale.conf"
            if text := _drop_in(job, unit):
                yield path, HEADER + text


def backup_json(cluster: Cluster, node: str) -> str:
    """Write what one node backs up."""
    backups = {one.name: _backup(cluster, one) for one in cluster.backups_on(node)}
    for database, one in cluster.stanzas_on(node):
        backups[database.name] = _stanza(cluster, node, database, one)
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
        "scratch": SCRATCH if drill is None else drill.scratch,
        "units": [] if service is None else [service.unit],
        "rebuildable": one.rebuildable,
    }


def _stanza(
    cluster: Cluster, node: str, database: Database, one: DatabaseBackup
) -> Mapping[str, Any]:
    drill = one.drill
    address = cluster.nodes[node].address
    return {
        "tool": "pgbackrest",
        "data_dir": database.data_dir,
        "socket_dir": SOCKET_DIR,
        "port": database.postgresql.port,
        "programs": database.postgresql.programs,
        "user": "postgres",
        "configuration": CONFIGURATION,
        "leader_url": f"http://{host_port(address, database.port)}/leader",
        "alone": len(cluster.groups[database.group].nodes) == 1,
        "full_every_seconds": number(one.full_every),
        "recovery_point_seconds": number(one.recovery_point),
        "recovery_time_seconds": number(one.recovery_time),
        "size_drop": one.size_drop,
        "drill_period_seconds": 0 if drill is None else number(drill.period),
        "scratch": SCRATCH if drill is None else drill.scratch,
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


def _drop_in(one: Backup | DatabaseBackup, unit: str) -> str:
    """Write what one job needs beside its template: its mount, and what it may write."""
    mounted = (
        ""
        if one.mount is None
        else f"[Unit]\nRequiresMountsFor={one.mount}\nAssertPathIsMountPoint={one.mount}\n\n"
    )
    places = [one.repository] if one.repository.startswith("/") else []
    if unit == "hale-backup-drill" and one.drill is not None:
        places.append(one.drill.scratch)
    asked = ""
    if isinstance(one, DatabaseBackup):
        places.append(LOCKS)
        asked = "CapabilityBoundingSet=CAP_SETUID CAP_SETGID\n"  # beside those of the template
    writes = "".join(f"ReadWritePaths=-{place}\n" for place in places)
    return mounted + (f"[Service]\n{asked}{writes}" if writes else "")
