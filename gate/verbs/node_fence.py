"""node.fence: cut another node's power, and read a second time that it is off. Never this node's own."""

from gate import compare, fence_verbs, fencing, mark_verbs
from gate.expect import Expect
from gate.mark import FENCE
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class NodeFence(TakingVerb):
    """The mark, then the agent's `off`, then its `status`. The node stays off until it is let go."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the other node's name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return fence_verbs.name_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected with what is.

        Raises:
            Refused: changed, marks_unreadable or too_many_owners.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.room_for_owner(job, FENCE)

    def run(self, job: Job) -> Outcome:
        """Cut it."""
        return fencing.fence(job.node, job.target, mark_verbs.owner(job), job.deadline)
