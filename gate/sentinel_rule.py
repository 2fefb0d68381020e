"""A master of gate.json that Redis Sentinel watches: the Sentinel of this node, and which node has which address."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from gate import fields
from gate.strict_json import Json

_KEYS = ("host", "port", "master", "member", "members", "credentials")


@dataclass(frozen=True, slots=True)
class SentinelRule:
    """A master and its replicas, of which this node has one.

    Attributes:
        host, port: Where the Sentinel of this node listens.
        master: Sentinel's name of it.
        member: This node.
        members: The address of each node's Redis, as Sentinel names it.
        credentials: File with `user:password` for Sentinel; None where it asks for none.
    """

    host: str
    port: int
    master: str
    member: str
    members: Mapping[str, str]
    credentials: str | None

    @property
    def address(self) -> tuple[str, int]:
        """Where the Sentinel of this node listens."""
        return self.host, self.port


def sentinel_rule(value: Json, where: str) -> SentinelRule:
    """Read one entry of `sentinels`.

    Raises:
        ValueError: which key is wrong, and what is wanted.
    """
    found = fields.object_at(value, where)
    fields.only(found, _KEYS, where + ".")
    members = {
        fields.name(node, f"{where}.members"): _ip(address, f"{where}.members[{node[:80]!r}]")
        for node, address in fields.object_at(found.get("members"), f"{where}.members").items()
    }
    member = fields.name(found.get("member"), f"{where}.member")
    if member not in members or len(set(members.values())) != len(members):
        raise ValueError(
            f"{where}.members: want an address of its own for each, {member} among them"
        )
    port = fields.count(found.get("port"), f"{where}.port")
    if not 0 < port < 65536:
        raise ValueError(f"{where}.port: want 1 to 65535, got {port}")
    credentials = found.get("credentials")
    return SentinelRule(
        host=_ip(found.get("host"), f"{where}.host"),
        port=port,
        master=fields.name(found.get("master"), f"{where}.master"),
        member=member,
        members=members,
        credentials=None
        if credentials is None
        else fields.path(credentials, f"{where}.credentials"),
    )


def _ip(value: Json, where: str) -> str:
    text = fields.label(value, where)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError(f"{where}: want an IP address, got {text[:80]!r}") from error
