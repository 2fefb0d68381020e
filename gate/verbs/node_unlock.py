"""node.unlock: let one owner of this node's lock go."""

from gate import compare, lock_verbs, locking, mark_verbs
from gate.expect import Expect
from gate.mark import LOCK
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class NodeUnlock(TakingVerb):
    """The mark goes with its last owner."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return lock_verbs.node_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected, and insist that the marks are known.

        Raises:
            Refused: changed or marks_unreadable.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.readable(job, LOCK)

    def run(self, job: Job) -> Outcome:
        """Let its owner go."""
        return locking.unlock(job.node, mark_verbs.owner(job), job.deadline.left())
