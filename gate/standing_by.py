"""This node put in Pacemaker's standby and back, with its mark. Verbs and people come here.

The attribute is in Pacemaker's own configuration and outlives a boot, so nothing has to be applied again.
"""

from gate import owners, pacemaker
from gate.clock import Deadline, utc
from gate.mark import STANDBY, UNKNOWN_PERSON
from gate.marks import LOCK_SECONDS, MarksFailed, OpenMarks, not_marked
from gate.pacemaker import Sight, Unanswered
from gate.pacemaker_verbs import sight_of
from gate.verb import Node
from gate.words import Outcome, Reason, done, failed, unknown

WATCH_SECONDS = 0.5


def standby(node: Node, name: str, owner: str, deadline: Deadline) -> Outcome:
    """Mark this node, put it in standby, and wait until Pacemaker runs nothing on it.

    Args:
        node: This node.
        name: A cluster of gate.json's pacemakers.
        owner: For whom.
        deadline: For all of it.
    """
    rule, answer = node.config.pacemakers[name], "Pacemaker was told"
    try:
        by_hand = is_standby(sight_of(rule, node), rule.member) is True
    except Unanswered as error:
        return failed(Reason.NOT_STANDING_BY, f"nothing was marked: {error}")
    try:
        with node.marks.open(min(LOCK_SECONDS, deadline.left())) as marks:
            added = owners.to_add(owner, marks.get(STANDBY, name), by_hand)
            marks.own(STANDBY, name, added, utc(node.clock.wall()))
            pacemaker.standby(rule, node.programs, deadline.left(), wanted=True)
    except MarksFailed as error:
        return not_marked(error, "nothing was marked", "nothing followed from the mark")
    except pacemaker.NotDone as error:
        return failed(Reason.NOT_STANDING_BY, f"marked, but {error}")
    except Unanswered as error:
        answer = f"told, without an answer: {error}"
    return _moved_away(node, name, deadline, answer)


def _moved_away(node: Node, name: str, deadline: Deadline, answer: str) -> Outcome:
    rule, seen = node.config.pacemakers[name], "nothing was seen"
    while deadline.left():
        try:
            sight = sight_of(rule, node)
        except Unanswered as error:
            seen = str(error)
        else:
            left = sight.on(rule.member)
            if is_standby(sight, rule.member) and not left:
                return done(Reason.STANDING_BY, f"Pacemaker runs nothing on {rule.member}")
            seen = f"still there: {', '.join(left) or 'no standby yet'}"
        node.clock.sleep(WATCH_SECONDS)
    return unknown(Reason.DEADLINE, f"marked; {seen}; {answer}")


def unstandby(node: Node, name: str, owner: str | None, deadline: Deadline) -> Outcome:
    """Let one owner go, and end the standby when that was the last one.

    Args:
        node: This node.
        name: A cluster of gate.json's pacemakers.
        owner: Who lets go; None when a person says so for everybody.
        deadline: For all of it.
    """
    try:
        with node.marks.open(min(LOCK_SECONDS, deadline.left())) as marks:
            return _end(node, name, owner, marks, deadline)
    except MarksFailed as error:
        return not_marked(error, "nothing was ended", "the mark may still be there")
    except Unanswered as error:
        return failed(Reason.NOT_BACK_IN_CLUSTER, f"still marked; {error}")


def _end(node: Node, name: str, owner: str | None, marks: OpenMarks, deadline: Deadline) -> Outcome:
    rule, mark = node.config.pacemakers[name], marks.get(STANDBY, name)
    by_person = owner is None or owner.startswith(owners.PERSON)
    rest = owners.left(mark, owner) if mark is not None else ()
    if mark is None and not by_person and is_standby(sight_of(rule, node), rule.member):
        rest = (UNKNOWN_PERSON,)
    if rest:
        if mark is not None:
            marks.keep(mark, rest)
        return done(Reason.STILL_MARKED, f"in standby for {', '.join(rest)}")
    pacemaker.standby(rule, node.programs, deadline.left(), wanted=False)
    if is_standby(sight_of(rule, node), rule.member) is not False:
        raise Unanswered("Pacemaker still has it in standby")
    if mark is not None:
        marks.drop(mark)
    return done(Reason.BACK_IN_CLUSTER, "Pacemaker decides what runs here")


def is_standby(sight: Sight, member: str) -> bool | None:
    """Tell whether a node is in standby; None where Pacemaker does not know the node."""
    seen = sight.nodes.get(member)
    return None if seen is None else seen.standby
