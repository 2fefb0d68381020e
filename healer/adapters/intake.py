"""Which alerts may reach the core at all. A pure function: an alert in, a word out.

Rule: anyone who reaches Alertmanager can post an alert, so its labels are a stranger's text until they fit cluster.yml.
"""

from healer.adapters import labels as lb
from healer.core.alert import DOMAIN_LOSS, Alert
from healer.core.topology import Topology

MOST_LABELS = 64
LONGEST_NAME = 128
LONGEST_VALUE = 1024
"""Characters. Ours are far shorter; a longer one is somebody's payload."""

MOST_BYTES = 4096
"""Of all labels of one alert together, in UTF-8. Ours have about 300.

The journal keeps them, with four bytes for one that JSON escapes twice: a hundred events, which may share one write,
stay below what any store takes at once.
"""

OTHER_CLUSTER = "other_cluster"
UNKNOWN_TARGET = "unknown_target"
IMPOSSIBLE_LABELS = "impossible_labels"
IMPOSSIBLE_TIME = "impossible_time"


def refusal(alert: Alert, topology: Topology) -> str | None:
    """Return why an alert can never start anything, one word; None for one that may go on."""
    if not _possible(alert):
        return IMPOSSIBLE_LABELS
    if alert.label("cluster") != topology.cluster:
        return OTHER_CLUSTER
    if not topology.knows(alert.target):
        return UNKNOWN_TARGET
    if not _consistent(alert, topology):
        return IMPOSSIBLE_LABELS
    return None


def concerns_nobody(alert: Alert, topology: Topology) -> bool:
    """Whether an alert is about our whole cluster and asks for no ladder: Watchdog, HealerDown and the like."""
    return (
        alert.label("cluster") == topology.cluster
        and not alert.label("node")
        and alert.name != DOMAIN_LOSS
        and alert.label("heal") in ("", "none")
    )


def is_of_a_group(alert: Alert, topology: Topology) -> bool:
    """Whether an alert that starts nothing is about one of our groups as a whole: its address, pool or redundancy."""
    return (
        concerns_nobody(alert, topology)
        and alert.label("group") in topology.groups
        and _possible(alert)
    )


def _possible(alert: Alert) -> bool:
    return (
        0 < len(alert.labels) <= MOST_LABELS
        and lb.is_metric(alert.name)
        and all(
            lb.is_name(name)
            and len(name) <= LONGEST_NAME
            and 0 < len(value) <= LONGEST_VALUE
            and value.isprintable()
            for name, value in alert.labels
        )
        and sum(len(name.encode()) + len(value.encode()) for name, value in alert.labels)
        <= MOST_BYTES
    )


def _consistent(alert: Alert, topology: Topology) -> bool:
    """Whether group and failure domain, where named, are the target's own, and the target is one thing."""
    target = alert.target
    if target.domain:
        return not any(alert.label(name) for name in ("group", "service", "mountpoint"))
    if target.service is not None and target.part:
        return False  # with every mount point one service would be another target, with attempts of its own
    groups = {group.name for group in topology.groups_of(target.node)}
    if target.service is not None:
        groups |= {topology.services[target.service].group or ""}
    domain = topology.nodes[target.node].failure_domain
    return alert.label("group") in groups | {""} and alert.label("failure_domain") in (domain, "")
