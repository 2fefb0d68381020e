"""This node locked for people's work or a reboot, and unlocked. Verbs and people come here.

The mark is all there is of a lock: whoever decides about this node reads it. So nothing has to be applied again.
"""

from gate import owners
from gate.clock import utc
from gate.mark import LOCK
from gate.marks import LOCK_SECONDS, MarksFailed, not_marked
from gate.verb import Node
from gate.words import Outcome, Reason, done


def lock(node: Node, owner: str, seconds: float) -> Outcome:
    """Mark this node as locked.

    Args:
        node: This node.
        owner: For whom.
        seconds: For the marks to become free, 10 at most.
    """
    name = node.config.node
    try:
        with node.marks.open(min(LOCK_SECONDS, seconds)) as marks:
            mark = marks.own(LOCK, name, (owner,), utc(node.clock.wall()))
    except MarksFailed as error:
        return not_marked(error, "nothing was locked", "the mark may be there")
    return done(Reason.LOCKED, f"for {', '.join(mark.owners)}")


def unlock(node: Node, owner: str | None, seconds: float) -> Outcome:
    """Let one owner go, and unlock this node when that was the last one.

    Args:
        node: This node.
        owner: Who lets go; None when a person says so for everybody.
        seconds: For the marks to become free, 10 at most.
    """
    try:
        with node.marks.open(min(LOCK_SECONDS, seconds)) as marks:
            mark = marks.get(LOCK, node.config.node)
            if mark is None:
                return done(Reason.UNLOCKED, "it was not locked")
            rest = owners.left(mark, owner)
            if rest:
                marks.keep(mark, rest)
                return done(Reason.STILL_MARKED, f"locked for {', '.join(rest)}")
            marks.drop(mark)
    except MarksFailed as error:
        return not_marked(error, "nothing was unlocked", "the mark may still be there")
    return done(Reason.UNLOCKED, "nobody locks it any more")
