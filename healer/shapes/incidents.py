"""Incidents as people and programs are shown them, from what would be done about one to what became of it.

Rule: a list shows of each what decides whether somebody has to look; the rest is in the view of one.
"""

from typing import TypedDict

from healer.shapes.alerts import AlertView
from healer.shapes.guards import VerdictView


class AttemptView(TypedDict):
    """One rung tried once. `rung` counts from 1; `outcome` is None while it runs."""

    action_id: str
    ladder: str
    rung: int
    action: str
    target: str
    gate: str
    began_at: str | None
    deadline_at: str | None
    ended_at: str | None
    outcome: str | None
    reason: str
    detail: str


class MomentView(TypedDict):
    """One line of an incident's timeline; see healer.timeline.Moment."""

    seq: int
    at: str | None
    kind: str
    state: str
    reason: str
    text: str


class RungView(TypedDict):
    """One rung of an incident's ladder, counted from 1.

    `asks` says whether a person has to agree, and `owner` whether that has to be an owner; `outcome` is its last
    attempt's, empty where it was not tried or is under way; `place` is past, now, next, later, or last for the one
    that an incident ended with. `passed` says why it leads nowhere now; empty where it may be tried.
    """

    rung: int
    action: str
    asks: bool
    owner: bool
    tried: int
    outcome: str
    place: str
    passed: str


class CommandView(TypedDict):
    """Something a person can type, and on which node."""

    command: str
    node: str
    purpose: str


class LineView(TypedDict):
    """One line of a node's journal, `at` by that node's clock. `failure_type` is benign, or empty where nobody said."""

    at: str | None
    by: str
    text: str
    failure_type: str
    cause: str


class LastLinesView(TypedDict):
    """What the copies of a missed node's journal had at `read_at`, oldest first; `trouble` says what went wrong."""

    node: str
    read_at: str | None
    lines: list[LineView]
    trouble: str


class IncidentRow(TypedDict):
    """One incident in a list. `reason` is the word for why it is as it is; `next` says what comes.

    `needs_person` says whether Hale waits for somebody: not where a hold ends by itself.
    """

    id: str
    state: str
    target: str
    node: str
    service: str
    group: str
    failure_domain: str
    cause: AlertView
    ladder: str
    opened_at: str | None
    changed_at: str | None
    reason: str
    sentence: str
    next: str
    needs_person: bool


class IncidentView(IncidentRow):
    """Everything that is known of one incident.

    `guards` is what each said when the incident was last held or acted on; `guards_at` says when.
    `timeline_omitted` counts moments from the middle that are not shown; `timeline_error` says why there is
    no timeline, and is empty where there is one. `seen` is what a command about it may name, so that it is refused
    when the incident is not like this any more. `seconds_to` has for each step of a heal (detect, decide, act, serve,
    redundancy) the seconds since the alert began; null where it was not reached. `answers` are the words that a person
    can say to it now. `last_lines` has an entry for each missed node whose copies were looked at: whoever reaches the
    receiver of the copies can have written them.
    """

    summary: str
    symptoms: list[AlertView]
    hold: VerdictView | None
    escalation: str
    escalation_detail: str
    outcome: str
    adopted_by: str | None
    digest: str
    seconds_to: dict[str, float | None]
    attempts: list[AttemptView]
    guards: list[VerdictView]
    guards_at: str | None
    rungs: list[RungView]
    seen: str
    timeline: list[MomentView]
    timeline_omitted: int
    timeline_error: str
    last_lines: list[LastLinesView]
    runbook: str
    answers: list[str]
    commands: list[CommandView]


class ExplanationView(TypedDict):
    """What would be done now, and by which rung. `decision` is act, hold, mitigate, escalate, close or stay."""

    target: str
    incident: str | None
    alert: str
    ladder: str
    decision: str
    action: str
    reason: str
    sentence: str
    rungs: list[RungView]
    guards: list[VerdictView]


class EndedView(TypedDict):
    """One incident that is over, in short."""

    id: str
    target: str
    node: str
    service: str
    cause: str
    symptoms: list[str]
    ladder: str
    outcome: str
    detail: str
    opened_at: str | None
    closed_at: str | None
    actions: list[str]


class HistoryView(TypedDict):
    """One page of what was looked for: `found` of `known` incidents that are over, the newest first."""

    incidents: list[EndedView]
    found: int
    known: int
    page: int
    pages: int
