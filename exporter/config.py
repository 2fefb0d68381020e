"""What exporter.yml may say: the services, peers and virtual addresses of this node, as frozen values."""

from dataclasses import dataclass
from pathlib import Path

from exporter.alerting.rule import Rule

PEER_INTERVAL = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One GET; serving is exactly this status. Redirects are not followed, certificates not checked."""

    url: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """One connection that is accepted and closed again."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class TlsProbe:
    """One connection with a TLS handshake; certificates are not checked."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class CommandProbe:
    """One run of a program without a shell; serving is exit status 0."""

    argv: tuple[str, ...]


How = HttpProbe | TcpProbe | TlsProbe | CommandProbe


@dataclass(frozen=True, slots=True)
class Probe:
    """What to try, and how often.

    Attributes:
        interval: Seconds from the start of one attempt to the next.
        timeout: Seconds until an attempt has failed.
        fall: Failures in a row that mean that the service is not serving.
    """

    how: How
    interval: float = 5.0
    timeout: float = 2.0
    fall: int = 2


@dataclass(frozen=True, slots=True)
class Service:
    """One service that is declared for this node.

    Attributes:
        certificates: Absolute paths of PEM files, each once.
        packages: Debian packages that it runs from, each once.
    """

    name: str
    unit: str
    group: str
    probe: Probe | None = None
    certificates: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """One node that this one looks after as second witness; where its exporter listens."""

    node: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class VirtualAddress:
    """One address that moves between nodes, of which this node is a candidate.

    Attributes:
        address: As it is written in exporter.yml, without a prefix; IPv4 or IPv6.
        interface: Where it is when this node holds it.
        group: Whose nodes are the candidates.
        router_id: Of its VRRP instance.
    """

    name: str
    address: str
    interface: str
    group: str
    router_id: int


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What an Alertmanager is known by, and what it is shown.

    Attributes:
        ca: None for the system's.
        cert: None to show nothing; then `key` is None too.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class ShortWay:
    """Where alerts are posted straight from here, and after which rules.

    Attributes:
        alertmanagers: The bases of their URLs, without a slash at the end.
        repeat: Seconds between two posts of what holds.
    """

    alertmanagers: tuple[str, ...]
    rules: tuple[Rule, ...]
    tls: ClientTls = ClientTls()
    repeat: float = 60.0


@dataclass(frozen=True, slots=True)
class Config:
    """One exporter.yml; `peer_interval` in seconds.

    The node's own names are those that Prometheus brings as target labels: here only what is posted has them.

    Attributes:
        short_way: None where nothing is posted from here.
    """

    cluster: str = ""
    node: str = ""
    group: str = ""
    failure_domain: str = ""
    services: tuple[Service, ...] = ()
    peers: tuple[Peer, ...] = ()
    peer_interval: float = PEER_INTERVAL
    virtual_addresses: tuple[VirtualAddress, ...] = ()
    short_way: ShortWay | None = None

    @property
    def target(self) -> dict[str, str]:
        """The labels that this node's target has in Prometheus."""
        return {
            "cluster": self.cluster,
            "node": self.node,
            "group": self.group,
            "failure_domain": self.failure_domain,
        }


class ConfigError(Exception):
    """The file cannot be used; nothing of it was taken over.

    Attributes:
        problems: Every mistake found, as `FILE:LINE:COLUMN: PATH: what is wrong`.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
