"""What a boot would start of what only one node may run: asked before a fenced node is switched on.

Rule: nobody can read a node that is off. What its exporter said last counts; where it said nothing a person has to.
"""

from collections.abc import Mapping

from healer.core.guards.fencing import others
from healer.core.topology import Service, Topology
from healer.errors import Unreachable
from healer.instants import rfc3339
from healer.ports import Prometheus
from healer.step import Step

AT_BOOT = "hale_service_starts_at_boot"

NEED = "no boot starts it, since another node may run it"
REMEDY = (
    "see to it that its unit is disabled there (systemctl --root, from a rescue system), or that it cannot reach "
    "what it writes to; then say how: hale-healer admit {node} --starts-nothing HOW"
)


async def boot_starts(
    node: str, topology: Topology, prometheus: Prometheus, off_since: float, vouched: str
) -> list[Step]:
    """Say of each exclusive service of a node whether its boot starts it.

    Args:
        node: It is off, or may be.
        topology: Of the cluster.
        prometheus: Knows what the node's exporter said last.
        off_since: When its power was cut, epoch seconds; now where nobody says that it was.
        vouched: Who gives their word that nothing is started, and why they know; empty without.
    """
    asked = [one for one in topology.services_on(node).values() if _alone(one, node, topology)]
    if not asked:
        return []
    try:
        found = await prometheus.samples(node, AT_BOOT, before=off_since)
    except Unreachable as error:
        return [_step(one, node, f"unknown: {error}", "start_unknown", vouched) for one in asked]
    said = {labels.get("service", ""): value for labels, value in found}
    return [_judged(one, node, said, off_since, vouched) for one in asked]


def _alone(service: Service, node: str, topology: Topology) -> bool:
    return service.exclusive and bool(others(service, node, topology))


def _judged(
    service: Service, node: str, said: Mapping[str, float], off_since: float, vouched: str
) -> Step:
    match said.get(service.name):
        case None:
            have = f"its exporter said nothing of it in the day before {rfc3339(off_since)}"
            return _step(service, node, have, "start_unknown", vouched)
        case 0.0:
            return Step(f"{service.name} at boot", "its exporter said last: not started", NEED)
        case _:
            have = f"its exporter said last that {service.unit} is enabled or pulled in"
            return _step(service, node, have, "starts_at_boot", vouched)


def _step(service: Service, node: str, have: str, reason: str, vouched: str) -> Step:
    name = f"{service.name} at boot"
    if vouched:
        return Step(name, f"{have}; by the word of {vouched}", NEED)
    return Step(name, have, f"{NEED}: {REMEDY.format(node=node)}", reason)
