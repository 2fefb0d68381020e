"""An incident's life in a person's words, one line for each record of the journal."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core import roll_events as re
from healer.core import upkeep_events as ue
from healer.core.attempt import Outcome
from healer.core.lastlines import LastLines
from healer.ports import Store

KEEP = 500
"""Moments kept at hand of one incident; the journal keeps all."""

FIRST = 20
"""Of these the oldest, since how it began matters more than its middle."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to an incident.

    Attributes:
        at: Epoch seconds of the healer.
        kind: What happened, in snake_case.
        state: The state that it led to; empty where it changed none. `verified` is the last word before closed.
        reason: The word for it, empty where there is none.
        text: A short line for a person.
    """

    seq: int
    at: float
    kind: str
    state: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is known of one incident's life.

    Attributes:
        omitted: Moments from the middle that are not shown.
    """

    moments: tuple[Moment, ...]
    omitted: int = 0


def moment(record: ev.Record) -> Moment | None:
    """Return what a record says about an incident; None where it is about none."""
    event = record.event
    match event:
        case ie.IncidentOpened(_, cause, ladder):
            told = ("opened", "open", "", f"{cause.name} at {cause.target}; ladder {ladder}")
        case (
            ev.HealerStarted()
            | ev.ConfigReloaded()
            | ev.AlertsReceived()
            | ev.AlertRefused()
            | ev.Armed()
            | ev.SeenClear()
            | ev.AlertSettled()
            | ev.Frozen()
            | ev.Unfrozen()
            | ev.NodeHeld()
            | ev.NodeReleased()
            | ev.StormBegan()
            | ev.StormEnded()
            | ev.ClockSet()
            | ev.SecondPathTested()
            | ev.Pruned()
            | re.RollBegan()
            | re.RollMoved()
            | ue.UpkeepBegan()
            | ue.UpkeepMoved()
            | ue.UpkeepSilenced()
            | ue.UpkeepUntilSet()
            | ue.UpkeepActionIntended()
            | ue.UpkeepActionEnded()
        ):
            return None
        case _:
            told = _told(event)
    return Moment(record.seq, record.at_wall, *told)


def _told(event: ie.IncidentEvent) -> tuple[str, str, str, str]:
    """Return kind, state, reason and text."""
    match event:
        case ie.ActionIntended() | ie.ActionEnded() | ie.VerificationEnded():
            return _acted(event)
        case ie.AlertJoined(_, alert):
            return "joined", "", "", f"{alert.name} at {alert.target} is a symptom of it"
        case ie.AlertLeft(_, alert):
            return "left", "", "", f"{alert.name} at {alert.target} is not explained by it any more"
        case ie.AlertRenewed(_, alert):
            quiet = ", silenced" if alert.silenced else ""
            return "renewed", "", "", f"{alert.name} at {alert.target} was told anew{quiet}"
        case ie.CauseReplaced(_, cause, ladder):
            text = f"deeper cause {cause.name} at {cause.target}; ladder {ladder}"
            return "cause_replaced", "", "", text
        case ie.IncidentHeld(_, hold):
            text = f"{hold.guard} holds: has {hold.have}; needs {hold.need}"
            return "held", "held", hold.reason or "", text
        case ie.IncidentMitigated(_, detail):
            return "mitigated", "mitigated", "", f"out of harm's way: {detail}"
        case ie.IncidentEscalated(_, reason, detail):
            text = f"a person has it: {detail}" if detail else "a person has it"
            return "escalated", "escalated", reason, text
        case ie.IncidentAdopted(_, by):
            return "adopted", "open", "", f"put into Hale's hands by {by}"
        case ie.IncidentRetried(_, by):
            return "retried", "open", "", f"tried again by the word of {by}"
        case ie.NodeAdmitted(_, by):
            return "admitted", "", "", f"its node is admitted by {by}, and switched on again"
        case ie.IncidentSettled(_, by, reason):
            return "settled", "", "", f"settled by hand by {by}: {reason}"
        case ie.ApprovalGiven(rung=rung, target=target, by=by, action=action):
            step = f"{action} (rung {rung + 1})" if action else f"rung {rung + 1}"
            return "approved", "", "", f"yes to {step} on {target} by {by}"
        case ie.ApprovalDenied(_, rung, by):
            return "denied", "escalated", "denied", f"no to rung {rung + 1} by {by}"
        case ie.LastLinesRead(_, found):
            return "last_lines", "", "", _last_lines(found)
        case ie.IncidentClosed(_, outcome, detail):
            return "closed", "closed", outcome, detail
        case _:
            assert_never(event)


def _last_lines(found: LastLines) -> str:
    if not found.lines:
        return found.trouble
    failures = [one.failure for one in found.lines if one.fails]
    told = (
        f"; of a failure tell {len(failures)}: {', '.join(sorted(set(failures)))}"
        if failures
        else ""
    )
    trouble = f". {found.trouble}" if found.trouble else ""
    return f"{len(found.lines)} lines that {found.node} sent before{told}{trouble}"


def _acted(
    event: ie.ActionIntended | ie.ActionEnded | ie.VerificationEnded,
) -> tuple[str, str, str, str]:
    match event:
        case ie.ActionIntended(
            action_id=action_id, rung=rung, action=action, target=target, gate=gate
        ):
            through = f" through the gate of {gate}" if gate != target.node else ""
            text = f"{action} on {target}{through} (rung {rung + 1}, id {action_id})"
            return "action_intended", "acting", "", text
        case ie.ActionEnded(_, _, outcome, reason, detail):
            proved_next = outcome in (Outcome.DONE, Outcome.UNKNOWN)
            text = f"the gate says {outcome.value}: {detail or reason}"
            return "action_ended", "verifying" if proved_next else "open", reason, text
        case ie.VerificationEnded(_, _, verified, settles, reason, detail):
            word = "verified" if verified else "not_verified"
            return word, "verified" if verified and settles else "open", reason, detail


@dataclass(slots=True)
class _Life:
    first: list[Moment] = field(default_factory=list)
    last: deque[Moment] = field(default_factory=lambda: deque(maxlen=KEEP - FIRST))
    count: int = 0
    seq: int = 0

    def take(self, record: ev.Record) -> None:
        self.seq = record.seq
        one = moment(record)
        if one is None:
            return
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(one)
        else:
            self.last.append(one)

    def timeline(self) -> Timeline:
        moments = (*self.first, *self.last)
        return Timeline(moments, self.count - len(moments))


class Timelines:
    """Reads the lives of incidents from the store; each record is read once while its incident is at hand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lives: dict[str, _Life] = {}
        self._reading = asyncio.Lock()

    async def of(self, incident_id: str, known: Iterable[str]) -> Timeline:
        """Return an incident's timeline.

        Args:
            incident_id: Whose.
            known: Ids of the incidents at hand; what is not among them is forgotten.

        Raises:
            ConfigError: The journal cannot be read; nothing was changed.
        """
        async with self._reading:
            for gone in self._lives.keys() - set(known):
                del self._lives[gone]
            life = self._lives.setdefault(incident_id, _Life())
            more = True
            while more:
                # What a long life said in its middle is forgotten again, so it is not read in one piece.
                found = await self._store.read_incident(incident_id, life.seq, most=KEEP)
                for record in found:
                    life.take(record)
                more = len(found) == KEEP
            return life.timeline()
