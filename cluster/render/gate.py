"""/etc/hale/gate.json and the way in: what a node's gate may be asked for (docs/contracts.md)."""

from cluster.model import BuiltinService, Cluster, Service
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
    """Write what one node's gate lists. On a control node nothing may be restarted."""
    services: list[Service | BuiltinService] = [
        *cluster.services_on(node),
        *cluster.builtin_services.values(),
    ]
    restart = not cluster.control(node)
    units = {
        service.unit: {
            "service": service.name,
            "restart": restart,
            "config_check": list(service.config_check or ()),
        }
        for service in services
    }
    spacing = {str(v): number(s) for v, s in sorted(cluster.healer.gate_spacing.items())}
    return json_text(
        {
            "v": 1,
            "cluster": cluster.name,
            "node": node,
            "units": units,
            "addresses": [],
            "spacing_seconds": spacing,
        }
    )


def sshd_conf() -> str:
    """Write sshd's drop-in: the healer's user gets the gate's pipe and nothing else."""
    return HEADER + _SSHD.format(user=GATE_USER)
