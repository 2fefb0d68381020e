"""The healer's own metrics. Labels are closed sets: reasons, states, and what open incidents are about."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from healer.core.incident import Incident
from healer.core.states import State
from healer.core.times import STEPS
from healer.core.topology import Topology
from healer.core.upkeep import Phase, Upkeep

FREEZES = (
    *("person", "no_watchdog", "alertmanager_silent", "storm", "minority"),
    *("store", "not_leader", "not_armed"),
)
"""Reasons for which nothing is done anywhere."""

ABOUT = ("node", "group", "failure_domain", "service", "mountpoint")
"""Labels of an incident's alert by which people and Prometheus are told what the incident is about."""

WHERE = ("node", "group", "failure_domain")
"""Labels by which a node is told."""

TIME_TO = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480, 40960)
"""Seconds. A restart is seconds, a reboot minutes; full redundancy may wait for a person, and that a night."""


class Metrics:
    """All of them, in one registry of their own."""

    def __init__(self, version: str) -> None:
        # The library's own `_created` twin of each counter is in no contract and nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
        self.registry = CollectorRegistry()
        to = self.registry
        self.incidents = Gauge(
            "healer_incidents", "Open incidents, by state.", ["state"], registry=to
        )
        self.holding = Gauge(
            "healer_incident_holding",
            "1 while the healer will not act on an open incident, and for what reason.",
            [*ABOUT, "reason"],
            registry=to,
        )
        self.escalated = Gauge(
            "healer_incident_escalated",
            "1 while an open incident is in a person's hands, and for what reason.",
            [*ABOUT, "reason"],
            registry=to,
        )
        self.mitigated = Gauge(
            "healer_incident_mitigated",
            "1 while an open incident is out of harm's way and not repaired.",
            ABOUT,
            registry=to,
        )
        self.upkeep_until = Gauge(
            "healer_upkeep_until_timestamp_seconds",
            "When a node that is away for upkeep should be back, in unixtime.",
            [*WHERE, "kind"],
            registry=to,
        )
        self.upkeep_stopped = Gauge(
            "healer_upkeep_stopped",
            "1 while a node stays away since its upkeep failed.",
            [*WHERE, "kind"],
            registry=to,
        )
        self.actions = Counter(
            "healer_actions_total", "Actions ended, by outcome.", ["action", "outcome"], registry=to
        )
        self.holds = Counter(
            "healer_holds_total",
            "Decisions that turned to hold, by reason.",
            ["reason"],
            registry=to,
        )
        self.escalations = Counter(
            "healer_escalations_total",
            "Incidents given to a person, by reason.",
            ["reason"],
            registry=to,
        )
        self.refused = Counter(
            "healer_alerts_refused_total",
            "Alerts that can never start anything.",
            ["reason"],
            registry=to,
        )
        self.events_refused = Counter(
            "healer_events_refused_total",
            "Pieces of work given up since the journal's store will never take what they had to write.",
            registry=to,
        )
        self.waiting = Gauge(
            "healer_alerts_waiting",
            "Firing alerts in no incident yet: there is no room for what nothing confirms, or their episode was over.",
            registry=to,
        )
        self.webhooks = Counter(
            "healer_webhook_requests_total",
            "Webhook requests answered, by code.",
            ["code"],
            registry=to,
        )
        self.frozen = Gauge(
            "healer_frozen",
            "1 while nothing is done anywhere for this reason.",
            ["reason"],
            registry=to,
        )
        self.reload_good = Gauge(
            "healer_config_last_reload_successful",
            "1 where cluster.yml could be taken when it was last read.",
            registry=to,
        )
        self.reloaded_at = Gauge(
            "healer_config_last_reload_success_timestamp_seconds",
            "When cluster.yml was last read and taken.",
            registry=to,
        )
        self.leader = Gauge("healer_leader", "1 while this healer leads.", registry=to)
        self.resync = Gauge(
            "healer_resync_timestamp_seconds",
            "Last complete reading of every Alertmanager.",
            registry=to,
        )
        self.history_in_memory = Gauge(
            "healer_history_in_memory",
            "1 while the history of the healer that leads is in its memory alone, not on its disk.",
            registry=to,
        )
        self.second_path = Counter(
            "healer_second_path_total",
            "Calls by the second path, by outcome.",
            ["outcome"],
            registry=to,
        )
        self.annotations = Counter(
            "healer_annotations_total",
            "Annotations of actions for Grafana, by outcome.",
            ["outcome"],
            registry=to,
        )
        self.time_to = Histogram(
            "healer_time_to_seconds",
            "From the alert's start to each step of a heal, once an incident.",
            ["step"],
            buckets=TIME_TO,
            registry=to,
        )
        Gauge("healer_build_info", "The running version.", ["version"], registry=to).labels(
            version
        ).set(1)
        for reason in FREEZES:
            self.frozen.labels(reason).set(0)
        for state in State:
            if state is not State.CLOSED:
                self.incidents.labels(state.value).set(0)
        for step in STEPS:
            self.time_to.labels(step)

    def show(self, incidents: Iterable[Incident], freezes: frozenset[str], now: float) -> None:
        """Publish the open incidents and the freezes as they are now, in steady time."""
        here = list(incidents)
        for state in State:
            if state is not State.CLOSED:
                self.incidents.labels(state.value).set(sum(one.state is state for one in here))
        self.holding.clear()
        self.escalated.clear()
        self.mitigated.clear()
        for one in here:
            if one.holds(now) and one.hold is not None:
                self.holding.labels(*target_labels(one), one.hold.reason).set(1)
            if one.state is State.MITIGATED:
                self.mitigated.labels(*target_labels(one)).set(1)
            if one.calls:
                self.escalated.labels(*target_labels(one), one.escalation).set(1)
        for reason in FREEZES:
            self.frozen.labels(reason).set(reason in freezes)

    def show_upkeep(self, upkeeps: Iterable[Upkeep], topology: Topology, ahead: float) -> None:
        """Publish who is away for upkeep; `ahead` is by how much the wall clock was set forward."""
        self.upkeep_until.clear()
        self.upkeep_stopped.clear()
        for one in upkeeps:
            node = topology.nodes.get(one.node)
            groups = topology.groups_of(one.node)
            where = (
                one.node,
                groups[0].name if groups else "",
                node.failure_domain if node is not None else "",
            )
            self.upkeep_until.labels(*where, one.kind.value).set(one.until + ahead)
            if one.phase is Phase.STOPPED:
                self.upkeep_stopped.labels(*where, one.kind.value).set(1)

    def exposition(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return generate_latest(self.registry)


def target_labels(incident: Incident) -> tuple[str, ...]:
    """Return what ABOUT names as the incident's alert has it, empty where it has none."""
    return tuple(incident.cause.label(name) for name in ABOUT)
