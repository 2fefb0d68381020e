"""An alert as the core sees it: a hint about a target, never grounds to act.

Alerts are parsed and checked at the edge (healer.adapters.alertmanager); here they are values.
"""

from dataclasses import dataclass
from functools import cached_property

from healer.core.ladder import NO_LADDER

DOMAIN_LOSS = "DomainLost"
"""The one alert that is about a failure domain and no node."""

NODE_DEATH = "NodeDown"

IDENTIFYING = ("node", "group", "failure_domain", "service", "mountpoint", "failure")
"""The labels by which an alert says what it is about (docs/contracts.md); one that it lacks says something too."""

SAID_BY_THE_RULE = ("heal", "severity")
"""The labels that a rule gives to each of its alerts; an alert with others is not that rule's."""

Known = str | tuple[str, ...]
"""By what an alert is known again; see `Alert.known_by`."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an alert is about and an action is aimed at.

    Attributes:
        node: Name in cluster.yml; empty where a failure domain is meant.
        service: Name in cluster.yml; None for the node itself.
        part: The mount point of one of the node's file systems; empty where it is about none.
        domain: A failure domain as a whole, whose nodes cluster.yml says; empty where a node is meant.
    """

    node: str
    service: str | None = None
    part: str = ""
    domain: str = ""

    def __str__(self) -> str:
        if self.domain:
            return self.domain
        whole = self.node if self.service is None else f"{self.node}/{self.service}"
        return f"{whole}:{self.part}" if self.part else whole


@dataclass(frozen=True)  # without slots, so that it can keep its target
class Alert:
    """One firing alert.

    Attributes:
        fingerprint: Alertmanager's; stable as long as the labels are the same.
        name: Its `alertname`.
        labels: All labels, sorted by name.
        began_at: startsAt, epoch seconds of the sender's clock.
        silenced: Whether a person silenced it, by any Alertmanager.
    """

    fingerprint: str
    name: str
    labels: tuple[tuple[str, str], ...]
    began_at: float
    silenced: bool = False

    def label(self, name: str) -> str:
        """Return a label's value; empty when it is not there, as Prometheus has it."""
        for key, value in self.labels:
            if key == name:
                return value
        return ""

    @cached_property  # correlation compares each with all others of its node
    def target(self) -> Target:
        """The node, and the service or the file system where one is named; the failure domain where that is lost."""
        if self.name == DOMAIN_LOSS and not self.label("node"):
            return Target("", domain=self.label("failure_domain"))
        return Target(self.label("node"), self.label("service") or None, self.label("mountpoint"))

    @property
    def by_evidence(self) -> bool:
        """Whether evidence alone opens an incident for it, never its word: a lost domain, or a death without a ladder.

        Both take in what others fire about whole nodes, and no ladder acts upon either.
        """
        dead = self.name == NODE_DEATH and self.label("heal") in NO_LADDER
        return dead or bool(self.target.domain)

    @cached_property
    def known_by(self) -> frozenset[Known]:
        """By what it is known again: its fingerprint, and its name with the labels that evidence compares.

        A label more must not make news of what a person knows of.
        """
        said = (self.label(name) for name in (*SAID_BY_THE_RULE, *IDENTIFYING))
        return frozenset({self.fingerprint, (self.name, *said)})

    @property
    def episode(self) -> tuple[str, float]:
        """One firing from its start to its end; a new start is a new episode."""
        return self.fingerprint, self.began_at
