"""What all verbs of marks have in common: for whom they are, and what must be known of the marks before them."""

from gate import owners
from gate.mark import Mark
from gate.marks import OWNERS_LIMIT, MarksUnreadable
from gate.verb import Job
from gate.words import Reason, Refused


def owner(job: Job) -> str:
    """Return for whom."""
    return owners.from_healer(job.args["owner"])


def readable(job: Job, kind: str) -> Mark | None:
    """Insist that the marks are known, and return the target's of this kind.

    Raises:
        Refused: marks_unreadable.
    """
    try:
        return job.node.marks.read().get((kind, job.target))
    except MarksUnreadable as error:
        raise Refused(Reason.MARKS_UNREADABLE, str(error)) from error


def room_for_owner(job: Job, kind: str) -> None:
    """Insist that the marks are known, and that there is room for one more owner.

    Raises:
        Refused: marks_unreadable or too_many_owners.
    """
    mark = readable(job, kind)
    if mark and owner(job) not in mark.owners and len(mark.owners) >= OWNERS_LIMIT:
        raise Refused(Reason.TOO_MANY_OWNERS, f"{job.target} has {len(mark.owners)} owners already")
