"""What is said to a person of an incident (why it is as it is, what comes next, what they can type) and of the healer.

Pure functions over the core's values.
"""

from collections.abc import Mapping

from healer.core.guards.grounds import BY_HAND
from healer.core.incident import Incident
from healer.core.plan import Escalate, plan
from healer.core.states import UNSETTLED, State
from healer.core.topology import Topology
from healer.shapes.incidents import CommandView, LastLinesView
from healer.shapes.status import StatusView


def reason(incident: Incident) -> tuple[str, str]:
    """Return the word and the sentence for why an incident is as it is; empty where nothing is to say."""
    match incident.state:
        case State.HELD if incident.hold is not None:
            return incident.hold.reason or "", incident.hold.sentence
        case State.ESCALATED:
            return incident.escalation, incident.escalation_detail
        case State.MITIGATED:
            return "mitigated", incident.mitigation
        case State.CLOSED:
            return incident.outcome, ""
        case State.OPEN if incident.attempts:
            last = incident.attempts[-1]
            return last.reason, last.detail
        case _:
            return "", ""


def next_step(incident: Incident, topology: Topology, now: float | None = None) -> str:
    """Say in half a sentence what comes next; `now` is as healer.core.plan takes it."""
    last = incident.attempts[-1] if incident.attempts else None
    match incident.state:
        case State.ACTING if last is not None:
            return f"{last.action} runs on {last.target}, for {last.deadline_at - last.began_at:.0f} s at most"
        case State.VERIFYING if last is not None:
            return f"the proof that {last.action} on {last.target} helped"
        case State.MITIGATED:
            return "a person repairs it by day"
        case State.ESCALATED:
            return "a person takes it from here"
        case State.CLOSED:
            return "nothing"
    step = plan(incident, topology, now)
    if isinstance(step, Escalate):
        return f"call a person ({step.reason})"
    action = f"{step.rung.action} on {step.proposal.target}"
    if incident.hold is None:
        return f"{action}, if every guard allows"
    return f"{action}, once {incident.hold.guard} allows: needs {incident.hold.need}"


def summary(incident: Incident) -> str:
    """Say in one sentence what the matter is and how it stands."""
    what = f"{incident.cause.name} at {incident.target}"
    last = incident.attempts[-1] if incident.attempts else None
    word, _ = reason(incident)
    match incident.state:
        case State.OPEN:
            return f"{what} is looked at: nothing is being done yet."
        case State.HELD:
            return f"{what} is held: {word}."
        case State.ACTING if last is not None:
            return f"{what} is being treated: {last.action} on {last.target}."
        case State.VERIFYING if last is not None:
            return f"{what} was treated with {last.action}; the proof that it helped is awaited."
        case State.MITIGATED:
            return f"{what} is out of harm's way, but not repaired."
        case State.ESCALATED:
            return f"{what} is in a person's hands: {word}."
        case _:
            return f"{what} is over: {word}."


def needs_person(incident: Incident) -> bool:
    """Whether Hale waits for somebody: it gave the incident away, or holds for what does not end by itself."""
    if incident.state is State.HELD:
        return incident.hold is not None and not incident.hold.passing
    return incident.state is State.ESCALATED


def answers(incident: Incident) -> list[str]:
    """Return what a person can say to an incident as it is now: approve, deny, retry, adopt, close."""
    held = incident.hold.reason if incident.hold is not None else ""
    given = incident.state in (State.ESCALATED, State.MITIGATED)
    said = {
        "approve": incident.state is State.HELD and held == "approval_needed",
        "deny": incident.state is State.HELD and held == "approval_needed",
        "retry": incident.retryable,
        # What failed is retried; adoption is for what was not ours, or not ours any more.
        # Nothing could be done about a lost domain, whoever has it.
        "adopt": held in ("pre_existing", BY_HAND)
        or (given and not incident.retryable and not incident.target.domain),
        "close": incident.state not in (*UNSETTLED, State.CLOSED),
    }
    return [word for word, may in said.items() if may]


def owner_words(owner: str) -> str:
    """Say for whom a mark stands, as healer.shapes.marks.MarkView has it."""
    kind, _, id_ = owner.partition(":")
    known = {"person": "a person", "lock": "a lock", "incident": "an incident that is over"}
    return f"incident {id_}" if id_ else known.get(kind, kind)


PURPOSES = {
    "approve": "say yes to the next step",
    "deny": "say no: it becomes yours",
    "retry": "have what failed tried again",
    "adopt": "put it into Hale's hands",
    "close": "end it: you settled it by hand",
}

MORE = {"close": ' --reason "replaced the disk"'}
"""What has to be typed behind some commands."""


def commands(incident: Incident, topology: Topology) -> list[CommandView]:
    """Return what a person can type about an incident as it is now."""
    here, node = topology.own_node, incident.target.node
    found = [CommandView(command=f"hale-healer show {incident.id}", node=here, purpose="all of it")]
    if incident.state not in (State.ACTING, State.VERIFYING, State.CLOSED):
        found.append(_command("explain", incident, here, "what would be done now, asked afresh"))
    found += [_command(word, incident, here, PURPOSES[word]) for word in answers(incident)]
    if incident.state is not State.CLOSED:
        if node in topology.nodes:
            purpose = "let nothing be done on that node"
            held = f'hale-healer hold {node} "working on it" --for 2h'
            found.append(CommandView(command=held, node=here, purpose=purpose))
            held = 'hale-gate hold "working on it" --for 2h'
            found.append(CommandView(command=held, node=node, purpose=f"{purpose}, without Hale"))
        freeze = "let nothing be done anywhere"
        found.append(CommandView(command="hale-healer freeze", node=here, purpose=freeze))
    return found


def _command(word: str, incident: Incident, node: str, purpose: str) -> CommandView:
    more = MORE.get(word, "")
    if word == "approve" and incident.asked is not None:
        more = f" --action {incident.asked.action}"
    typed = f"hale-healer {word} {incident.id}{more}"
    return CommandView(command=typed, node=node, purpose=purpose)


def hearsay(found: LastLinesView) -> str:
    """Say how far the last lines of a node are to be believed."""
    return (
        f"As the copies had them at {found['read_at'] or 'an unknown time'}; what {found['node']} had not sent by then "
        "is not here. Whoever reaches the receiver of the copies can have written them, and times are of the clock of "
        "whoever did. Nothing is decided by them."
    )


def took(seconds_to: Mapping[str, float | None]) -> str:
    """Return how long each step of a heal took that was reached, from the alert's start."""
    return ", ".join(f"{at:.1f} s to {step}" for step, at in seconds_to.items() if at is not None)


def alertmanagers(status: StatusView) -> str:
    """Say in a few words whether every Alertmanager answers that has to."""
    if not status["sight_complete"]:
        return "NOT ALL ANSWER"
    missed = ", ".join(status["done_without"])
    return f"all answer but on {missed}, which everybody misses" if missed else "all answer"
