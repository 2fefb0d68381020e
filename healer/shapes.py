"""The shapes of what people and programs are shown, as JSON has them.

Times are RFC 3339, UTC, with milliseconds; None where there is none. Targets read `node` or `node/service`.
A name changed here is a change for users (docs/healer.md).
"""

from typing import TypedDict


class AlertView(TypedDict):
    """An alert as Alertmanager had it."""

    fingerprint: str
    name: str
    target: str
    labels: dict[str, str]
    began_at: str | None
    silenced: bool


class VerdictView(TypedDict):
    """One guard's answer. `reason` is None where it allows."""

    guard: str
    allows: bool
    reason: str | None
    have: str
    need: str
    sentence: str
    passing: bool


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


class RefusedView(TypedDict):
    """An alert that can never start anything."""

    alert: AlertView
    reason: str
    sentence: str
    at: str | None


class GuardView(TypedDict):
    """One row of the registry, with its numbers as configured, by their keys in cluster.yml.

    `now` is what it says as the healer stands, whatever is proposed; it may hold one target all the same, and is None
    where all depends on the target.
    """

    guard: str
    holds_unless: str
    numbers: dict[str, float]
    now: VerdictView | None


class GuardsView(TypedDict):
    """The registry, and what each guard says of each open incident's next action, or of what was asked.

    `asked_at` says when the guards said their `now`, and `freezes` why nothing is done anywhere, as the status has it.
    """

    asked_at: str | None
    freezes: list["FreezeView"]
    guards: list[GuardView]
    incidents: list["JudgedView"]


class JudgedView(TypedDict):
    """One incident, or a supposed one, under the guards.

    `id` is empty and `state` is `supposed` where it is only supposed. `decision` is as in ExplanationView; it is empty
    where nothing was decided since this healer leads, and `guards` are those of the journal. `asked_at` says when.
    `ladder` is the one that it climbs, or by which the supposed action would be done; `supposed` where none has it.
    """

    id: str
    state: str
    target: str
    ladder: str
    decision: str
    action: str
    asked_at: str | None
    guards: list[VerdictView]


class FreezeView(TypedDict):
    """Why nothing is done anywhere. `owner` says whether an owner froze it, so that only an owner lifts it."""

    reason: str
    sentence: str
    owner: bool


class HoldView(TypedDict):
    """A node that a person holds. `until` is None where it lasts until it is released."""

    node: str
    reason: str
    by: str
    until: str | None


class MaintenanceView(TypedDict):
    """A maintenance window that is open now. `about` says what it is about; `until` is None where it has no end."""

    name: str
    about: str
    reason: str
    until: str | None


class UpkeepView(TypedDict):
    """A node that is away for upkeep. `until` is when it should be back; `held` is why it waits, else empty.

    `began` is when it was asked for, and `since` when its phase began; `failed` is the word for why it was given up or
    stopped, and `roll` the number of the roll that it belongs to, both else empty. `seen` is what the command that ends
    it may name, so that it is refused where another upkeep keeps the node away by then.
    """

    id: str
    kind: str
    node: str
    phase: str
    reason: str
    by: str
    roll: str
    began: str | None
    since: str | None
    until: str | None
    why: str
    detail: str
    failed: str
    held: str
    seen: str


class RollMemberView(TypedDict):
    """Where one node of a roll is, as healer.core.roll_members has it, and since when; None before its turn.

    `reason` and `detail` say why it failed, or failed before; `held` is why it waits now. Each is else empty.
    """

    node: str
    where: str
    since: str | None
    reason: str
    detail: str
    held: str


class RollView(TypedDict):
    """A group that is patched node by node. `waits` is why nothing is begun now, empty where something is.

    `since` is when its state began; `members` are all of `nodes`, in their order, the canary first. `seen` is what a
    command that stops, resumes or ends it may name, so that it is refused where it is not like this any more.
    """

    id: str
    group: str
    nodes: list[str]
    done: list[str]
    away: list[str]
    members: list[RollMemberView]
    at_once: int
    soak_seconds: float
    windows: list[str]
    state: str
    by: str
    since: str | None
    why: str
    detail: str
    waits: str
    seen: str


class LockWaitView(TypedDict):
    """A node that was refused a reboot lock, and asks again: since when, when it asked last, and why it got none."""

    node: str
    since: str | None
    asked: str | None
    reason: str
    detail: str


class PlannedView(TypedDict):
    """What would be done to take one node out of service, and what every guard says of it now."""

    node: str
    allows: bool
    steps: list[str]
    guards: list[VerdictView]


class PlanView(TypedDict):
    """What a roll of a group, or the maintenance of a node, would be; `nodes` in their order."""

    target: str
    patch: bool
    nodes: list[PlannedView]


class StepView(TypedDict):
    """One thing that has to be so before a node comes back; `reason` is empty where it is."""

    step: str
    have: str
    need: str
    reason: str


class AdmissionView(TypedDict):
    """What a node has to show before it comes back.

    `admits` says whether all is so, and `fenced` whether its power is cut: then it is switched on first. `gives` is
    what it would get back, of these open `incidents`.
    """

    node: str
    steps: list[StepView]
    admits: bool
    fenced: bool
    gives: list[str]
    incidents: list[str]


class MarkView(TypedDict):
    """Something that is taken away for now, and at whose gate; the last of its owners gives it back.

    `owners` has `incident:ID` for an open incident, else the kind: incident, person, lock. `seen` says whether
    the node's exporter tells of it; None where nothing is known of it.
    """

    mark: str
    subject: str
    node: str
    owners: list[str]
    since: str | None
    seen: bool | None


class MarkStateView(MarkView):
    """A mark as everybody tells it; whatever they say, it counts as set.

    `journal` says whether an open incident may have set it; `gate` is set, not_set or unknown, as its gate says when
    asked; `applied` whether the native tool has it so. `differs` says whether they disagree. `giving_back` is allowed,
    held or not_asked, and `says` the guard that holds it now. `how` says how it is given back.
    """

    journal: bool
    gate: str
    applied: bool | None
    differs: bool
    giving_back: str
    says: VerdictView | None
    how: str


class SilentView(TypedDict):
    """A gate that did not say which marks it has, and why."""

    node: str
    error: str


class MarksView(TypedDict):
    """Every mark, the oldest first, and the gates that could not be asked: there any may stand."""

    marks: list[MarkStateView]
    silent: list[SilentView]


class MemberView(TypedDict):
    """One node of a group. `health` is serving, down or unknown."""

    node: str
    health: str


class GroupStateView(TypedDict):
    """One group as Prometheus sees it. `redundancy` is how many more may be lost; None where nothing is known."""

    group: str
    members: list[MemberView]
    serving: int | None
    min_available: int
    redundancy: int | None
    control: bool
    mode: str


class LadderRungView(TypedDict):
    """One rung of a ladder, counted from 1. The proof's fields are None where it proves nothing.

    `only_when` has each condition in words; `backoff` is by how much each later wait is longer than the one before.
    """

    rung: int
    action: str
    service: str | None
    fast: bool
    asks: bool
    owner: bool
    only_when: list[str]
    attempts: int
    wait_seconds: float
    backoff: float
    deadline_seconds: float
    proof_metric: str | None
    proof_value: float | None
    proof_within_seconds: float | None
    proof_soak_seconds: float | None


class LadderView(TypedDict):
    """One ladder. `alerts` are those of the packaged rules that name it, `open` how many open incidents climb it."""

    ladder: str
    mode: str
    alerts: list[str]
    open: int
    rungs: list[LadderRungView]


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


class StatusView(TypedDict):
    """How the healer itself stands. `leader` is this process holding the lease."""

    version: str
    cluster: str
    node: str
    digest: str
    now: str | None
    leader: bool
    era: int
    term: int
    armed_at: str | None
    storing: bool
    freezes: list[FreezeView]
    holds: list[HoldView]
    maintenance: list[MaintenanceView]
    upkeep: list[UpkeepView]
    rolls: list[RollView]
    lock_waits: list[LockWaitView]
    marks: list[MarkView]
    watchdog_age_seconds: float | None
    sight_complete: bool
    done_without: list[str]
    incidents: dict[str, int]
    pre_existing: list[AlertView]
    refused: list[RefusedView]
