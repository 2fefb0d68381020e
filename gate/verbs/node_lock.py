"""node.lock: say that this node is taken away for people's work or a reboot, so that nothing else is."""

from gate import compare, lock_verbs, locking, mark_verbs
from gate.expect import Expect
from gate.mark import LOCK
from gate.marks import OWNERS_LIMIT
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused


class NodeLock(TakingVerb):
    """The mark, and nothing besides."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return lock_verbs.node_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected, and insist that there is room for one more owner.

        Raises:
            Refused: changed, marks_unreadable or too_many_owners.
        """
        compare.as_expected(job.expect, job.node)
        mark = mark_verbs.readable(job, LOCK)
        if mark and mark_verbs.owner(job) not in mark.owners and len(mark.owners) >= OWNERS_LIMIT:
            raise Refused(Reason.TOO_MANY_OWNERS, f"it has {len(mark.owners)} owners already")

    def run(self, job: Job) -> Outcome:
        """Mark it."""
        return locking.lock(job.node, mark_verbs.owner(job), job.deadline.left())
