"""Whether a drill held: every fact judged, every limit compared. Pure."""

from dataclasses import dataclass

from lab.drills import moments as story
from lab.drills.facts.healing import ActedBefore, VerbsCounted
from lab.drills.facts.monitoring import AlertFires, people_paged
from lab.drills.facts.ruling import Came, NotYet, Ruling, Spoiled, Unseen
from lab.drills.facts.serving import SNAPSHOT_DUE, ServiceLost, Unchanged
from lab.drills.facts.tier import ServerBecomes
from lab.drills.model import Drill, Limits
from lab.drills.observation import Observation
from lab.load import lost_by_second
from lab.writes import lost as lost_rows

_ACTS = (Unchanged, VerbsCounted)
_OF_TIME = (ActedBefore, AlertFires, ServerBecomes, ServiceLost)
"""What a machine that is too busy to answer in time brings about by itself."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One fact and what became of it.

    Attributes:
        text: The fact in words.
        limit: Seconds from the fault; None for a fact that must never be true.
        at: Seconds from the fault when it came true; None if it did not.
        saw: What was seen instead.
        spoiled: Whether that was too much, so that no time could have made it true.
    """

    text: str
    limit: float | None
    at: float | None
    saw: str
    held: bool
    spoiled: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, in seconds from the first fault; None: it did not happen.

    Attributes:
        actors: Who acted, and when first.
        acknowledged: Rows that the database acknowledged; None where none were written.
        acknowledged_lost: Those of them that it does not have at the end; None where it was not asked.
        two_primaries: Seconds for which two members answered as primary; None where none were asked.
        service_lost: Whether any request of the load failed.
        redundancy_lost: Whether anything was missing at any time.
    """

    detected: float | None
    acted: float | None
    serving: float | None
    redundancy: float | None
    requests: int
    lost_requests: int
    pages: int
    service_lost: bool
    redundancy_lost: bool
    actors: tuple[tuple[str, float], ...] = ()
    acknowledged: int | None = None
    acknowledged_lost: int | None = None
    two_primaries: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A drill that has run.

    Attributes:
        broken: What did not hold, a sentence each; empty when all of it did.
        moments: The story; times are epoch seconds.
        by_second: (answered, lost) requests for each second from the fault on.
    """

    drill: Drill
    began: float
    ended: float
    faults: tuple[str, ...]
    expected: tuple[Judged, ...]
    never: tuple[Judged, ...]
    figures: Figures
    moments: tuple[story.Moment, ...]
    by_second: tuple[tuple[int, int], ...]
    broken: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether everything held."""
        return not self.broken

    @property
    def harm(self) -> tuple[str, ...]:
        """What of it nothing excuses, as two that wrote, rows that are gone, or an act that must never be."""
        expected = zip(self.drill.expected, self.expected, strict=True)
        never = zip(self.drill.never, self.never, strict=True)
        return (
            *(
                _missed(said)
                for one, said in expected
                if said.spoiled and isinstance(one.fact, _ACTS)
            ),
            *(
                _forbidden(said)
                for one, said in never
                if said.at is not None and not isinstance(one, _OF_TIME)
            ),
            *_broken_promises(self.drill.limits, self.figures),
        )


def judge(
    drill: Drill,
    seen: Observation,
    faults: tuple[story.Moment, ...],
    trouble: tuple[str, ...] = (),
) -> Report:
    """Judge a drill by all that was seen.

    Args:
        drill: What had to hold.
        seen: What was seen.
        faults: What was injected and when.
        trouble: What went wrong with the drill itself, such as a fault that could not be undone.
    """
    expected = tuple(
        _expected(str(one.fact), one.within, one.fact.judge(seen), seen) for one in drill.expected
    )
    never = tuple(_never(str(fact), fact.judge(seen), seen) for fact in drill.never)
    figures = measure(seen)
    broken = [_missed(one) for one in expected if not one.held]
    broken += [_forbidden(one) for one in never if not one.held]
    broken += broken_limits(drill.limits, figures)
    after = [request for request in seen.requests if request.at >= seen.began]
    return Report(
        drill=drill,
        began=seen.began,
        ended=seen.now,
        faults=tuple(fault.text for fault in faults),
        expected=expected,
        never=never,
        figures=figures,
        moments=tuple(sorted((*faults, *story.moments(seen)), key=lambda moment: moment.at)),
        by_second=tuple(lost_by_second(after, seen.began, seen.now)) if after else (),
        broken=(*trouble, *broken),
    )


def measure(seen: Observation) -> Figures:
    """Return the figures of a drill."""

    def after(at: float | None) -> float | None:
        return None if at is None else max(0.0, at - seen.began)

    requests = [request for request in seen.requests if request.at >= seen.began]
    lost = sum(not request.ok for request in requests)
    return Figures(
        detected=after(story.detected(seen)),
        acted=after(story.acted(seen)),
        serving=after(story.serving(seen)),
        redundancy=after(story.redundancy(seen)),
        requests=len(requests),
        lost_requests=lost,
        pages=len(people_paged(seen)),
        service_lost=lost > 0,
        redundancy_lost=story.redundancy_lost(seen),
        actors=tuple((name, max(0.0, at - seen.began)) for name, at in story.actors(seen)),
        acknowledged=sum(write.ok for write in seen.writes) if seen.writes else None,
        acknowledged_lost=None if seen.rows is None else len(lost_rows(seen.writes, seen.rows)),
        two_primaries=story.two_primaries(seen) if seen.roles else None,
    )


def broken_limits(limits: Limits, figures: Figures) -> list[str]:
    """Return a sentence for each limit that was not kept."""
    needed = [
        ("detected", limits.detected, figures.detected, True),
        ("acted", limits.acted, figures.acted, True),
        ("serving again", limits.serving, figures.serving, figures.service_lost),
        ("redundancy back", limits.redundancy, figures.redundancy, figures.redundancy_lost),
    ]
    found = []
    for name, limit, seconds, applies in needed:
        if limit is None or not applies:
            continue
        if seconds is None:
            found.append(f"{name}: never, limit {limit:.1f} s")
        elif seconds > limit:
            found.append(f"{name}: after {seconds:.1f} s, limit {limit:.1f} s")
    if limits.lost_requests is not None and figures.lost_requests > limits.lost_requests:
        found.append(f"requests lost: {figures.lost_requests}, limit {limits.lost_requests}")
    if limits.pages is not None and figures.pages > limits.pages:
        found.append(f"pages: {figures.pages}, limit {limits.pages}")
    return found + _broken_promises(limits, figures)


def _broken_promises(limits: Limits, figures: Figures) -> list[str]:
    """Return a sentence for each limit of a database that was not kept; what was not seen was not kept."""
    found = []
    if (most := limits.acknowledged_lost) is not None:
        if figures.acknowledged_lost is None:
            found.append("acknowledged rows lost: nobody can say, the database was not asked")
        elif figures.acknowledged_lost > most:
            found.append(f"acknowledged rows lost: {figures.acknowledged_lost}, limit {most}")
    if (longest := limits.two_primaries) is not None:
        if figures.two_primaries is None:
            found.append("two primaries: nobody can say, no member was asked")
        elif figures.two_primaries > longest:
            found.append(f"two primaries: for {figures.two_primaries:.1f} s, limit {longest:.1f} s")
    return found


def is_settled(drill: Drill, seen: Observation) -> bool:
    """Tell whether waiting longer could not change anything any more.

    Snapshots are compared after the waiting, so facts about them are not waited for.
    """
    if seen.now < _last_fault(drill, seen) + drill.watch:
        return False
    rulings = [one.fact.judge(seen) for one in drill.expected]
    if any(isinstance(r, NotYet) and r is not SNAPSHOT_DUE for r in rulings):
        return False
    figures = measure(seen)
    serving = drill.limits.serving is None or not figures.service_lost
    redundant = drill.limits.redundancy is None or not figures.redundancy_lost
    return (serving or figures.serving is not None) and (
        redundant or figures.redundancy is not None
    )


def deadline(drill: Drill, seen: Observation) -> float:
    """Return the time after which nothing can come in time any more, epoch seconds."""
    limits = drill.limits
    within = max((one.within for one in drill.expected), default=0.0)
    longest = max(within, limits.serving or 0.0, limits.redundancy or 0.0)
    return max(_last_fault(drill, seen) + drill.watch, seen.began + longest)


def _last_fault(drill: Drill, seen: Observation) -> float:
    planned = max((step.at for step in drill.steps if step.when is None), default=0.0)
    return max(seen.broke, seen.began + planned)


def _expected(text: str, limit: float, ruling: Ruling, seen: Observation) -> Judged:
    match ruling:
        case Came(at):
            after = max(0.0, at - seen.began)
            if after <= limit:
                return Judged(text, limit, after, "", held=True)
            late = f"after {after:.1f} s, limit {limit:.1f} s"
            return Judged(text, limit, after, late, held=False)
        case NotYet(saw) | Spoiled(saw):
            spoiled = isinstance(ruling, Spoiled)
            return Judged(text, limit, None, f"no, {saw}", held=False, spoiled=spoiled)


def _missed(one: Judged) -> str:
    return f"{one.text}: {one.saw}"


def _forbidden(one: Judged) -> str:
    return f"never: {one.text}: {one.saw}"


def _never(text: str, ruling: Ruling, seen: Observation) -> Judged:
    if isinstance(ruling, Came):
        after = max(0.0, ruling.at - seen.began)
        return Judged(text, None, after, f"it did, after {after:.1f} s", held=False)
    if isinstance(ruling, Unseen):
        return Judged(text, None, None, f"nobody can say: {ruling.saw}", held=False)
    return Judged(text, None, None, "", held=True)
