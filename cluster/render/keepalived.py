"""keepalived.conf: which node holds a virtual address (keepalived.conf(5), 2.2.7).

Rule: weights move an address and FAULT never does, so that somebody holds it as long as one candidate lives.
"""

from collections.abc import Iterator

from cluster.balancing import AddressCheck, VirtualAddress, priorities
from cluster.model import Cluster
from cluster.writing import FRAGMENT, HEADER

CHECK_PATH = "etc/hale/check-http.sh"

# bash starts in a tenth of the time that python3 takes, which counts on a balancer that is busy, and every
# Debian has it. Loopback answers or refuses at once; keepalived kills what still waits after its second.
CHECK_SCRIPT = """\
# check-http.sh HOST PORT PATH: exit status 0 if a server on this node answers 200, as keepalived asks each second.
exec 3<>"/dev/tcp/$1/$2" || exit 1
printf 'GET %s HTTP/1.0\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' "$3" "$1" >&3 || exit 1
read -r -t 0.9 -u 3 _ status _ && [ "$status" = 200 ]
"""

_GLOBAL = """\
global_defs {{
    router_id {node}
    enable_script_security
    # hale-exporter reads the states there; every user may read them, and nothing else.
    enable_dbus
    # An interface that comes up late would else end keepalived for good.
    dynamic_interfaces
    # Switches forget, and a lost gratuitous ARP is not repeated otherwise.
    vrrp_garp_master_refresh 60
}}
"""

# init_fail: a node that has just booted must not take the address before its balancer answers.
_SCRIPT = """\
vrrp_script {name}-serves {{
    script "/bin/bash /{path} {words}"
    user nobody nogroup
    interval 1
    timeout 1
    fall 2
    rise 2
    weight {failed}
    init_fail
}}
"""

# The gate writes 1 to decline and 0 to accept; the value is multiplied by the weight.
_TRACK_FILE = """\
track_file {name}-declined {{
    file "{file}"
    weight {declined}
    init_file 0
}}
"""

# No nopreempt: with it a declined owner would keep the address.
_INSTANCE = """\
vrrp_instance {name} {{
    state BACKUP
    interface {interface}
    virtual_router_id {router_id}
    version {version}
    priority {priority}
    advert_int {advert:g}
    virtual_ipaddress {{
        {address} dev {interface}
    }}
{tracked}    track_file {{
        {name}-declined
    }}
}}
"""

_TRACK_SCRIPT = "    track_script {{\n        {name}-serves\n    }}\n"

# What keepalived watches for the gate; it makes the file, but no directory.
TMPFILES_PATH = "etc/tmpfiles.d/hale-decline.conf"
_TMPFILES = "d {directory} 0700 root root -\n"


def keepalived_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each file for a node that may hold a virtual address."""
    addresses = cluster.addresses_on(node)
    if not addresses:
        return
    blocks = "\n".join(_address(cluster, address, node) for address in addresses)
    if addresses[0].manage:  # all of a node are alike
        yield "etc/keepalived/keepalived.conf", f"{HEADER}{_GLOBAL.format(node=node)}\n{blocks}"
    else:
        yield "etc/hale/fragments/keepalived.conf", f"{HEADER}{FRAGMENT}\n{blocks}"
    if any(cluster.check_of(address) for address in addresses):
        yield CHECK_PATH, HEADER + CHECK_SCRIPT
    directory = addresses[0].track_file.rpartition("/")[0]
    parents = (directory.rpartition("/")[0], directory)
    yield TMPFILES_PATH, HEADER + "".join(_TMPFILES.format(directory=d) for d in parents)


def _address(cluster: Cluster, address: VirtualAddress, node: str) -> str:
    candidates = cluster.groups[address.group].nodes
    order = priorities(len(candidates))
    check = cluster.check_of(address)
    instance = _INSTANCE.format(
        name=address.name,
        interface=address.interface,
        router_id=address.router_id,
        version=_version(address),
        priority=order.first - order.step * candidates.index(node),
        advert=address.advert_interval,
        address=address.interface_address,
        tracked=_TRACK_SCRIPT.format(name=address.name) if check else "",
    )
    file = _TRACK_FILE.format(name=address.name, file=address.track_file, declined=order.declined)
    return "\n".join([*_script(address, check, order.failed), file, instance])


def _script(address: VirtualAddress, check: AddressCheck | None, failed: int) -> Iterator[str]:
    if check is not None:
        words = " ".join(check.words)
        yield _SCRIPT.format(name=address.name, path=CHECK_PATH, words=words, failed=failed)


def _version(address: VirtualAddress) -> int:
    """Return VRRP's version: 2 knows IPv4 and whole seconds only, and is what others expect."""
    return 2 if address.version == 4 and address.advert_interval.is_integer() else 3
