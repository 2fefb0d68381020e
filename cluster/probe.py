"""Probes: how an exporter asks a service of its node whether it serves.

Rule: a probe is exactly one of http, tcp, tls and command, and its time-out is shorter than its interval.
"""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cluster.fields import Block, Command, Period, between, checked_url, is_address

PLACEHOLDER = "{address}"


def host(address: str) -> str:
    """Write an address as the host of a URL: IPv6 goes into brackets."""
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    except ValueError:
        return address


def host_port(address: str, port: int) -> str:
    """Write an address and a port as one word."""
    return f"{host(address)}:{port}"


def _http(text: str) -> str:
    checked_url(text.replace(PLACEHOLDER, "127.0.0.1"))
    return text


def _tcp(text: str) -> str:
    name, _, port = text.replace(PLACEHOLDER, "127.0.0.1").rpartition(":")
    name = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    port_fits = re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) and 0 < int(port) < 65536
    if not port_fits or not is_address(name):
        raise ValueError(f"{text!r} is not HOST:PORT. Write '{PLACEHOLDER}:5432'.")
    return text


class Probe(Block):
    """How to ask.

    Attributes:
        http: A URL to GET; redirects are not followed.
        status: The HTTP status that means serving.
        tcp: HOST:PORT to connect to.
        tls: HOST:PORT to connect to and shake hands with; any certificate will do.
        command: Run on the node by the exporter's user; exit status 0 means serving.
        interval: Seconds between two attempts.
        timeout: Seconds for one attempt.
        fall: Failed attempts in a row before the service counts as not serving.
    """

    http: Annotated[str, AfterValidator(_http)] | None = None
    tcp: Annotated[str, AfterValidator(_tcp)] | None = None
    tls: Annotated[str, AfterValidator(_tcp)] | None = None
    command: Command | None = None
    status: Annotated[int, Field(strict=True, ge=100, le=599)] = 200
    interval: Annotated[Period, between(0.1, 3600)] = 5.0
    timeout: Annotated[Period, between(0.05, 300)] = 2.0
    fall: Annotated[int, Field(strict=True, ge=1, le=100)] = 2

    @model_validator(mode="after")
    def _one_way(self) -> "Probe":
        ways = [way for way in (self.http, self.tcp, self.tls, self.command) if way is not None]
        if len(ways) != 1:
            raise ValueError("exactly one of http, tcp, tls and command is needed.")
        if self.http is None and "status" in self.model_fields_set:
            raise ValueError("status belongs to an http probe only. Remove it.")
        if self.timeout >= self.interval:
            raise ValueError(
                "the timeout must be shorter than the interval, or attempts pile up. "
                "Shorten the timeout."
            )
        return self

    def at(self, address: str) -> "Probe":
        """Return the probe with the placeholder filled in by a node's address."""
        where = host(address)
        return self.model_copy(
            update={
                "http": self.http and self.http.replace(PLACEHOLDER, where),
                "tcp": self.tcp and self.tcp.replace(PLACEHOLDER, where),
                "tls": self.tls and self.tls.replace(PLACEHOLDER, where),
                "command": self.command
                and tuple(word.replace(PLACEHOLDER, address) for word in self.command),
            }
        )
