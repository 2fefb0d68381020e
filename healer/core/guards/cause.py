"""Do others fail the same way? Then it is not this member, and the first repair is a canary."""

from healer.core.actions import GIVING_BACK, MARKING
from healer.core.attempt import Outcome
from healer.core.facts import Facts, Proposal
from healer.core.guards.grounds import BY_HAND, FAILED_STATES, seen_unit
from healer.core.incident import MERGED, Incident
from healer.core.recovery import SILENT
from healer.core.states import UNSETTLED, State
from healer.core.verdict import Verdict, allow, hold

NAME = "common_cause"
NOT_RUNNING = FAILED_STATES | {"activating", "deactivating"}
"""ActiveState values in which nobody can be overloaded by requests."""

FAILURES = (Outcome.FAILED, Outcome.REFUSED, Outcome.NOT_VERIFIED)
"""Ends of a repair that did not help; what touched nothing is none."""

CALLING = (State.OPEN, State.HELD, State.ESCALATED)
"""States in which a member whose repair failed calls a person, for all that fail alike."""

NEVER_FIRST = frozenset({"not_confirmed", SILENT, BY_HAND})
"""Reasons of a hold for which nobody else waits: the trouble is not seen there, or a person keeps it."""

NEED = "to be the first of those that fail alike, or the first one's repair proved"


def common_cause(proposal: Proposal, facts: Facts) -> Verdict:
    """Of members that fail alike repair one first, go on only when that helped, and take none that only is slow."""
    if not proposal.disrupts:
        return allow(NAME, have="takes nothing away", need=NEED)
    if proposal.rung.action in MARKING and proposal.incident.state is State.MITIGATED:
        return allow(NAME, have="completes a mark that stands", need=NEED)
    incident, since = proposal.incident, facts.steady - facts.topology.numbers.common_cause_window
    alike = [one for one in facts.alike if _recent(one, since)]
    if _runs(proposal, facts):
        overload = _overload(proposal, alike, facts)
        if overload is not None:
            return overload
    if not alike:
        return allow(NAME, have="no other member fails alike", need=NEED)
    failed = next((one for one in [incident, *alike] if _repair_failed(one, since)), None)
    if failed is not None and not _one_only(proposal, facts):
        return hold(
            NAME,
            "canary_failed",
            have=f"{failed.target} was not healed (incident {failed.id})",
            need=NEED,
            sentence="The first repair did not help, so the same again will not either.",
            # The person who has the first one is called once, for all of them.
            passing=failed is not incident and failed.state in CALLING,
        )
    began = _began(proposal, facts)
    following = next((one for one in alike if _preceded(one, began, since)), None)
    if following is not None:
        return hold(
            NAME,
            "follows_action",
            have=f"{following.target} was acted on before this began (incident {following.id})",
            need=NEED,
            sentence="This member fails the same way after an action on another: the action may be the cause.",
        )
    ahead = next((one for one in alike if _ahead(one, incident, since)), None)
    if ahead is not None:
        return _after(ahead)
    return allow(NAME, have=f"first of {len(alike) + 1} that fail alike", need=NEED)


def _one_only(proposal: Proposal, facts: Facts) -> bool:
    """Whether only one node may run the target at a time: where one cannot start it, the next one may."""
    service = facts.topology.services.get(proposal.target.service or "")
    return service is not None and service.exclusive


# --- Overload -------------------------------------------------------------------------------


def _runs(proposal: Proposal, facts: Facts) -> bool:
    """Whether the target runs, as far as its gate can say: what is not seen otherwise counts as running."""
    unit = seen_unit(proposal, facts)
    return unit is None or unit.active_state not in NOT_RUNNING


def _overload(proposal: Proposal, alike: list[Incident], facts: Facts) -> Verdict | None:
    """Hold where a member that runs fails together with others, or nobody can know yet whether it does.

    Members that run and fail together are asked for too much: with one less the others are asked for more. Each
    is seen by its own scrape, so the first is known up to one scrape and one evaluation before the others.
    A dead unit is no such case: nothing is left to take from it, so it need not wait.
    """
    incident, numbers = proposal.incident, facts.topology.numbers
    busy = next((one for one in alike if one.state in UNSETTLED), None)
    if busy is not None:
        return _after(busy)  # it may well be this that the others suffer from
    together = [one for one in alike if _fails_too(one, incident, numbers.common_cause_window)]
    certain = [one for one in together if one.confirmed]
    if certain:
        return hold(
            NAME,
            "overload",
            have=f"it runs; {len(certain) + 1} fail alike, with {_named(certain)}",
            need="to be the only one that fails, or a unit that is dead",
            sentence="Members that run and fail together have too much to do; with one less the others have more.",
            # One of them calls for all.
            passing=any(_turn(one) < _turn(incident) and _calls_for_all(one) for one in certain),
        )
    least = max(numbers.owner_settled, numbers.full_look)
    age = facts.steady - max(incident.opened, _told(incident, facts))
    claimed = [
        one
        for one in together
        # One that nobody has judged yet, as after a healer's death, is judged within this look.
        if one.opened <= incident.opened + least or one.state is State.OPEN
    ]
    if not claimed and (age >= least or not _stands_with_others(proposal, facts)):
        return None
    return hold(
        NAME,
        "others_unknown",
        have=f"true for {age:.0f} s" + (f", claimed of {_named(claimed)} too" if claimed else ""),
        need=f"{least:g} s, in which others that fail alike are seen",
        sentence="It still runs, so it may be overload: whether others fail alike is not known yet.",
        # One that comes and goes for that long is told to a person.
        passing=facts.steady - incident.opened < numbers.common_cause_window,
    )


def _calls_for_all(other: Incident) -> bool:
    """Whether people hear of the overload by another incident, or are about to.

    Not by one that is over, that tells of something else, as of its escalation, or that a person keeps.
    """
    held = other.hold
    if other.state is not State.HELD or held is None:
        return other.state is State.OPEN
    return held.guard == NAME or (held.passing and held.reason not in NEVER_FIRST)


def _fails_too(other: Incident, incident: Incident, window: float) -> bool:
    """Whether another member failed together with this one, or still does."""
    if other.state is State.CLOSED:
        return other.outcome == "cleared"  # by itself, as overload comes and goes
    # What waits to see whether others fail alike has not been found to fail alone.
    overloaded = other.hold is not None and other.hold.reason in ("overload", "others_unknown")
    told = other.cause.began_at - other.opened_ahead
    return overloaded or max(other.opened, told) >= incident.opened - window


def _stands_with_others(proposal: Proposal, facts: Facts) -> bool:
    groups = facts.topology.groups
    return any(len(groups[name].nodes) > 1 for name in proposal.footprint.groups)


def _named(incidents: list[Incident]) -> str:
    return ", ".join(f"{one.target} (incident {one.id})" for one in incidents)


# --- Canary ---------------------------------------------------------------------------------


def _after(other: Incident) -> Verdict:
    return hold(
        NAME,
        "canary_first",
        have=f"{other.target} comes first (incident {other.id}, {other.state.value})",
        need=NEED,
        sentence="Members fail alike: one is repaired first, the others wait for the proof.",
        passing=True,
    )


def _ahead(other: Incident, incident: Incident, since: float) -> bool:
    """Whether another incident's repair comes first: it is under way, or older and may still begin.

    Not for ever: after the window of a common cause the first that may begin is the canary.
    """
    if other.state in UNSETTLED:
        return True
    held = other.hold
    if held is not None and (not other.confirmed or held.reason in NEVER_FIRST):
        return False  # a mere claim, which anybody can post, or one that is over or that nobody can judge any more
    if incident.opened <= since:
        return False
    # One that may never be treated must not keep the others from it, nor one that runs a dead one.
    if held is not None and (not held.passing or held.reason == "others_unknown"):
        return False
    if other.state not in (State.OPEN, State.HELD):
        return False
    return _turn(other) < _turn(incident)


def _turn(incident: Incident) -> tuple[bool, float, int]:
    # What a person put into our hands comes before what may be pre-existing and never ours.
    return incident.adopted_by is None, incident.opened, int(incident.id)


def _recent(incident: Incident, since: float) -> bool:
    return incident.state is not State.CLOSED or incident.changed >= since


def _repair_failed(incident: Incident, since: float) -> bool:
    # One that is open goes on failing, however long ago it was treated, and so does what became part of another one.
    over = incident.state is State.CLOSED and incident.outcome != MERGED
    oldest = since if over else 0.0
    tried = [one for one in incident.counted if one.touched and one.began >= oldest]
    if incident.state is State.MITIGATED:
        return bool(tried)  # out of harm's way is not repaired
    marks = [one for one in tried if one.action in MARKING]
    repairs = [one for one in tried if one.action not in (*MARKING, *GIVING_BACK)]
    # A mark repairs nothing, so one that stands does not make the repair before it good.
    last = (repairs or marks)[-1:]
    return any(one.outcome in FAILURES for one in last)


def _began(proposal: Proposal, facts: Facts) -> float:
    """Return since when the target fails, in steady time: an alert comes after its probe, scrape and evaluation."""
    told = _told(proposal.incident, facts)
    unit = seen_unit(proposal, facts)
    if unit is None or unit.active_state not in FAILED_STATES or unit.age_seconds is None:
        return told
    return min(told, facts.steady - unit.age_seconds)


def _told(incident: Incident, facts: Facts) -> float:
    """Return when its cause began, in steady time; when it was opened, where that would be yet to come."""
    told = incident.cause.began_at - incident.opened_ahead
    return told if told <= facts.steady else incident.opened


def _preceded(other: Incident, began: float, since: float) -> bool:
    return any(
        since <= attempt.began < began and attempt.outcome is not Outcome.NOT_SENT
        for attempt in other.attempts
    )
