"""pacemaker.unstandby: let Pacemaker run something on this node again, once nobody wants it otherwise."""

from gate import compare, mark_verbs, pacemaker_verbs, standing_by
from gate.expect import Expect
from gate.mark import STANDBY
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class PacemakerUnstandby(TakingVerb):
    """The attribute, then the mark. Where things run then is Pacemaker's choice."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the cluster's name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return pacemaker_verbs.marked(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected with what is.

        Raises:
            Refused: changed or marks_unreadable.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.readable(job, STANDBY)

    def run(self, job: Job) -> Outcome:
        """Let the owner go, and end the standby if that was the last one."""
        owner = mark_verbs.owner(job)
        return standing_by.unstandby(job.node, job.target, owner, job.deadline)
