"""The blocks `healer:`, `monitoring:` and `exporter:`, with the values that production should have.

Rule: what a short file leaves out is set here as production needs it, never as a demonstration does.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from cluster.fields import (
    NOT_EMPTY,
    Block,
    Command,
    Count,
    File,
    Metric,
    Name,
    Period,
    Seconds,
    ServerUrl,
    Url,
    between,
)
from cluster.fleet_lock import FleetLock
from cluster.forwarding import Journal
from cluster.guards import Guards
from cluster.ladder import Mode, Verb
from cluster.people import Grafana, Proxy
from cluster.quantity import MAX_SECONDS
from cluster.receiving import MonitoringTls, Tls, Webhook
from cluster.store import Store, StoreBlock

EXPORTER_PORT = 9100


def _objective(value: float) -> float:
    if not 0.5 <= value <= 0.99999:
        raise ValueError(f"{value:g} is out of range. Write 0.5 to 0.99999, as 0.999 for 99.9 %.")
    return value


class Escalate(Block):
    """The second path to a person, for when Alertmanager or the store cannot be used.

    Attributes:
        url: Gets a POST with JSON.
        command: Gets the same JSON on standard input.
        test_every: Seconds between two tests of the path.
    """

    url: Url | None = None
    command: Command | None = None
    test_every: Period = 86400.0

    @model_validator(mode="after")
    def _one_path(self) -> "Escalate":
        if (self.url is None) == (self.command is None):
            raise ValueError("exactly one of url and command is needed.")
        return self


GATE_SPACING_LEAST, GATE_SPACING_LIMIT = 1.0, 7 * 86400.0
"""Seconds; a gate takes no longer spacing. It cannot be switched off, by next to nothing either."""

GATE_USER = "hale-gate"
"""As whom the healer comes to a node. The gate's package makes this user and lets it to the socket."""

GATE_SPACING: Mapping[str, str] = {
    Verb.SERVICE_RESTART: "30s",
    Verb.SERVICE_RELOAD: "10s",
    Verb.POOL_DRAIN: "5s",
    Verb.POOL_RETURN: "5s",
    Verb.ADDRESS_DECLINE: "5s",
    Verb.ADDRESS_ACCEPT: "5s",
    Verb.DATABASE_SWITCHOVER: "60s",
    Verb.DATABASE_RESTART: "30s",
    Verb.DATABASE_REINIT: "10m",
    Verb.DATABASE_BAR: "5s",
    Verb.SENTINEL_FAILOVER: "60s",
    Verb.DATABASE_ADMIT: "5s",
    Verb.PACEMAKER_CLEANUP: "60s",
    Verb.PACEMAKER_STANDBY: "5s",
    Verb.PACEMAKER_UNSTANDBY: "5s",
    Verb.DISK_FREE: "60s",
    Verb.FILES_RESTORE: "60s",
    Verb.PACKAGE_RESTORE: "60s",
    Verb.NODE_REBOOT: "1h",
    Verb.NODE_LOCK: "5s",
    Verb.NODE_UNLOCK: "5s",
    Verb.NODE_PATCH: "60s",
    Verb.NODE_FENCE: "60s",
    Verb.NODE_UNFENCE: "30s",
}


def _spacing(value: Any) -> Any:
    return {**GATE_SPACING, **value} if isinstance(value, Mapping) else value


class Correlation(Block):
    """How long an incident waits for a deeper cause before something is taken away for the first one.

    Attributes:
        window: Seconds from its first alert; 0 for none. A fast rung does not wait.
    """

    window: Seconds = 5.0


class Healer(Block):
    """The one that decides, and those that stand by to take its place.

    Attributes:
        nodes: Where it runs; of several one leads.
        node: One node, as people write it; `nodes` has it too.
        mode: What ladders and groups without a mode of their own get.
        external_url: Where people reach its pages; its runbooks are below it.
        gate_spacing: Least seconds between two runs of a verb on one target, kept by its gate.
        resync: Seconds between two readings of every Alertmanager.
        users: Who may sign in on its pages; None for nobody, and then they only show.
        webhook: Who may post alerts; None for everybody who reaches the port.
        tls: None for plain HTTP.
        proxy: Signs people in before its pages; None where they come by themselves.
        fleet_lock: How nodes ask for a lock before they reboot themselves; None where they may not.
        grafana: Where each action becomes an annotation; None for nowhere.
    """

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["node"]}, {"required": ["nodes"]}]}
    )

    node: Annotated[Name | None, Field(exclude=True)] = None
    nodes: Annotated[tuple[Name, ...], NOT_EMPTY]
    mode: Mode = Mode.EXPLAIN
    external_url: Url
    store: StoreBlock = Store()
    guards: Guards = Guards()
    correlation: Correlation = Correlation()
    gate_spacing: Annotated[
        Mapping[Verb, Annotated[Seconds, between(GATE_SPACING_LEAST, GATE_SPACING_LIMIT)]],
        BeforeValidator(_spacing),
        Field(validate_default=True),
    ] = {}
    escalate: Escalate | None = None
    resync: Period = 2.0
    users: File | None = None
    webhook: Webhook | None = None
    tls: Tls | None = None
    proxy: Proxy | None = None
    fleet_lock: FleetLock | None = None
    grafana: Grafana | None = None
    ssh_port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 22
    key: File = "/etc/hale/healer_key"
    known_hosts: File = "/etc/hale/known_hosts"

    @model_validator(mode="after")
    def _certified(self) -> "Healer":
        if self.webhook is not None and self.webhook.client_ca is not None and self.tls is None:
            raise ValueError("webhook.client_ca needs tls. Add tls: {cert: FILE, key: FILE}.")
        return self

    @model_validator(mode="after")
    def _roles_are_somewhere(self) -> "Healer":
        proxy = self.proxy
        if proxy is not None and proxy.role_header is None and self.users is None:
            raise ValueError(
                "proxy: nothing says what anybody may do. Write `users`, which maps names to roles, or role_header."
            )
        return self


class Receiver(Block):
    """Somewhere that notifications go: Alertmanager's webhook format is posted to `url`."""

    url: Url


class Receivers(Block):
    """Who is told. Without `people` nobody is.

    Attributes:
        tickets: Gets what can wait for working hours; None for people.
    """

    people: Receiver | None = None
    tickets: Receiver | None = None


class Deadman(Block):
    """A dead man's switch outside the cluster, which calls a person when Watchdog stops.

    Attributes:
        interval: Seconds between two calls.
    """

    url: Url
    interval: Period = 60.0


class Monitoring(Block):
    """Prometheus and Alertmanager.

    Attributes:
        nodes: Where both run.
        prometheus: Where the healer asks for evidence.
        resend_delay: Seconds after which Prometheus sends an alert that goes on firing again.
        alertmanagers: Every one, as Prometheus and the healer reach it.
        dashboards: Where Grafana shows the dashboards; None leaves the links out.
        patience: Seconds that people are not told of an alert that a ladder may heal.
        for_: Overrides of the rules' own `for`, by alert.
        retention: Seconds that Prometheus keeps samples.
        objective: The share of a pool's requests that must be answered well.
        tls: None where Alertmanager speaks plain HTTP, or something of your own stands before it.
        journal: None where no node's journal is copied to another.
    """

    nodes: Annotated[tuple[Name, ...], NOT_EMPTY]
    prometheus: ServerUrl
    scrape_interval: Period = 15.0
    evaluation_interval: Period = 15.0
    retention: Annotated[Period, between(3600, MAX_SECONDS)] = 15 * 86400.0
    resend_delay: Period = 60.0
    alertmanagers: Annotated[tuple[ServerUrl, ...], NOT_EMPTY]
    dashboards: Url | None = None
    group_wait: Seconds = 10.0
    group_interval: Period = 60.0
    repeat_interval: Period = 4 * 3600.0
    patience: Seconds = 120.0
    for_: Annotated[Mapping[Metric, Seconds], Field(alias="for")] = {}
    objective: Annotated[
        float,
        AfterValidator(_objective),
        Field(json_schema_extra={"minimum": 0.5, "maximum": 0.99999}),
    ] = 0.999
    receivers: Receivers = Receivers()
    deadman: Deadman | None = None
    tls: MonitoringTls | None = None
    journal: Journal | None = None

    @model_validator(mode="after")
    def _as_they_are_reached(self) -> "Monitoring":
        plain = [url for url in self.alertmanagers if not url.startswith("https://")]
        if self.tls is not None and plain:
            raise ValueError(f"with tls {plain[0]} is not reached. Write https://.")
        return self


class ShortWay(Block):
    """Alerts that each node's exporter posts straight to every Alertmanager, beside their rule.

    Attributes:
        repeat: Seconds between two posts of what lasts; several have to fit into Alertmanager's resolve_timeout.
        ca: On every node, by what exporters know Alertmanager's certificate; None for the system's.
        cert: There, what they show.
        key: Its private key.
    """

    repeat: Annotated[Period, between(1, 120)] = 60.0
    ca: File | None = None
    cert: File | None = None
    key: File | None = None

    @model_validator(mode="after")
    def _a_pair(self) -> "ShortWay":
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key go together. Write both, or neither.")
        return self


class Exporter(Block):
    """What every node's exporter does beside its own node.

    Attributes:
        peers: How many other nodes each one watches as second witness.
        peer_interval: Seconds between two looks at a peer.
        short_way: None where alerts come by Prometheus alone.
    """

    peers: Count = 2
    peer_interval: Annotated[Period, between(0.1, 3600)] = 5.0
    short_way: ShortWay | None = None
