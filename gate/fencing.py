"""Another node's power cut and switched on, with its mark. Verbs and people all come here.

A node is off when the device says so a second time, after the agent said that it had done it. It stays off until its
last owner lets go. Never a reboot: whoever switches it on again has to know why it was cut.
"""

from dataclasses import replace

from gate import fence_agents, owners
from gate.clock import Deadline, utc
from gate.fence_agents import OFF, ON, Reading, SecretsUnreadable
from gate.listed import FenceRule
from gate.mark import FENCE
from gate.marks import (
    LOCK_SECONDS,
    MarksFailed,
    MarksUnreadable,
    MarksUnwritable,
    TooManyOwners,
    not_marked,
)
from gate.process import NotStarted
from gate.verb import Node
from gate.words import Outcome, Reason, done, failed, unknown

SETTLE_SECONDS = 0.5
"""Between two readings after the agent said that it was done: some devices tell late what they did."""


def fence(node: Node, name: str, owner: str, deadline: Deadline) -> Outcome:
    """Mark a node, cut its power, and read a second time that it is off.

    Args:
        node: This node, which does it.
        name: The other one; gate.json lists it.
        owner: For whom.
        deadline: For all of it.
    """
    rule = node.config.fencing[name]
    try:
        fresh = _mark(node, name, owner, deadline)
    except MarksFailed as error:
        return not_marked(error, "nothing was cut")
    outcome, nothing_cut = _cut(node, rule, deadline)
    try:
        # Nobody else waits for an agent, so the marks were free meanwhile: who let go then is told by this.
        if not nothing_cut:
            _mark(node, name, owner, deadline)
        elif fresh:
            _unmark(node, name, owner, deadline)
    except (MarksUnreadable, MarksUnwritable, TooManyOwners) as error:
        return _doubtful(outcome, nothing_cut, error)
    return outcome


def _doubtful(outcome: Outcome, nothing_cut: bool, error: Exception) -> Outcome:
    """Say how a fencing ended after which nobody could see to its mark: one that cut is not known to be marked."""
    detail = f"{outcome.detail}; whether it is still marked is not known: {error}"
    if nothing_cut:
        return replace(outcome, detail=detail)
    reason = (
        Reason.MARKS_UNREADABLE if isinstance(error, MarksUnreadable) else Reason.MARKS_UNWRITABLE
    )
    return unknown(reason, detail)


def _mark(node: Node, name: str, owner: str, deadline: Deadline) -> bool:
    """Add an owner to the mark; say whether there was none before."""
    with node.marks.open(min(LOCK_SECONDS, deadline.left() or 1.0)) as marks:
        fresh = marks.get(FENCE, name) is None
        marks.own(FENCE, name, (owner,), utc(node.clock.wall()))
        return fresh


def _unmark(node: Node, name: str, owner: str | None, deadline: Deadline) -> tuple[str, ...]:
    """Take an owner from the mark, and the mark away with the last one; return who is left."""
    with node.marks.open(min(LOCK_SECONDS, deadline.left() or 1.0)) as marks:
        mark = marks.get(FENCE, name)
        rest = owners.left(mark, owner) if mark is not None else ()
        if mark is not None and rest:
            marks.keep(mark, rest)
        elif mark is not None:
            marks.drop(mark)
        return rest


def _cut(node: Node, rule: FenceRule, deadline: Deadline) -> tuple[Outcome, bool]:
    """Have it cut; say also whether nothing was: the device was not asked, or refused and says that it is on."""
    try:
        said = fence_agents.switch(rule, "off", _time(rule, deadline), node.programs)
    except (SecretsUnreadable, NotStarted) as error:
        return failed(_not_asked(error), f"nothing was asked of {rule.device}: {error}"), True
    if said.code is None:
        detail = f"{rule.agent} did not end in time; it may yet be cut, and stays marked"
        return unknown(Reason.DEADLINE, detail), False
    if said.code != 0:
        reading = fence_agents.read(rule, deadline.left(), node.programs)
        what = f"{rule.agent} ended with {said.code}: {said.line}; {reading.why}"
        return failed(Reason.FENCE_REFUSED, what), reading.state == ON
    reading = _settled(node, rule, OFF, deadline)
    said_so = f"{rule.agent} says that it was cut"
    if reading.state == OFF:
        return done(Reason.FENCED, f"{said_so}, and {reading.why}"), False
    if reading.state == ON:
        return failed(Reason.STILL_ON, f"{said_so}, and {reading.why}; marked"), False
    return unknown(Reason.POWER_UNREAD, f"{said_so}: {reading.why}; marked"), False


def _not_asked(error: SecretsUnreadable | NotStarted) -> Reason:
    return Reason.NO_AGENT if isinstance(error, NotStarted) else Reason.SECRETS_UNREADABLE


def _time(rule: FenceRule, deadline: Deadline) -> float:
    """Return what the agent may take, so that there is time left for the reading."""
    return max(min(rule.off_seconds, deadline.left() - rule.status_seconds - 1.0), 0.1)


def _settled(node: Node, rule: FenceRule, want: str, deadline: Deadline) -> Reading:
    """Read how the power is; where it is not yet as it should be, once more."""
    reading = fence_agents.read(rule, deadline.left(), node.programs)
    if reading.state == want or deadline.left() < rule.status_seconds:
        return reading
    node.clock.sleep(SETTLE_SECONDS)
    return fence_agents.read(rule, deadline.left(), node.programs)


def unfence(node: Node, name: str, owner: str | None, deadline: Deadline) -> Outcome:
    """Let one owner of a fenced node go, and switch the node on when that was the last one.

    Args:
        node: This node, which does it.
        name: The other one; gate.json lists it.
        owner: Who lets go; None when a person says so for everybody.
        deadline: For all of it.
    """
    try:
        mark = node.marks.read().get((FENCE, name))
        outcome = done(Reason.UNFENCED, "it was not marked here, so nothing was switched")
        if mark is None:
            return outcome
        if not owners.left(mark, owner):
            # The mark goes after the power is back: a crash between the two leaves it marked.
            outcome = _switch_on(node, node.config.fencing[name], deadline)
            if outcome.reason != Reason.UNFENCED:
                return outcome
        rest = _unmark(node, name, owner, deadline)
        return done(Reason.STILL_MARKED, f"off for {', '.join(rest)}") if rest else outcome
    except MarksFailed as error:
        return not_marked(
            error, "nothing was switched on, or it is marked", "the mark may still be there"
        )


def forget(node: Node, name: str, owner: str | None, word: str) -> Outcome:
    """End the mark of a node alone, on a person's word: nothing is switched, and its controller is not asked.

    Never for a healer. Without a mark nobody takes the node for off any more, so nothing is started in its place.

    Args:
        node: This node, which had the power cut.
        name: The other one; gate.json lists it.
        owner: Who lets go; None when a person says so for everybody.
        word: Who says so, and how they know how its power is.
    """
    try:
        if (FENCE, name) not in node.marks.read():
            return done(Reason.UNFENCED, "it was not marked here, so nothing was changed")
        rest = _unmark(node, name, owner, Deadline.after(LOCK_SECONDS, node.clock))
    except MarksFailed as error:
        return not_marked(error, "it is marked as before", "the mark may still be there")
    if rest:
        return done(Reason.STILL_MARKED, f"off for {', '.join(rest)}")
    return done(
        Reason.UNFENCED,
        f"the mark is gone by the word of {word}; nothing was switched, and its controller was not asked",
    )


def _switch_on(node: Node, rule: FenceRule, deadline: Deadline) -> Outcome:
    try:
        said = fence_agents.switch(rule, "on", _time(rule, deadline), node.programs)
    except (SecretsUnreadable, NotStarted) as error:
        return failed(
            _not_asked(error), f"still marked; nothing was asked of {rule.device}: {error}"
        )
    if said.code is None:
        return unknown(Reason.DEADLINE, f"{rule.agent} did not end in time; still marked")
    if said.code != 0:
        what = f"{rule.agent} ended with {said.code}: {said.line}; still marked"
        return failed(Reason.FENCE_REFUSED, what)
    reading = _settled(node, rule, ON, deadline)
    if reading.state == ON:
        return done(Reason.UNFENCED, reading.why)
    if reading.state == OFF:
        return failed(Reason.STILL_OFF, f"{rule.agent} says that it is on, and {reading.why}")
    return unknown(Reason.POWER_UNREAD, f"{rule.agent} says that it is on: {reading.why}")
