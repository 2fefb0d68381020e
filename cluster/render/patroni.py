"""Patroni's configuration of a database that Hale manages, as a folder whose files Patroni merges in their order.

Rule: no secret is rendered, and what a gate bars comes last (https://patroni.readthedocs.io/en/latest/yaml_configuration.html).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.databases import (
    BARS,
    LOOP_SECONDS,
    RETRY_SECONDS,
    TTL_SECONDS,
    Api,
    Database,
)
from cluster.listening import endpoint
from cluster.model import Cluster
from cluster.probe import host_port
from cluster.writing import HEADER, yaml_text

SUPERUSER, REPLICATOR, REWINDER = "postgres", "replicator", "rewinder"
_SEEN = "/run/hale-bar"
"""Where Patroni sees the gate's folder, whose parent is closed to everybody but root."""

# Debian's unit reads one file; a folder needs another condition.
_UNIT = """\
[Unit]
ConditionPathExists=
ConditionPathIsDirectory={folder}
After=network-online.target etcd.service
Wants=network-online.target

[Service]
ExecStart=
ExecStart=/usr/bin/patroni {folder}
BindReadOnlyPaths={bars}:{seen}
"""

_TMPFILES = """\
d /var/lib/hale-gate 0700 root root -
d {bars} 0755 root root -
"""
_LINKS = """\
L+ {folder}/50-secrets.yml - - - - {secrets}
L+ {folder}/90-bar.yml - - - - {seen}/{name}.yml
"""


def patroni_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of what a member's node needs; nothing where somebody else writes it."""
    managed = [database for database in cluster.databases_on(node) if database.manage]
    links = _TMPFILES.format(bars=BARS)
    for database in managed:
        folder = f"/etc/patroni/{database.name}"
        unit = cluster.services[database.service].unit
        yield f"{folder[1:]}/10-hale.yml", yaml_text(_settings(cluster, database, node))
        yield (
            f"etc/systemd/system/{unit}.d/hale-patroni.conf",
            HEADER + _UNIT.format(folder=folder, bars=BARS, seen=_SEEN),
        )
        links += _LINKS.format(
            folder=folder, secrets=database.secrets, seen=_SEEN, name=database.name
        )
    if managed:
        yield "etc/tmpfiles.d/hale-patroni.conf", HEADER + links


def _settings(cluster: Cluster, database: Database, node: str) -> Mapping[str, Any]:
    address = cluster.nodes[node].address
    everywhere = "[::]" if ":" in address else "0.0.0.0"
    return {
        "scope": database.called,
        "name": node,
        "restapi": {
            "listen": f"{everywhere}:{database.port}",
            "connect_address": host_port(address, database.port),
        },
        **_etcd(database),
        "bootstrap": {
            "dcs": _shared(database),
            "initdb": [{"encoding": "UTF8"}, "data-checksums"],
            # Patroni's own checker wants it here too; what counts is below.
            "pg_hba": list(_rights(cluster, database)),
        },
        "postgresql": _postgresql(cluster, database, node),
        "watchdog": {"mode": str(database.watchdog)},
    }


def _etcd(database: Database) -> Mapping[str, Any]:
    etcd = database.etcd
    if etcd is None:
        return {}
    ends = [endpoint(url) for url in etcd.endpoints]
    files = {"cacert": etcd.ca, "cert": etcd.cert, "key": etcd.key}
    return {
        "etcd" if etcd.api is Api.V2 else "etcd3": {
            "hosts": [end.target for end in ends],
            "protocol": ends[0].scheme,
            **{key: path for key, path in files.items() if path is not None},
        }
    }


def _shared(database: Database) -> Mapping[str, Any]:
    """Return what Patroni takes over into etcd at the cluster's first start, and reads from there ever after."""
    return {
        "ttl": TTL_SECONDS,
        "loop_wait": LOOP_SECONDS,
        "retry_timeout": RETRY_SECONDS,
        "primary_start_timeout": database.start_seconds,
        "maximum_lag_on_failover": database.max_lag,
        "synchronous_mode": database.synchronous,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": dict(database.postgresql.parameters),
        },
    }


def _postgresql(cluster: Cluster, database: Database, node: str) -> Mapping[str, Any]:
    port = database.postgresql.port
    address = cluster.nodes[node].address
    users = {"superuser": SUPERUSER, "replication": REPLICATOR, "rewind": REWINDER}
    return {
        "listen": f"{address},127.0.0.1:{port}",
        "connect_address": host_port(address, port),
        "data_dir": database.data_dir,
        "bin_dir": database.postgresql.programs,
        # Else a copy begins only with the end of a checkpoint, which PostgreSQL spreads over minutes.
        "basebackup": [{"checkpoint": "fast"}],
        "authentication": {use: {"username": user} for use, user in users.items()},
        "pg_hba": list(_rights(cluster, database)),
        **_archive(database),
    }


def _archive(database: Database) -> Mapping[str, Any]:
    """Return how the write-ahead log comes into pgBackRest's repository and back; nothing where none is kept.

    Here and not in what all members share, which counts for the first start alone. Each member has it, since each may
    come to lead; PostgreSQL archives on the one that does.
    """
    one = database.backup
    if one is None:
        return {}
    pgbackrest = f"/usr/bin/pgbackrest --stanza={database.name}"
    return {
        "parameters": {
            "archive_mode": "on",
            "archive_command": f"{pgbackrest} archive-push %p",
            "archive_timeout": one.archive_timeout,
        },
        "recovery_conf": {"restore_command": f'{pgbackrest} archive-get %f "%p"'},
    }


def _rights(cluster: Cluster, database: Database) -> Iterator[str]:
    """Yield pg_hba.conf's lines: members for replication, balancers and clients for the rest, all by password."""
    members = [_network(cluster.nodes[n].address) for n in cluster.groups[database.group].nodes]
    front = database.front
    balancers = cluster.groups[front.balancers].nodes if front is not None else ()
    clients = [*(_network(cluster.nodes[n].address) for n in balancers)]
    clients += database.postgresql.clients
    yield "local all all peer"
    for network in ("127.0.0.1/32", *members):
        yield f"host all all {network} scram-sha-256"
    for network in ("127.0.0.1/32", *members):  # Patroni asks its own member for its timeline so
        yield f"host replication {REPLICATOR} {network} scram-sha-256"
    for network in dict.fromkeys(each for each in clients if each not in members):
        yield f"host all {SUPERUSER},{REWINDER} {network} reject"
        yield f"host all all {network} scram-sha-256"


def _network(address: str) -> str:
    """Write a node as pg_hba.conf does; a host name is looked up both ways there."""
    if ":" in address:
        return f"{address}/128"
    return f"{address}/32" if address.replace(".", "").isdecimal() else address
