"""Writes down what a decision says where nothing is begun, if it is news."""

from healer.core import incident_events as ie
from healer.core.decision import Act, Close, Decision, Hold, Mitigate, Stay, awaited_yes
from healer.core.guards.cause import NAME as COMMON_CAUSE
from healer.core.incident import Asked, Incident
from healer.core.plan import Escalate
from healer.core.states import State
from healer.core.verdict import Verdict
from healer.journal import Journal

ASKED_AGAIN = 30.0
"""Seconds between two notes that what a person is asked for would find another state."""


async def note(journal: Journal, incident: Incident, decision: Decision, now: float) -> None:
    """Write a hold, a mitigation, an escalation or a closing; a hold only where it says something new.

    `now` is in steady time.

    Raises:
        StoreFull: It was not written; the next look does.
        IllegalMove: A person's word was durable first.
    """
    match decision:
        case Hold(_, hold, verdicts):
            known, asked = incident.hold, awaited_yes(decision)
            news = known is None or _differs(known, hold) or _confirms(incident, verdicts)
            news = news or _asks_anew(incident, asked, now)
            if incident.state is State.OPEN or news:
                await journal.write(ie.IncidentHeld(incident.id, hold, verdicts, asked))
        case Mitigate(detail):
            await journal.write(ie.IncidentMitigated(incident.id, detail))
        case Escalate(reason, detail):
            await journal.write(ie.IncidentEscalated(incident.id, reason, detail))
        case Close(outcome, detail):
            closed = ie.IncidentClosed(incident.id, outcome, detail)
            await journal.write(closed, closing=True)
        case Stay() | Act():
            pass


def _differs(known: Verdict, hold: Verdict) -> bool:
    # A unit in a crash loop goes back and forth between two such words for ever. What a canary's end means for
    # those that wait for it is news.
    if known.passing and hold.passing and known.guard == hold.guard != COMMON_CAUSE:
        return False
    return (known.guard, known.reason, known.passing) != (hold.guard, hold.reason, hold.passing)


def _confirms(incident: Incident, verdicts: tuple[Verdict, ...]) -> bool:
    """Whether the trouble was found true for the first time, which is news whatever else holds."""
    return not incident.confirmed and any(
        one.guard == "still_true" and one.allowed for one in verdicts
    )


def _asks_anew(incident: Incident, asked: Asked | None, now: float) -> bool:
    """Whether a person is asked for something else than before; of a unit that comes and goes only now and then."""
    before = incident.asked
    if before is None or asked is None:
        return before is not asked
    return not before.same_step(asked) or (
        before != asked and abs(now - incident.changed) >= ASKED_AGAIN
    )
