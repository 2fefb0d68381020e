"""/etc/hale/gate.json and the way in: what a node's gate may be asked for (docs/contracts.md)."""

from collections.abc import Mapping
from typing import Any

from cluster.model import BuiltinService, Cluster, Service
from cluster.patching import Patching
from cluster.power import PowerDevice
from cluster.probe import host_port
from cluster.settings import GATE_USER
from cluster.writing import HEADER, json_text, number

# A Match block ends only with the next one, so `Match all` keeps it off the files read after it.
_SSHD = """\
Match User {user}
    AuthenticationMethods publickey
    AuthorizedKeysFile /etc/hale/gate_keys
    ForceCommand /usr/bin/hale-gate pipe
    PermitTTY no
    PermitUserRC no
    DisableForwarding yes
    Banner none
Match all
"""


def gate_json(cluster: Cluster, node: str) -> str:
    """Write what one node's gate lists.

    On a control node nothing may be changed but full disks emptied, and no node on which a healer, the monitoring or
    the store runs is rebooted, though nobody called it a control node.
    """
    free = not cluster.control(node)
    spacing = {str(verb): number(s) for verb, s in sorted(cluster.healer.gate_spacing.items())}
    return json_text(
        {
            "v": 1,
            "cluster": cluster.name,
            "node": node,
            "units": _units(cluster, node, restart=free),
            "reboot": free and not cluster.keeps_watch(node),
            "addresses": _addresses(cluster, node) if free else {},
            "pools": _pools(cluster, node) if free else {},
            "databases": _databases(cluster, node) if free else {},
            "sentinels": _sentinels(cluster, node) if free else {},
            "pacemakers": _pacemakers(cluster, node) if free else {},
            "reclaim": _reclaim(cluster, node),
            "restores": _restores(cluster, node) if free else {},
            "patch": _patch(cluster.patching),
            "spacing_seconds": spacing,
            **_fencing(cluster, node),
        }
    )


def _units(cluster: Cluster, node: str, *, restart: bool) -> Mapping[str, Any]:
    services: list[Service | BuiltinService] = [
        *cluster.services_on(node),
        *cluster.builtin_services.values(),
    ]
    return {
        service.unit: {
            "service": service.name,
            # What Pacemaker runs, only Pacemaker starts.
            "restart": restart and service.name not in cluster.paced,
            "config_check": list(service.config_check or ()),
            **({"packages": list(service.packages)} if service.packages else {}),
        }
        for service in services
    }


def _addresses(cluster: Cluster, node: str) -> Mapping[str, Any]:
    return {
        address.name: {
            "address": address.address,
            "interface": address.interface,
            "track_file": address.track_file,
        }
        for address in cluster.addresses_on(node)
    }


def _pools(cluster: Cluster, node: str) -> Mapping[str, Any]:
    return {
        pool.name: {
            "backend": pool.name,
            "socket": pool.socket,
            "state_file": pool.state_file,
            "members": list(cluster.groups[pool.members].nodes),
        }
        for pool in cluster.pools_on(node)
    }


def _databases(cluster: Cluster, node: str) -> Mapping[str, Any]:
    # Patroni listens where other members reach it; on loopback only where somebody thought of it.
    return {
        database.name: {
            "url": f"http://{host_port(cluster.nodes[node].address, database.port)}",
            "scope": database.called,
            "member": node,
            "members": list(cluster.groups[database.group].nodes),
            "unit": cluster.services[database.service].unit,
            "credentials": database.credentials,
            "bar_file": database.bar_file,
            "max_lag_bytes": database.max_lag,
        }
        for database in cluster.databases_on(node)
    }


def _sentinels(cluster: Cluster, node: str) -> Mapping[str, Any]:
    return {
        one.name: {
            "host": cluster.nodes[node].address,
            "port": one.sentinel_port,
            "master": one.name,
            "member": node,
            "members": {
                each: cluster.nodes[each].address for each in cluster.groups[one.group].nodes
            },
            "credentials": one.credentials,
        }
        for one in cluster.sentinels_on(node)
    }


def _pacemakers(cluster: Cluster, node: str) -> Mapping[str, Any]:
    return {
        one.name: {
            "member": node,
            "members": list(cluster.groups[one.group].nodes),
            "resources": list(one.resources),
        }
        for one in cluster.pacemakers_on(node)
    }


def _reclaim(cluster: Cluster, node: str) -> list[Mapping[str, Any]]:
    return [
        {
            "service": service.name,
            "path": entry.path,
            "match": entry.match,
            "older_than_seconds": number(entry.older_than),
            "keep": entry.keep,
        }
        for service in cluster.services_on(node)
        for entry in service.reclaim
    ]


def _patch(patching: Patching | None) -> Mapping[str, Any] | None:
    if patching is None:
        return None
    return {
        "command": list(patching.command),
        "seconds": number(patching.limit),
        "reboot_check": list(patching.reboot_check or ()),
    }


def _fencing(cluster: Cluster, host: str) -> Mapping[str, Any]:
    """Write which nodes this gate may cut the power of, and how; nothing on any but a fencing host."""
    cut = [one for one in cluster.nodes.values() if host in cluster.fencing_hosts(one.name)]
    rules = {one.name: _power(cluster.power[one.power], one.name) for one in cut if one.power}
    return {"fencing": rules} if rules else {}


def _power(device: PowerDevice, node: str) -> Mapping[str, Any]:
    return {
        "device": device.name,
        "agent": device.agent,
        "options": dict(device.told(node)),
        "secrets": device.secrets,
        "off_seconds": number(device.off_within),
        "status_seconds": number(device.status_within),
    }


REPORTS = "/var/lib/hale-backups"


def _restores(cluster: Cluster, node: str) -> Mapping[str, Any]:
    return {
        one.name: {
            "drill": f"{REPORTS}/{one.name}.drill.json",
            "run": f"{REPORTS}/{one.name}.run.json",
            "report": f"{REPORTS}/{one.name}.restore.json",
            "period_seconds": number(one.drill.period),
            "units": [cluster.services[one.service].unit] if one.service else [],
        }
        for one in cluster.backups_on(node)
        if one.restore and one.drill is not None
    }


def sshd_conf() -> str:
    """Write sshd's drop-in: the healer's user gets the gate's pipe and nothing else."""
    return HEADER + _SSHD.format(user=GATE_USER)
