"""Virtual addresses and pools: what clients reach a tier by, and what stands behind it.

keepalived owns the addresses and HAProxy the pools; Hale marks a candidate or a member, and they move.
Rule: what is written here fits keepalived.conf and haproxy.cfg as it is.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.fields import (
    Block,
    File,
    Flag,
    Interface,
    Ip,
    Name,
    Period,
    Port,
    Unit,
    between,
)

HEALTH_PORT = 8404
METRICS_PORT = 8405
HEALTH, READY = "/health", "/ready"
"""Pages of a balancer that Hale manages: its worker answers; and it has a member for each pool."""
DECLINED = "/var/lib/hale-gate/decline"
"""Where a gate keeps a track file for each address; keepalived reads them."""

# Only signs that mean nothing to keepalived and to a shell.
_LOCAL = re.compile(
    r"http://(?P<host>127\.0\.0\.1|\[::1\])(:(?P<port>[0-9]{1,5}))?(?P<path>(/[A-Za-z0-9/_.%~-]{0,500})?)",
    re.ASCII,
)
# HAProxy reads a ',' as the next address and an '@' as a kind of one, and takes no longer path.
_SOCKET = re.compile(r"/[A-Za-z0-9_./-]{1,96}", re.ASCII)
_LISTEN = re.compile(r"(?P<host>\*|[0-9.]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})", re.ASCII)


def _local(text: str) -> str:
    """Accept what a node can ask of itself: a track script that needs the network proves nothing."""
    match = _LOCAL.fullmatch(text)
    if match is None or not 0 < int(match["port"] or 80) < 65536:
        raise ValueError(
            f"{text!r} is not a plain page of the node itself. Write http://127.0.0.1:{HEALTH_PORT}{READY}, "
            "which the balancer's own worker answers."
        )
    return text


def _socket(text: str) -> str:
    if _SOCKET.fullmatch(text) is None:
        raise ValueError(
            f"{text[:40]!r} cannot be a socket of HAProxy: letters, digits, '_', '.', '-' and '/', at most 97."
        )
    return text


def _listens(text: str) -> str:
    match = _LISTEN.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536 or not _bindable(match["host"]):
        raise ValueError(f"{text!r} is not *:PORT or ADDRESS:PORT. Write '*:80'.")
    return text


def listened_on(listen: str) -> str | None:
    """Return the address of HOST:PORT in its usual spelling; None for `*`, all of them."""
    host = listen.rpartition(":")[0].strip("[]")
    return None if host == "*" else str(ipaddress.ip_address(host))


def _bindable(host: str) -> bool:
    if host == "*":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).version == (6 if "[" in host else 4)
    except ValueError:
        return False


def _of_a_network(name: str) -> str:
    if name == "lo":
        raise ValueError("nobody else hears what is said on lo. Write the network's interface.")
    return name


def _hundredths(seconds: float) -> float:
    """Accept what fits a VRRP advertisement (RFC 5798, Maximum Advertisement Interval)."""
    if round(seconds * 1000) % 10:
        raise ValueError("VRRP counts in steps of 10ms. Write a multiple of it.")
    return seconds


Listen = Annotated[str, AfterValidator(_listens)]


class AddressCheck(Block):
    """How keepalived asks, once a second and for one second, whether its node can serve at all."""

    http: Annotated[str, AfterValidator(_local)]

    @property
    def words(self) -> tuple[str, str, str]:
        """The address, the port and the path that are asked."""
        match = _LOCAL.fullmatch(self.http)
        host, port, path = match.group("host", "port", "path") if match else ("", "", "")
        return host.strip("[]"), port or "80", path or "/"


OWN_CHECK = AddressCheck(http=f"http://127.0.0.1:{HEALTH_PORT}{READY}")


class VirtualAddress(Block):
    """An address that one of a group's nodes holds.

    Attributes:
        address: What clients connect to; no node's own.
        prefix: Length of its network's prefix; None for the address alone (/32, /128).
        group: Its nodes are the candidates; the first has the highest priority.
        interface: On which each candidate holds it.
        router_id: VRRP's; one of its own on each network.
        advert_interval: Seconds between two advertisements; others take over after three without one.
        check: None for the health page of a pool on the same balancers that Hale manages, where there is one.
        manage: Whether render writes the whole keepalived.conf, or only a fragment.
    """

    name: SkipJsonSchema[Name]
    address: Ip
    prefix: Annotated[int, Field(strict=True, ge=1, le=128)] | None = None
    group: Name
    interface: Annotated[Interface, AfterValidator(_of_a_network)]
    router_id: Annotated[int, Field(strict=True, ge=1, le=255)]
    advert_interval: Annotated[Period, between(0.1, 40), AfterValidator(_hundredths)] = 1.0
    check: AddressCheck | None = None
    manage: Flag = False

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.address).version

    @property
    def interface_address(self) -> str:
        """The address with its prefix, as keepalived and ip(8) write it."""
        longest = ipaddress.ip_address(self.address).max_prefixlen
        return f"{self.address}/{self.prefix or longest}"

    @property
    def track_file(self) -> str:
        """The file by which a gate has keepalived decline it."""
        return f"{DECLINED}/{self.name}"

    @model_validator(mode="after")
    def _prefix_fits(self) -> "VirtualAddress":
        longest = ipaddress.ip_address(self.address).max_prefixlen
        if self.prefix is not None and self.prefix > longest:
            raise ValueError(
                f"prefix: {self.prefix} is longer than an IPv{self.version} address. "
                f"Write at most {longest}."
            )
        network = ipaddress.ip_interface(self.interface_address).network
        ends = {network.network_address, network.broadcast_address}
        if (
            self.version == 4
            and network.num_addresses > 2
            and ipaddress.ip_address(self.address) in ends
        ):
            raise ValueError(
                f"address: {self.address} stands for the whole network {network}. Write one within it."
            )
        return self


@dataclass(frozen=True, slots=True)
class Priorities:
    """VRRP's priorities of an address's candidates, and what each mark takes off.

    Whatever is marked and whatever fails, the order is: those that can serve and are not declined, those that can serve
    and are declined, those that cannot serve. Within each the first candidate wins; of many that cannot serve
    keepalived's lower bound may make several equal, and then the higher IP address does. So there is always
    exactly one owner. keepalived never reaches FAULT by them.

    Attributes:
        first: Of the first candidate; each next one has `step` less.
        declined: Added where the address is declined; negative, as is the next.
        failed: Added where the check fails.
    """

    first: int
    step: int
    declined: int
    failed: int


MOST_CANDIDATES = 99


def priorities(candidates: int) -> Priorities:
    """Return the priorities for so many candidates, at most MOST_CANDIDATES.

    keepalived holds what results within 1 to 254 (keepalived.conf(5)), so the steps are smaller where
    there are many: a declined last one must stay above the clamped rest.
    """
    step = min(10, 198 // (2 * candidates - 1))
    span = step * (candidates - 1)
    return Priorities(200, step, -(span + step), -(2 * span + 2 * step))


class Pool(Block):
    """Members that balancers spread requests over.

    Attributes:
        balancers: The group whose nodes run HAProxy.
        members: The group behind it; HAProxy's server names are the nodes' names.
        service: What the members serve; its group is `members`.
        unit: The balancers' unit.
        port: The members'.
        listen: Where the balancers' frontend listens; None for the members' port on every address.
        socket: HAProxy's admin socket.
        state_file: Where the states of HAProxy's servers survive its restarts.
        manage: Whether render writes the whole haproxy.cfg, or only a fragment.
    """

    name: SkipJsonSchema[Name]
    balancers: Name
    members: Name
    service: Name
    unit: Unit = "haproxy.service"
    port: Port
    listen: Listen | None = None
    socket: Annotated[File, AfterValidator(_socket)] = "/run/haproxy/admin.sock"
    state_file: File = "/var/lib/haproxy/hale-state"
    manage: Flag = False

    @property
    def listens(self) -> str:
        """HOST:PORT of the balancers' frontend; the host may be `*`, and is in brackets where it is IPv6."""
        return self.listen or f"*:{self.port}"

    @property
    def listens_on(self) -> str | None:
        """The one address of the balancers' frontend, in its usual spelling; None for all of them."""
        return listened_on(self.listens)
