"""The story of a drill: what happened when, told from an Observation. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.drills.facts.healing import verbs
from lab.drills.facts.ruling import named, since
from lab.drills.observation import Incident, Observation
from lab.load import outages


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened.

    Attributes:
        at: Epoch seconds.
        word: What kind of thing, such as `detected` or `acted`.
        text: What exactly.
    """

    at: float
    word: str
    text: str


def moments(seen: Observation) -> tuple[Moment, ...]:
    """Return everything that happened from the first fault on, in order."""
    found = [
        *_alerts(seen),
        *_incidents(seen),
        *_verbs(seen),
        *_service(seen),
        *_pages(seen),
        *_redundancy(seen),
    ]
    return tuple(sorted(found, key=lambda moment: moment.at))


def detected(seen: Observation) -> float | None:
    """Return when the first alert fired that did not fire when the fault came."""
    return min((m.at for m in _alerts(seen) if m.word == "detected"), default=None)


def acted(seen: Observation) -> float | None:
    """Return when the first verb that a gate did not refuse began."""
    began = [entry.started_at or at for at, entry in verbs(seen) if entry.state != "refused"]
    return min(began, default=None)


def serving(seen: Observation) -> float | None:
    """Return when the last URL of the load that was lost served again; None: not yet, or not lost."""
    lost = outages(request for request in seen.requests if request.at >= seen.began)
    backs = [outage.back for outage in lost]
    known = [back for back in backs if back is not None]
    return max(known) if known and len(known) == len(backs) else None


def redundancy(seen: Observation) -> float | None:
    """Return since when redundancy has been full again; None: not yet, or never lost."""
    was_lost, back = False, None
    for at, entry in since(seen.redundancy, seen.began):
        if entry.missing:
            was_lost, back = True, None
        elif was_lost and back is None:
            back = at
    return back


def redundancy_lost(seen: Observation) -> bool:
    """Tell whether redundancy was not full at any time since the fault."""
    return any(entry.missing for _, entry in since(seen.redundancy, seen.began))


def _alerts(seen: Observation) -> Iterable[Moment]:
    known: set[str] | None = None
    for at, entry in since(seen.alerts, seen.began):
        if entry.alerts is None:
            continue
        firing = {
            " ".join((a.name, named(a.labels.get("node", ""), a.labels.get("service", "")))).strip()
            for a in entry.alerts
            if a.firing and a.name != "Watchdog"
        }
        if known is not None:
            yield from (Moment(at, "detected", f"{name} fires") for name in sorted(firing - known))
            yield from (Moment(at, "resolved", name) for name in sorted(known - firing))
        known = firing


def _incidents(seen: Observation) -> Iterable[Moment]:
    told: set[tuple[str, str, str]] = set()
    for at, entry in since(seen.incidents, seen.began):
        for incident in entry.incidents or ():
            for moment in _incident(incident, at, seen.began):
                key = (incident.id, moment.word, moment.text)
                if key not in told:
                    told.add(key)
                    yield moment


def _incident(incident: Incident, at: float, began: float) -> Iterable[Moment]:
    what = f"incident {incident.id} {incident.cause} {named(incident.node, incident.service)}"
    held = f": {incident.holding}" if incident.holding else ""
    # What was over before the fault is no part of this story.
    if incident.state != "CLOSED" or any(step.at >= began for step in incident.states):
        yield Moment(at, incident.state.lower() or "incident", what + held)
    if any(step.word == "VERIFIED" and step.at >= began for step in incident.states):
        proved = min(s.at for s in incident.states if s.word == "VERIFIED" and s.at >= began)
        yield Moment(proved, "verified", what)


def _verbs(seen: Observation) -> Iterable[Moment]:
    for at, entry in verbs(seen):
        yield Moment(entry.started_at or at, "acted", f"{entry.verb} {entry.id}")
        if entry.state not in ("", "begun"):
            text = f"{entry.verb} {entry.id} {entry.reason}".rstrip()
            yield Moment(entry.ended_at or at, entry.state, text)


def _service(seen: Observation) -> Iterable[Moment]:
    for outage in outages(request for request in seen.requests if request.at >= seen.began):
        yield Moment(outage.lost, "lost", outage.url)
        if outage.back is not None:
            text = f"{outage.url}, {outage.requests} requests lost"
            yield Moment(outage.back, "serving", text)


def _pages(seen: Observation) -> Iterable[Moment]:
    for page in seen.pages:
        if page.at < seen.began or not page.firing or page.path == "deadman":
            continue
        what = f"{page.alert} {page.labels.get('node', '')}".strip()
        yield Moment(page.at, "paged", f"{page.path}: {what}".rstrip(": "))


def _redundancy(seen: Observation) -> Iterable[Moment]:
    full = True
    for at, entry in since(seen.redundancy, seen.began):
        if entry.missing and full:
            yield Moment(at, "reduced", f"missing: {', '.join(entry.missing[:5])}")
        elif not entry.missing and not full:
            yield Moment(at, "redundancy", "every service serves everywhere again")
        full = not entry.missing
