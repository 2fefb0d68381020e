"""Whether a node serves again after it was patched: every service of it, its exporter and its gate."""

from healer.core.facts import Facts, Health
from healer.core.order import Sight


def back(node: str, facts: Facts) -> str:
    """Say what is missing for the node to be back; empty where nothing is."""
    if facts.heard(node).look is None:
        return f"its gate does not answer: {facts.heard(node).error}"
    picture = facts.picture
    if picture is None:
        return "Prometheus does not answer"
    seen = picture.nodes.get(node)
    if seen is None or not seen.scraped:
        return "its exporter is not scraped"
    groups = facts.topology.groups_of(node)
    out = [one.name for one in groups if facts.health(one.name, node) is not Health.SERVING]
    return f"it does not serve in {', '.join(out)}" if out else ""


def disproved(node: str, sight: Sight | None) -> str:
    """Say which critical alert fires about the node, silenced or not; empty where none does."""
    if sight is None:
        return "no Alertmanager answers"
    found = [
        f"{one.name} at {one.target}"
        for one in sight.alerts
        if one.target.node == node
        and one.label("severity") == "critical"
        and not one.name.startswith("Healer")
    ]
    return ", ".join(found)
