"""address.decline: let another candidate have a virtual address; the last one that can serves on."""

from gate import address_verbs, compare, declining, mark_verbs
from gate.expect import Expect
from gate.mark import DECLINE
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class AddressDecline(TakingVerb):
    """The mark, then keepalived's track file, then the wait until another node has the address."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the address' name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return address_verbs.name_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected with what is.

        Raises:
            Refused: changed, marks_unreadable or too_many_owners.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.room_for_owner(job, DECLINE)

    def run(self, job: Job) -> Outcome:
        """Decline it, and wait up to 10 s for another owner."""
        return declining.decline(job.node, job.target, mark_verbs.owner(job), job.deadline)
