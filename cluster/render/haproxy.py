"""haproxy.cfg: what stands behind an address, and how soon a dead member is no longer asked (HAProxy 2.6).

Rule: a member that dies loses the requests that it was answering and no more, and a drain outlives
reload, restart and boot.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, urlsplit

from cluster.balancing import HEALTH, HEALTH_PORT, METRICS_PORT, READY, Pool
from cluster.model import Cluster
from cluster.probe import PLACEHOLDER, Probe, host_port
from cluster.writing import FRAGMENT, HEADER

# As Debian's, less what a tier of this kind does not use. The admin socket is the gate's way to drain.
_WHOLE = """\
global
    log /dev/log local0
    log /dev/log local1 notice
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    stats timeout 30s
    # Old workers must not serve old configurations for ever.
    hard-stop-after 5m
    stats socket {socket} mode 660 level admin expose-fd listeners
    server-state-file {state_file}
"""

_DEFAULTS = """\
defaults
    log global
    mode http
    option httplog
    option dontlognull
    timeout http-request 10s
    timeout client 60s
    timeout server 60s
    timeout queue 5s
"""

_PART = """\
global
    stats socket {socket} mode 660 level admin expose-fd listeners
    server-state-file {state_file}
"""

# {health} says that the worker lives, {ready} that it could serve: keepalived moves an address for the second,
# and Hale restarts HAProxy for the first only.
_OWN = """\
frontend hale-health
    mode http
    bind 127.0.0.1:{health_port}
    timeout client 5s
{lacks}    http-request return status 200 content-type text/plain string "ok" if {{ path {health} {ready} }}
    http-request return status 404 content-type text/plain string "not here"

frontend hale-metrics
    mode http
    bind *:{metrics_port}
    timeout client 10s
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request return status 404 content-type text/plain string "not here"
"""

_LACKS = """\
    http-request return status 503 content-type text/plain string "no member of {name}" \
if {{ path {ready} }} {{ nbsrv({name}) lt 1 }}
"""

_FRONTEND = """\
frontend {name}
    mode http
    bind {bind}
    timeout client 60s
    option forwardfor
    default_backend {name}
"""

# A request that no member has begun to answer goes to another one at once, if asking twice does no harm.
_BACKEND = """\
backend {name}
    mode http
    balance roundrobin
    timeout connect 500ms
    timeout server 60s
    timeout check 1s
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless METH_GET
{check}    load-server-state-from-file global
    default-server check inter 1s fastinter 500ms downinter 1s fall 2 rise 2 on-marked-down shutdown-sessions{options}
{servers}"""

_MARKS = """\
# HAProxy forgets at each start who was drained: the gate tells it again.
[Service]
ExecStartPost=-/usr/bin/systemctl restart --no-block hale-gate-marks.service
ExecReload=-/usr/bin/systemctl restart --no-block hale-gate-marks.service
"""


def haproxy_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each file for a node that balances pools."""
    pools = cluster.pools_on(node)
    if not pools:
        return
    shared = pools[0]  # all of a node are alike in what is the program's
    frame = _WHOLE if shared.manage else _PART
    parts = [
        frame.format(socket=shared.socket, state_file=shared.state_file),
        _own(pools),  # before the defaults, so that nothing of them is logged
        *([_DEFAULTS] if shared.manage else []),
        *(_pool(cluster, pool, node) for pool in pools),
    ]
    text = "\n".join(parts)
    if shared.manage:
        yield "etc/haproxy/haproxy.cfg", f"{HEADER}\n{text}"
    else:
        yield "etc/hale/fragments/haproxy.cfg", f"{HEADER}{FRAGMENT}\n{text}"
    yield f"etc/systemd/system/{shared.unit}.d/hale-marks.conf", f"{HEADER}{_MARKS}"


def _own(pools: Iterable[Pool]) -> str:
    lacks = "".join(_LACKS.format(name=pool.name, ready=READY) for pool in pools)
    return _OWN.format(
        health=HEALTH, ready=READY, health_port=HEALTH_PORT, metrics_port=METRICS_PORT, lacks=lacks
    )


def _pool(cluster: Cluster, pool: Pool, node: str) -> str:
    probe = cluster.services[pool.service].probe
    servers = "".join(
        f"    server {member} {host_port(cluster.nodes[member].address, pool.port)}\n"
        for member in cluster.groups[pool.members].nodes
    )
    options = _options(probe, pool) + _named(cluster, pool)
    backend = _BACKEND.format(name=pool.name, check=_check(probe), options=options, servers=servers)
    if not pool.manage:
        return backend
    frontend = _FRONTEND.format(name=pool.name, bind=_bind(cluster, pool, node))
    return f"{frontend}\n{backend}"


def _bind(cluster: Cluster, pool: Pool, node: str) -> str:
    """Write where the frontend listens, so that it can on a standby too."""
    listened, _, port = pool.listens.rpartition(":")
    addresses = cluster.addresses_on(node)
    if pool.listens_on is None:
        # One socket for both families; not where IPv6 may be switched off and nothing needs it.
        six = any(address.version == 6 for address in addresses)
        return f":::{port} v4v6" if six else f"*:{port}"
    held = {address.address for address in addresses}
    # `transparent` lets a standby bind the address that another holds.
    return f"{listened}:{port}{' transparent' if pool.listens_on in held else ''}"


def _asked(probe: Probe | None) -> SplitResult | None:
    """Return the page by which a member's own exporter asks it, if a balancer can ask for it as well."""
    if probe is None or probe.http is None:
        return None
    asked = urlsplit(probe.http.replace(PLACEHOLDER, "member"))
    return asked if asked.hostname == "member" else None


def _check(probe: Probe | None) -> str:
    """Write how members are checked; where they are not asked for a page, that they accept must do."""
    asked = _asked(probe)
    if asked is None or probe is None:
        return ""
    page = (asked.path or "/") + (f"?{asked.query}" if asked.query else "")
    # In single quotes nothing has a meaning to HAProxy, and a URL of cluster.yml has none of them in it.
    return (
        "    option httpchk\n"
        f"    http-check send meth GET uri '{page}'\n"
        f"    http-check expect status {probe.status}\n"
    )


def _options(probe: Probe | None, pool: Pool) -> str:
    """Write what else a check needs: another port than the members serve on, or TLS."""
    asked = _asked(probe)
    if asked is None:
        return ""
    tls = asked.scheme == "https"
    port = asked.port or (443 if tls else 80)
    if port == pool.port:
        return " ssl verify none" if tls else ""
    return f" port {port}{' check-ssl verify none' if tls else ''}"


def _named(cluster: Cluster, pool: Pool) -> str:
    """Let HAProxy start without a member whose host name nobody can resolve now; else it would not start at all."""
    members = (cluster.nodes[member].address for member in cluster.groups[pool.members].nodes)
    return "" if all(map(_is_ip, members)) else " init-addr last,libc,none"


def _is_ip(address: str) -> bool:
    try:
        return bool(ipaddress.ip_address(address))
    except ValueError:
        return False
