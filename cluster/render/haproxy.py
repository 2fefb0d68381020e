"""haproxy.cfg: what stands behind an address, and how soon a dead member is no longer asked (HAProxy 2.6).

Rule: a member that dies loses the requests that it was answering and no more, and a drain outlives
reload, restart and boot.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from cluster.balancing import HEALTH, HEALTH_PORT, METRICS_PORT, READY, Pool
from cluster.databases import Database, Front
from cluster.model import Cluster
from cluster.probe import PLACEHOLDER, Probe, host_port
from cluster.render.haproxy_front import bound, front_section, named
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

_LACKS_PRIMARY = """\
    http-request return status 503 content-type text/plain string "no primary of {name}" \
if {{ path {ready} }} {{ nbsrv({name}:primary) lt 1 }}
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


@dataclass(frozen=True, slots=True)
class _Program:
    """One node's HAProxy: what all that it balances has in common."""

    unit: str
    socket: str
    state_file: str
    manage: bool


def haproxy_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each file for a node that balances pools or leads clients to databases."""
    pools, fronts = cluster.pools_on(node), cluster.fronts_on(node)
    if not pools and not fronts:
        return
    shared = _program(pools, fronts)
    frame = _WHOLE if shared.manage else _PART
    parts = [
        frame.format(socket=shared.socket, state_file=shared.state_file),
        _own(pools, fronts),  # before the defaults, so that nothing of them is logged
        *([_DEFAULTS] if shared.manage else []),
        *(_pool(cluster, pool, node) for pool in pools),
        *(front_section(cluster, database, front, node) for database, front in fronts),
    ]
    text = "\n".join(parts)
    if shared.manage:
        yield "etc/haproxy/haproxy.cfg", f"{HEADER}\n{text}"
    else:
        yield "etc/hale/fragments/haproxy.cfg", f"{HEADER}{FRAGMENT}\n{text}"
    if pools:  # a front has no members that could be drained
        yield f"etc/systemd/system/{shared.unit}.d/hale-marks.conf", f"{HEADER}{_MARKS}"


def _program(pools: Sequence[Pool], fronts: Sequence[tuple[Database, Front]]) -> _Program:
    """Return what is the program's; all of a node are alike in it."""
    if pools:
        first = pools[0]
        return _Program(first.unit, first.socket, first.state_file, first.manage)
    usual = Pool.model_fields
    unit, socket, state_file = (str(usual[key].default) for key in ("unit", "socket", "state_file"))
    return _Program(unit, socket, state_file, fronts[0][1].manage)


def _own(pools: Iterable[Pool], fronts: Iterable[tuple[Database, Front]]) -> str:
    lacks = "".join(_LACKS.format(name=pool.name, ready=READY) for pool in pools)
    lacks += "".join(_LACKS_PRIMARY.format(name=each.name, ready=READY) for each, _ in fronts)
    return _OWN.format(
        health=HEALTH, ready=READY, health_port=HEALTH_PORT, metrics_port=METRICS_PORT, lacks=lacks
    )


def _pool(cluster: Cluster, pool: Pool, node: str) -> str:
    probe = cluster.services[pool.service].probe
    servers = "".join(
        f"    server {member} {host_port(cluster.nodes[member].address, pool.port)}\n"
        for member in cluster.groups[pool.members].nodes
    )
    options = _options(probe, pool) + named(cluster, pool.members)
    backend = _BACKEND.format(name=pool.name, check=_check(probe), options=options, servers=servers)
    if not pool.manage:
        return backend
    frontend = _FRONTEND.format(name=pool.name, bind=bound(cluster, pool.listens, node))
    return f"{frontend}\n{backend}"


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
