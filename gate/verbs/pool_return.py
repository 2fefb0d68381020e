"""pool.return: let one owner of a drained member go; the last one puts it back into this node's HAProxy."""

from gate import compare, mark_verbs, pool_verbs, pools
from gate.expect import Expect
from gate.mark import DRAIN
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class PoolReturn(TakingVerb):
    """`set server ... state ready`, then proof that HAProxy has it so, then the mark goes."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take pool, member and owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return pool_verbs.subject_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected with what is.

        Raises:
            Refused: changed or marks_unreadable.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.readable(job, DRAIN)

    def run(self, job: Job) -> Outcome:
        """Let the owner go. What other owners or a person's own hand hold back stays out."""
        member, owner = pool_verbs.member(job), mark_verbs.owner(job)
        return pools.give_back(job.node, member, owner, job.deadline.left())
