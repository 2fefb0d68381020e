"""The part of haproxy.cfg that leads clients to a database: one port for the primary, one for its replicas.

Rule: Patroni says of its own member what it is, and nobody else is asked; a member that changes loses its connections.
"""

from cluster.balancing import listened_on
from cluster.databases import Database, Front
from cluster.fields import is_ip
from cluster.model import Cluster
from cluster.probe import host_port

# A connection of a database may be silent for long; TCP itself asks whether the other end is there. Of two members that
# both call themselves primary only one gets connections. OPTIONS has no body that Patroni would fail to send.
_SECTION = """\
frontend {name}
    mode tcp
    bind {bind}
    option tcplog
    option clitcpka
    timeout client 30m
    default_backend {name}

backend {name}
    mode tcp
    balance {balance}
    option srvtcpka
    timeout connect 2s
    timeout server 30m
    timeout check 2s
    option httpchk
    http-check send meth OPTIONS uri /{asked}
    http-check expect status 200
    default-server check port {port} inter 1s fastinter 500ms downinter 1s fall 2 rise 1 \
on-marked-down shutdown-sessions{options}
{servers}"""

_BALANCE = {"primary": "first", "replica": "leastconn"}


def front_section(cluster: Cluster, database: Database, front: Front, node: str) -> str:
    """Write a frontend and a backend for each place where one node leads clients to a database."""
    servers = "".join(
        f"    server {member} {host_port(cluster.nodes[member].address, database.postgresql.port)}\n"
        for member in cluster.groups[database.group].nodes
    )
    sections = [
        _SECTION.format(
            name=f"{database.name}:{asked}",  # no pool's name has a colon
            bind=bound(cluster, listen, node),
            balance=_BALANCE[asked],
            asked=asked,
            port=database.port,
            options=named(cluster, database.group),
            servers=servers,
        )
        for asked, listen in front.listeners
    ]
    return "\n".join(sections)


def bound(cluster: Cluster, listens: str, node: str) -> str:
    """Write where a frontend listens, so that it can on a standby too."""
    port, host = listens.rpartition(":")[2], listened_on(listens)
    addresses = cluster.addresses_on(node)
    if host is None:
        # One socket for both families; not where IPv6 may be switched off and nothing needs it.
        six = any(address.version == 6 for address in addresses)
        return f":::{port} v4v6" if six else f"*:{port}"
    # `transparent` lets a standby bind the address that another holds.
    held = host in {address.address for address in addresses}
    return f"{listens}{' transparent' if held else ''}"


def named(cluster: Cluster, group: str) -> str:
    """Let HAProxy start without a member whose host name nobody can resolve now; else it would not start at all."""
    members = (cluster.nodes[member].address for member in cluster.groups[group].nodes)
    return "" if all(map(is_ip, members)) else " init-addr last,libc,none"
