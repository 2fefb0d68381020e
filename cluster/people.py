"""The blocks of `healer:` about people: a proxy that signs them in, and Grafana, where they see what was done."""

import ipaddress
import re
from enum import Enum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cluster.fields import NOT_EMPTY, Block, File, ServerUrl

HEADER_PATTERN = r"[A-Za-z][A-Za-z0-9-]{0,63}"

NEVER = frozenset({"authorization", "cookie", "host", "origin", "x-forwarded-for"})
"""Headers that say something else: a browser, or anybody, can send them."""

MOST_TRUSTED = 16
"""Addresses of one network that may still be those of a proxy alone: a /28, or a /124."""


class Reach(Enum):
    """Who can send from a network. The value is its word in the healer's log."""

    PROXY = "proxy"
    MANY = "many"
    PUBLIC = "public"


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no address or network. Write 10.0.0.5/32, or 10.0.0.5."
        ) from error


def _not_everybody(network: str) -> str:
    if ipaddress.ip_network(network).prefixlen < 8:
        raise ValueError(f"{network} is nearly everybody. Write the proxy's own address.")
    return network


def reach(network: str) -> Reach:
    """Return who can send from a trusted network: whoever can is whoever they say.

    Args:
        network: An address or a network, as `ipaddress` writes it.
    """
    net = ipaddress.ip_network(network)
    if net.num_addresses <= MOST_TRUSTED:
        return Reach.PROXY
    return Reach.PUBLIC if net.is_global else Reach.MANY


def _header(text: str) -> str:
    if not re.fullmatch(HEADER_PATTERN, text):
        raise ValueError(f"{text!r} is no header's name. Write letters, digits and '-'.")
    if text.lower() in NEVER:
        raise ValueError(f"{text!r} says something else. Write the header that your proxy sets.")
    return text


Network = Annotated[str, AfterValidator(_network), AfterValidator(_not_everybody)]
Header = Annotated[
    str, AfterValidator(_header), Field(json_schema_extra={"pattern": f"^{HEADER_PATTERN}$"})
]


class Proxy(Block):
    """A reverse proxy before the healer's pages, which is believed because of the address that it comes from.

    Attributes:
        trusted: Its addresses. From any other these headers count for nothing.
        user_header: Who signed in there; None where people sign in at the healer, and only their address is told.
        role_header: viewer, operator or owner; None, or where it is missing, for what `healer.users` says of them.
    """

    trusted: Annotated[tuple[Network, ...], NOT_EMPTY]
    user_header: Header | None = None
    role_header: Header | None = None

    @model_validator(mode="after")
    def _coherent(self) -> "Proxy":
        if self.role_header is not None and self.user_header is None:
            raise ValueError("a role of nobody. Write user_header too.")
        named = [one.lower() for one in (self.user_header, self.role_header) if one is not None]
        if len(set(named)) < len(named):
            raise ValueError("user and role in one header. Write two headers.")
        return self


class Grafana(Block):
    """Where each action becomes an annotation.

    Attributes:
        url: Of Grafana itself, as the healer reaches it.
        token_file: A service account's token that may write annotations, for the healer's eyes alone.
    """

    url: ServerUrl
    token_file: File
