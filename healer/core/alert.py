"""An alert as the core sees it: a hint about a target, never grounds to act.

Alerts are parsed and checked at the edge (healer.adapters.alertmanager); here they are values.
"""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Target:
    """What an alert is about and an action is aimed at.

    Attributes:
        node: Name in cluster.yml.
        service: Name in cluster.yml; None for the node itself.
        part: The mount point of one of the node's file systems; empty where it is about none.
    """

    node: str
    service: str | None = None
    part: str = ""

    def __str__(self) -> str:
        whole = self.node if self.service is None else f"{self.node}/{self.service}"
        return f"{whole}:{self.part}" if self.part else whole


@dataclass(frozen=True, slots=True)
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

    @property
    def target(self) -> Target:
        """The node, and the service or the file system where one is named."""
        return _target(self.labels)

    @property
    def episode(self) -> tuple[str, float]:
        """One firing from its start to its end; a new start is a new episode."""
        return self.fingerprint, self.began_at


@lru_cache(maxsize=16_384)  # correlation compares each with all others of its node
def _target(labels: tuple[tuple[str, str], ...]) -> Target:
    node = service = part = ""
    for key, value in labels:
        if key == "node":
            node = value
        elif key == "service":
            service = value
        elif key == "mountpoint":
            part = value
    return Target(node, service or None, part)
