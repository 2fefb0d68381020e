"""The block `databases`: PostgreSQL clusters that Patroni runs.

Patroni owns who leads; a node's gate asks Patroni of that node, and bars a member by a file that Patroni reads.
"""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.balancing import Listen, listened_on
from cluster.fields import AtLeastOne, Block, Bytes, File, Flag, Name, Port
from cluster.stanzas import DatabaseBackup
from cluster.store import EtcdServers

PATRONI_PORT = 8008
POSTGRESQL_PORT = 5432
SOCKET_DIR = "/var/run/postgresql"
"""Where Debian's PostgreSQL listens for its own node."""
BARS = "/var/lib/hale-gate/bar"
"""Where a gate keeps a file for each database; Patroni reads them last of its configuration."""

TTL_SECONDS = 20
LOOP_SECONDS = 5
RETRY_SECONDS = 5
"""Patroni's clock: a leader that cannot renew for TTL is replaced, and one that cannot reach etcd for RETRY gives up
by itself. Patroni wants TTL to be at least LOOP + 2 * RETRY, so that the second comes before the first."""

START_SECONDS = 300
"""What Patroni gives a leader to start again before another one may lead; its own default."""


class Watchdog(StrEnum):
    """Whether a device resets a node whose Patroni stands still; Patroni's words."""

    OFF = "off"
    AUTOMATIC = "automatic"
    REQUIRED = "required"


def _network(text: str) -> str:
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a network. Write 10.0.0.0/24.") from None
    if str(found) != text:
        raise ValueError(f"{text!r} is not the usual way to write it. Write {found}.")
    return text


def _parameter(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value} is no parameter. Write it in quotes, as PostgreSQL reads it.")
    if isinstance(value, str) and not (value.isprintable() and len(value) <= 1000):
        raise ValueError("a parameter must be printable text of at most 1000 characters.")
    return value


Network = Annotated[str, AfterValidator(_network)]
Parameter = Annotated[str | int, BeforeValidator(_parameter)]


class Api(StrEnum):
    """Which of etcd's interfaces Patroni speaks."""

    V2 = "v2"
    V3 = "v3"


class DatabaseEtcd(EtcdServers):
    """The etcd in which Patroni keeps who leads.

    Attributes:
        api: By v3 Patroni before 3.0.3 takes the lead back unasked after a standstill (docs/decisions/0037).
    """

    api: Api = Api.V2


class Postgresql(Block):
    """What Patroni needs to know of PostgreSQL, where render writes its configuration.

    Attributes:
        version: The major one, by which Debian's packages name their folders.
        data_dir: None for /var/lib/postgresql/VERSION/NAME.
        clients: Networks from which clients come; balancers in front and the members need not be among them.
        parameters: PostgreSQL's own, of all members; they count for the cluster's first start.
    """

    version: AtLeastOne = 15
    port: Port = POSTGRESQL_PORT
    data_dir: File | None = None
    clients: tuple[Network, ...] = ()
    parameters: Mapping[Name, Parameter] = {}

    @property
    def programs(self) -> str:
        """The folder of initdb and its like."""
        return f"/usr/lib/postgresql/{self.version}/bin"


class Front(Block):
    """Balancers that lead clients to the member that leads, and to those that follow.

    Attributes:
        balancers: The group whose nodes run HAProxy.
        primary: Where they listen for those who write.
        replicas: Where they listen for those who only read; None for nowhere.
        manage: Whether render writes the whole haproxy.cfg, or only a fragment.
    """

    balancers: Name
    primary: Listen
    replicas: Listen | None = None
    manage: Flag = False

    @model_validator(mode="after")
    def _two_ports(self) -> "Front":
        if self.replicas and self.replicas.rpartition(":")[2] == self.primary.rpartition(":")[2]:
            raise ValueError("primary and replicas listen on one port. Write two.")
        return self

    @property
    def listeners(self) -> tuple[tuple[str, str], ...]:
        """What is asked for and where, each as Patroni names it and as HAProxy binds it."""
        replicas = (("replica", self.replicas),) if self.replicas else ()
        return (("primary", self.primary), *replicas)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that listeners name, in their usual spelling; none for `*`."""
        return tuple(host for _, at in self.listeners if (host := listened_on(at)) is not None)


class Database(Block):
    """A PostgreSQL cluster, one of whose members leads at a time.

    Attributes:
        group: Its nodes are the members; Patroni's names of them are the nodes' names.
        service: What the members run; its unit is Patroni's.
        scope: Patroni's name of the cluster; None for the name here.
        port: Of Patroni's REST API on every member.
        credentials: Holds `user:password` for that API, on one line; None where it asks for none.
        max_lag: Bytes that a member may be behind and still be asked to lead.
        synchronous: Whether a write is acknowledged only once another member has it too.
        front: What clients connect to; None where that is not Hale's to know.
        manage: Whether render writes all of Patroni's configuration.
        etcd: In which Patroni keeps who leads; only with `manage`, as all below.
        secrets: YAML of Patroni's own with the passwords, which Patroni's user can read.
        watchdog: What Patroni does with a watchdog device.
        backup: How it is backed up; None where that is not Hale's to do.
    """

    name: SkipJsonSchema[Name]
    group: Name
    service: Name
    scope: Name | None = None
    port: Port = PATRONI_PORT
    credentials: File | None = None
    max_lag: Bytes = 1024 * 1024
    synchronous: Flag = False
    front: Front | None = None
    manage: Flag = False
    etcd: DatabaseEtcd | None = None
    secrets: File | None = None
    watchdog: Watchdog = Watchdog.AUTOMATIC
    postgresql: Postgresql = Postgresql()
    backup: DatabaseBackup | None = None

    @model_validator(mode="after")
    def _managed(self) -> "Database":
        own = ("etcd", "secrets", "watchdog", "postgresql", "backup")
        if not self.manage and (given := [key for key in own if key in self.model_fields_set]):
            raise ValueError(f"{given[0]} is of what render writes. Write manage: true too.")
        if self.manage and (self.etcd is None or self.secrets is None):
            missing = "etcd" if self.etcd is None else "secrets"
            raise ValueError(f"with manage: true Patroni needs {missing}. Add it.")
        return self

    @property
    def called(self) -> str:
        """Patroni's name of the cluster."""
        return self.scope or self.name

    @property
    def start_seconds(self) -> int:
        """What a leader whose PostgreSQL ended has to start again, in seconds; nothing where another has all of it.

        Patroni counts from each start anew, so one that starts and ends again and again, as with no room for its log,
        would never be replaced (docs/decisions/0046).
        """
        return 0 if self.synchronous else START_SECONDS

    @property
    def bar_file(self) -> str:
        """The file by which a gate has Patroni of its node never lead."""
        return f"{BARS}/{self.name}.yml"

    @property
    def data_dir(self) -> str:
        """Where PostgreSQL's files are."""
        return (
            self.postgresql.data_dir or f"/var/lib/postgresql/{self.postgresql.version}/{self.name}"
        )
