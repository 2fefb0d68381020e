"""node.unfence: let one owner of a fenced node go; with the last one it is switched on again."""

from gate import compare, fence_verbs, fencing, mark_verbs
from gate.expect import Expect
from gate.mark import FENCE
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class NodeUnfence(TakingVerb):
    """The agent's `on`, then its `status`, then the mark goes. What was never marked here is not switched."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the other node's name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return fence_verbs.name_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected with what is.

        Raises:
            Refused: changed or marks_unreadable.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.readable(job, FENCE)

    def run(self, job: Job) -> Outcome:
        """Let the owner go."""
        return fencing.unfence(job.node, job.target, mark_verbs.owner(job), job.deadline)
