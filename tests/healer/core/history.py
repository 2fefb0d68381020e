"""Events as engine, runner and people write them, for tests that only care who wrote what when."""

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.footprint import of_unit
from healer.core.incident import Incident
from tests.healer.core.world import NOW, topology

TOPOLOGY = topology()


def intent(incident: Incident, number: int = 1) -> ie.ActionIntended:
    """A restart of what the incident is about; the action's id is 1.1.NUMBER."""
    return ie.ActionIntended(
        incident=incident.id,
        action_id=f"1.1.{number}",
        ladder="restart-service",
        rung=0,
        action="service.restart",
        target=incident.target,
        about=incident.target,
        gate=incident.target.node,
        args=(("unit", "nginx.service"),),
        footprint=of_unit(incident.target, (), TOPOLOGY),
        ledger_id="ledger-1",
        expect="{}",
        deadline_at=NOW + 30,
        verdicts=(),
    )


def proof(incident: Incident, *, good: bool) -> tuple[ev.Event, ...]:
    """The verdict on the incident's last action, with the close that comes with a good one."""
    proved = ie.VerificationEnded(
        incident=incident.id,
        action_id=incident.attempts[-1].action_id,
        verified=good,
        settles=good,
        reason="word",
        detail="",
    )
    return (proved, ie.IncidentClosed(incident.id, "healed", "")) if good else (proved,)


def approval(incident: Incident) -> ie.ApprovalGiven:
    """A person's yes to the first rung, for a quarter of an hour."""
    return ie.ApprovalGiven(
        incident=incident.id,
        ladder="restart-service",
        rung=0,
        target=incident.target,
        expectation="digest",
        by="ann",
        until=NOW + 900,
    )
