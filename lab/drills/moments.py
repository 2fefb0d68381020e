"""The story of a drill: what happened when, told from an Observation. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.drills.facts.healing import verbs
from lab.drills.facts.ruling import named, since
from lab.drills.observation import Incident, MarksAt, Observation, told_anew
from lab.load import PATIENCE, Request, outages
from lab.roles import PRIMARY, twice


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
        *_freezes(seen),
        *_owners(seen),
        *_servers(seen),
        *_marks(seen),
        *_databases(seen),
    ]
    return tuple(sorted(found, key=lambda moment: moment.at))


def detected(seen: Observation) -> float | None:
    """Return when the first alert fired that did not fire when the fault came."""
    return min((m.at for m in _alerts(seen) if m.word == "detected"), default=None)


def acted(seen: Observation) -> float | None:
    """Return when the first verb that a gate did not refuse began."""
    began = [entry.started_at or at for at, entry in verbs(seen) if entry.state != "refused"]
    return min(began, default=None)


def actors(seen: Observation) -> tuple[tuple[str, float], ...]:
    """Return who acted and when first, in the order in which they did.

    VRRP acts when an address changes its owner, HAProxy when its checks take a member out, Patroni or Sentinel when
    another member becomes primary, Hale when a verb begins that no gate refused.
    """
    owner = next((role.owner for role in seen.roles), "Patroni")
    found = {
        "HAProxy": min((m.at for m in _servers(seen) if m.text.endswith(" DOWN")), default=None),
        "VRRP": min((m.at for m in _owners(seen) if m.word == "moved"), default=None),
        owner: min((m.at for m in _databases(seen) if m.word == "leads"), default=None),
        "Hale": acted(seen),
    }
    known = [(name, at) for name, at in found.items() if at is not None]
    return tuple(sorted(known, key=lambda one: one[1]))


def serving(seen: Observation) -> float | None:
    """Return when the last URL of the load that was lost served again; None: not yet, or not lost."""
    lost = outages(_ended(seen))
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
    about = named(incident.node or incident.domain, incident.service)
    what = f"incident {incident.id} {incident.cause} {about}"
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
    for outage in outages(_ended(seen)):
        yield Moment(outage.lost, "lost", outage.url)
        if outage.back is not None:
            text = f"{outage.url}, {outage.requests} requests lost"
            yield Moment(outage.back, "serving", text)


def _ended(seen: Observation) -> list[Request]:
    """Return the requests since the fault up to a time by which each has been answered or given up.

    Later ones are known only in part: those that were answered quickly.
    """
    until = seen.now - PATIENCE
    return [request for request in seen.requests if seen.began <= request.at <= until]


def _pages(seen: Observation) -> Iterable[Moment]:
    for page in told_anew(seen.pages):
        if page.at < seen.began or page.path == "deadman":
            continue
        what = f"{page.alert} {page.labels.get('node', '')}".strip()
        if page.path == "ticket":
            yield Moment(page.at, "ticket", what)
        else:
            yield Moment(page.at, "paged", f"{page.path}: {what}".rstrip(": "))


def _redundancy(seen: Observation) -> Iterable[Moment]:
    full = True
    for at, entry in since(seen.redundancy, seen.began):
        if entry.missing and full:
            yield Moment(at, "reduced", f"missing: {', '.join(entry.missing[:5])}")
        elif not entry.missing and not full:
            yield Moment(at, "redundancy", "every service serves everywhere again")
        full = not entry.missing


def _freezes(seen: Observation) -> Iterable[Moment]:
    known: set[str] | None = None
    for at, entry in since(seen.freezes, seen.began):
        if entry.reasons is None:
            continue
        reasons = set(entry.reasons)
        if known is not None:
            yield from (Moment(at, "frozen", word) for word in sorted(reasons - known))
            yield from (Moment(at, "thawed", word) for word in sorted(known - reasons))
        known = reasons


def _owners(seen: Observation) -> Iterable[Moment]:
    for address in dict.fromkeys(entry.address for entry in seen.owners):
        last: tuple[str, ...] | None = None
        for at, entry in since([e for e in seen.owners if e.address == address], seen.began):
            # While an address moves it may have no owner, or two, for as long as a frame travels.
            if len(entry.owners) != 1:
                continue
            if last is not None and entry.owners != last:
                yield Moment(at, "moved", f"{address}: {last[0]} -> {entry.owners[0]}")
            last = entry.owners


def _servers(seen: Observation) -> Iterable[Moment]:
    """Tell when every balancer that answers has come to say the same of a member."""
    now: dict[str, dict[str, str]] = {}
    told: dict[str, str] = {}
    for balancer in dict.fromkeys(entry.balancer for entry in seen.servers):
        before = [e for e in seen.servers if e.balancer == balancer and e.at <= seen.began]
        now[balancer] = dict(before[-1].states or {}) if before else {}
    told |= _agreed(now)
    for entry in seen.servers:
        if entry.at <= seen.began:
            continue
        now[entry.balancer] = dict(entry.states or {})
        for server, state in _agreed(now).items():
            if told.get(server) != state:
                told[server] = state
                yield Moment(entry.at, "pool", f"{server} is {state}")


def _agreed(now: dict[str, dict[str, str]]) -> dict[str, str]:
    answering = [states for states in now.values() if states]
    found = {}
    for server in dict.fromkeys(name for states in answering for name in states):
        words = {states.get(server) for states in answering}
        if len(words) == 1:
            found[server] = str(words.pop())
    return found


def _marks(seen: Observation) -> Iterable[Moment]:
    for node in dict.fromkeys(entry.node for entry in seen.marks):
        known: set[str] | None = None
        for at, entry in since([e for e in seen.marks if e.node == node], seen.began):
            if entry.marks is None:
                continue
            present = set(_marked(entry))
            if known is not None:
                yield from (Moment(at, "marked", text) for text in sorted(present - known))
                yield from (Moment(at, "unmarked", text) for text in sorted(known - present))
            known = present


def two_primaries(seen: Observation) -> float:
    """Return for how many seconds since the fault two members answered as primary, all in all."""
    spans = twice(seen.roles, seen.now)
    return sum(max(0.0, span.end - max(span.start, seen.began)) for span in spans)


def _databases(seen: Observation) -> Iterable[Moment]:
    before = [role for role in seen.roles if role.at <= seen.began]
    last = next((role.node for role in reversed(before) if role.word == PRIMARY), None)
    for role in seen.roles:
        if role.at > seen.began and role.word == PRIMARY and role.node != last:
            last = role.node
            timeline = "" if role.timeline is None else f", timeline {role.timeline}"
            yield Moment(role.at, "leads", f"{role.node} takes writes{timeline}")
    for span in twice(seen.roles, seen.now):
        if span.end > seen.began and span.end < seen.now:
            lasted = span.end - span.start
            yield Moment(span.start, "two lead", f"{', '.join(span.nodes)} for {lasted:.1f} s")


def _marked(entry: MarksAt) -> Iterable[str]:
    for one in entry.marks or ():
        yield f"{one.kind} {one.subject} on {entry.node}, owner {', '.join(one.owners)}"
