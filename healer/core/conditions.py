"""Whether a rung applies to an incident, and if not, why it is passed over.

Rule: a condition is about the cause and its target alone, never about how the cluster is: guards do that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from healer.core.incident import Incident
from healer.core.ladder import Rung
from healer.core.topology import Group, Topology

HARDWARE = frozenset({"disk", "memory_hw", "cpu_hw", "thermal_power", "network_link"})
"""Failure types that nothing which runs on the node repairs: work is moved away from it."""

REPAIRS = frozenset(
    {
        "service.restart",
        "service.reload",
        "disk.free",
        "files.restore",
        "package.restore",
        "node.reboot",
    }
    | {"database.restart", "database.reinit"}
)
"""Actions that repair something on the node itself."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Why a rung is passed over.

    Attributes:
        rung: Its index in the ladder.
        reason: One word.
        have: What was found, short.
        need: What the rung asks for, short.
    """

    rung: int
    action: str
    reason: str
    have: str
    need: str

    def __str__(self) -> str:
        return f"{self.action}: {self.reason} (has {self.have}; needs {self.need})"


def unmet(
    incident: Incident, index: int, rung: Rung, topology: Topology, now: float | None
) -> Passed | None:
    """Return the first condition of a rung that does not hold; None where all do.

    Args:
        incident: Whose cause is looked at.
        index: Of the rung in its ladder.
        rung: The rung.
        topology: The cluster, for groups, roles and the time zone.
        now: Epoch seconds; None where nobody asks about hours, so that they count as right.
    """
    for reason, have, need in _conditions(incident, rung, topology, now):
        if not set(have) & set(need):
            found = ", ".join(sorted(filter(None, have))) or "none"
            return Passed(index, rung.action, reason, found, " or ".join(need))
    failure = incident.cause.label("failure")
    # Whoever names the failure type in the rung's condition has said that it helps.
    if failure in HARDWARE and rung.action in REPAIRS and failure not in rung.when.failures:
        other = "a failure that something on the node can repair"
        return Passed(index, rung.action, "hardware", failure, other)
    return None


def groups_of(incident: Incident, topology: Topology) -> tuple[Group, ...]:
    """Return the groups that an incident's target belongs to: its service's own, else its node's."""
    service = topology.services.get(incident.target.service or "")
    if service is not None and service.group is not None:
        return (topology.groups[service.group],)
    return topology.groups_of(incident.target.node)


Condition = tuple[str, list[str], list[str]]
"""A reason word, what there is, and of what one is needed."""


def _conditions(
    incident: Incident, rung: Rung, topology: Topology, now: float | None
) -> Iterator[Condition]:
    when, cause = rung.when, incident.cause
    groups = groups_of(incident, topology)
    if when.failures:
        yield "other_failure", [cause.label("failure")], list(when.failures)
    if when.severities:
        yield "other_severity", [cause.label("severity")], list(when.severities)
    if when.groups:
        yield "other_group", [group.name for group in groups], list(when.groups)
    if when.roles:
        yield "other_role", [group.role for group in groups], list(when.roles)
    if when.windows and now is not None:
        local = datetime.fromtimestamp(now, topology.time_zone)
        names = [window.name for window in when.windows]
        within = [window.name for window in when.windows if window.holds(local)]
        yield "other_hours", within or [f"{local:%a %H:%M}"], names
