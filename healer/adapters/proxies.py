"""What a trusted reverse proxy says of whoever stands behind it.

Rule: only the address that it comes from makes it trusted.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

FORWARDED = "X-Forwarded-For"
"""The header to which each proxy appends the address that it was asked from."""

MOST_HOPS = 16
"""Addresses of that header that are looked at, from its end."""


class Headers(Protocol):
    """The headers of a request, of which each may stand there several times."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """Return every value of a header."""
        ...


@dataclass(frozen=True, slots=True)
class Proxy:
    """A reverse proxy.

    Attributes:
        trusted: Networks from which its headers count.
        user_header: Who signed in there; empty where people sign in here.
        role_header: What they may do; empty where the file of users says so.
    """

    trusted: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    user_header: str = ""
    role_header: str = ""

    def trusts(self, address: str) -> bool:
        """Whether this is the proxy's own address."""
        found = _address(address)
        return found is not None and any(
            found.version == network.version and found in network for network in self.trusted
        )

    def client(self, headers: Headers, peer: str) -> str:
        """Return the address behind the proxy: the last one that is none of its own, else the peer's.

        Args:
            headers: Of the request.
            peer: Its other end, which is trusted.
        """
        told = ",".join(headers.getall(FORWARDED, ())).split(",")
        for hop in reversed(told[-MOST_HOPS:]):
            found = _address(hop.strip())
            if found is None:
                return peer  # what follows was written by nobody whom we trust
            if not self.trusts(str(found)):
                return str(found)
        return peer

    def said(self, headers: Headers, name: str) -> str | None:
        """Return what one of its headers says; empty where it is missing, None where it stands there twice."""
        found = headers.getall(name, ()) if name else ()
        if len(found) > 1:
            return None
        return found[0].strip() if found else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
