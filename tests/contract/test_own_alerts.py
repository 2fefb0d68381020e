"""What the healer says of itself by its own post and by Prometheus' rules is one alert, not two.

Alertmanager tells alerts apart by their labels alone, so both must have the very same.
"""

import re

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.order import OwnAlert
from healer.core.verdict import hold
from tests.healer.core.world import alert
from tests.healer.village import Village
from tests.test_contract import ALERTS, ROOT

# What waits for working hours the healer leaves to Prometheus.
RULES = {one.name: one for one in ALERTS if one.labels["severity"] == "critical"}


def from_the_rule(name: str, **about: str) -> dict[str, str]:
    """Return the labels of the alert that Prometheus makes of the rule, for this trouble."""
    rule = RULES[name]
    kept = re.findall(r"\w+", rule.expr[rule.expr.rindex("by (") + 4 :])
    # Prometheus has no empty labels.
    return {key: about[key] for key in kept if about.get(key)} | {"alertname": name} | rule.labels


async def posted(village: Village) -> OwnAlert:
    """Let the healer tell people what holds now; it is one thing."""
    await village.herald.tell("first")
    (only,) = village.alertmanagers.posted
    return only


CAUSES = {
    "service": alert(),
    "node": alert("NodeDown", "web1", heal="restart-service"),
    "file system": alert("FilesystemAlmostFull", "web1", mountpoint="/data", heal="free-disk"),
    "proven failure": alert(at="web1/nginx", failure="oom", dashboard="x"),
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
async def test_a_hold_is_the_alert_of_the_rule(cause: Alert) -> None:
    village = Village()
    said = hold("capacity", "capacity", have=0, need=1, sentence="web cannot spare web1.")
    await village.journal.write(
        ie.IncidentOpened("1", cause, "restart-service", "d1"), ie.IncidentHeld("1", said, ())
    )
    told = await posted(village)
    assert dict(told.labels) == from_the_rule("HealerHolds", **dict(cause.labels))


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
async def test_an_escalation_is_the_alert_of_the_rule(cause: Alert) -> None:
    village = Village()
    await village.journal.write(
        ie.IncidentOpened("1", cause, "restart-service", "d1"),
        ie.IncidentEscalated("1", "ladder_exhausted", "2 tried"),
    )
    told = await posted(village)
    assert dict(told.labels) == from_the_rule("HealerEscalation", **dict(cause.labels))


async def test_blindness_is_the_alert_of_the_rule() -> None:
    village = Village()
    village.watch.storing = False
    told = await posted(village)
    assert dict(told.labels) == from_the_rule("HealerFrozen", cluster="first")


async def test_what_is_posted_leads_to_a_runbook_that_there_is() -> None:
    village = Village()
    village.watch.storing = False
    told = await posted(village)
    page = dict(told.annotations)["runbook_url"].removeprefix("http://mon1:9595/runbooks/")
    assert (ROOT / f"runbooks/{page}.md").exists()
