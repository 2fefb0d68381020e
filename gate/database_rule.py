"""A database of gate.json: the Patroni of this node, and the file by which it is kept from leading."""

import re
from dataclasses import dataclass

from gate import fields, listed
from gate.strict_json import Json

_URL = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")
_KEYS = ("url", "scope", "member", "members", "unit", "credentials", "bar_file", "max_lag_bytes")


@dataclass(frozen=True, slots=True)
class DatabaseRule:
    """A database that this node is a member of.

    Attributes:
        url: Of this node's Patroni, http://HOST:PORT.
        scope: Patroni's name of the cluster.
        member: Patroni's name of this node; `members` has it too.
        members: Patroni's names of all, which are node names.
        unit: Patroni's.
        credentials: File with `user:password` for its API; None where it asks for none.
        bar_file: YAML that Patroni reads last of its configuration.
        max_lag_bytes: What a member may be behind and still be asked to lead.
    """

    url: str
    scope: str
    member: str
    members: tuple[str, ...]
    unit: str
    credentials: str | None
    bar_file: str
    max_lag_bytes: int

    @property
    def host(self) -> str:
        """Of Patroni's API, as a socket takes it."""
        return self.url.removeprefix("http://").rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Of Patroni's API."""
        return int(self.url.rpartition(":")[2])


def database_rule(value: Json, where: str) -> DatabaseRule:
    """Read one entry of `databases`.

    Raises:
        ValueError: which key is wrong, and what is wanted.
    """
    found = fields.object_at(value, where)
    fields.only(found, _KEYS, where + ".")
    members = fields.texts(found.get("members", []), f"{where}.members")
    for one in members:
        fields.name(one, f"{where}.members")
    member = fields.name(found.get("member"), f"{where}.member")
    if len(set(members)) != len(members) or member not in members:
        raise ValueError(f"{where}.members: want names, each once, and {member} among them")
    credentials = found.get("credentials")
    return DatabaseRule(
        url=_url(found.get("url"), f"{where}.url"),
        scope=fields.label(found.get("scope"), f"{where}.scope"),
        member=member,
        members=members,
        unit=listed.unit_name(fields.label(found.get("unit"), f"{where}.unit")),
        credentials=None
        if credentials is None
        else fields.path(credentials, f"{where}.credentials"),
        bar_file=fields.path(found.get("bar_file"), f"{where}.bar_file"),
        max_lag_bytes=fields.count(found.get("max_lag_bytes"), f"{where}.max_lag_bytes"),
    )


def _url(value: Json, where: str) -> str:
    text = fields.label(value, where)
    match = _URL.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(f"{where}: want http://HOST:PORT, got {text[:80]!r}")
    return text
