"""How long each step of a heal took: every step once in an incident's life, from instants that the journal has.

Rule: whether a step was just reached follows from the incident as its records tell it, so a restart counts nothing
twice and a further action changes nothing of the first.
"""

from dataclasses import dataclass

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.incident import Incident

STEPS = ("detect", "decide", "act", "serve", "redundancy")
"""In order; each is timed from the incident's start."""

OVER_AGAIN = ("healed", "cleared")
"""Outcomes of an incident after which everything that was taken away is back."""


@dataclass(frozen=True, slots=True)
class Times:
    """When each step was reached, epoch seconds of the healer; None for one that was not.

    Attributes:
        start: When the alert that opened the incident began, by Prometheus' clock; of what a person put into our
            hands before anything was tried, when they did.
        detect: The incident was opened.
        decide: The first action became durable.
        act: The first action that may have touched something ended, as its gate says.
        serve: Users are served again: the first good look of the proof that settled it, or the moment in which
            what is broken was proven out of their way.
        redundancy: It was closed after an action of ours, healed or clear, with every mark given back.
    """

    start: float
    detect: float
    decide: float | None
    act: float | None
    serve: float | None
    redundancy: float | None

    def seconds(self) -> dict[str, float | None]:
        """Return for each step the seconds since the start, never less than 0: the clocks may differ a little."""
        found: dict[str, float | None] = {}
        for step in STEPS:
            at = getattr(self, step)
            found[step] = None if at is None else max(0.0, at - self.start)
        return found


def times(incident: Incident) -> Times:
    """Return when each step of an incident was reached."""
    first = incident.attempts[0].began_at if incident.attempts else None
    acted = [one for one in incident.attempts if one.touched]
    start = incident.began_at
    # Trying again what failed is a further action; only what nobody had tried begins with the adoption.
    if incident.adopted_after == 0:
        start = max(start, incident.adopted_at)
    return Times(
        start=start,
        detect=incident.opened_at,
        decide=first,
        act=acted[0].ended_at if acted else None,
        serve=incident.served_at,
        redundancy=incident.changed_at if incident.outcome in OVER_AGAIN and acted else None,
    )


def reached(event: ev.Event, incident: Incident) -> tuple[str, float] | None:
    """Return the step that an event has just brought its incident to, with the seconds since the start.

    Args:
        event: The newest of the incident.
        incident: After it.
    """
    match event:
        case ie.IncidentOpened():
            step = "detect"
        case ie.ActionIntended() if len(incident.attempts) == 1:
            step = "decide"
        case ie.ActionEnded() if [one for one in incident.attempts if one.touched] == [
            incident.attempts[-1]
        ]:
            step = "act"
        case ie.VerificationEnded(verified=True, settles=True) if not incident.mitigation:
            step = "serve"
        case ie.IncidentMitigated() if incident.served_at == incident.changed_at:
            step = "serve"
        case ie.IncidentClosed():
            step = "redundancy"
        case _:
            return None
    seconds = times(incident).seconds()[step]
    return None if seconds is None else (step, seconds)
