"""address.accept: let one owner of a declined address go; the last one makes this node a candidate again."""

from gate import address_verbs, compare, declining, mark_verbs
from gate.expect import Expect
from gate.mark import DECLINE
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class AddressAccept(TakingVerb):
    """keepalived's track file, then the mark goes. Whether the address moves here is keepalived's to say."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the address' name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return address_verbs.name_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected with what is.

        Raises:
            Refused: changed or marks_unreadable.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.readable(job, DECLINE)

    def run(self, job: Job) -> Outcome:
        """Let the owner go. What other owners or a person's own hand hold back stays declined."""
        owner = mark_verbs.owner(job)
        return declining.accept(job.node, job.target, owner, job.deadline.left())
