"""pacemaker.standby: have Pacemaker move all that it runs on this node to others, for as long as the mark stands."""

from gate import compare, mark_verbs, pacemaker_verbs, places, standing_by
from gate.expect import Expect
from gate.mark import STANDBY
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused


class PacemakerStandby(TakingVerb):
    """The mark, then the attribute `standby`, then the wait until Pacemaker runs nothing here."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the cluster's name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return pacemaker_verbs.marked(args, expect, node)

    def check(self, job: Job) -> None:
        """Have Pacemaker's scheduler say whether the others would run all that runs now.

        Raises:
            Refused: no_place, also where it does not say; or what `compare` refuses for, since it moves nothing then.
        """
        pacemaker_verbs.calm(job.target, job.node)
        places.insist(pacemaker_verbs.rule_of(job), job.node.programs)

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that Pacemaker decides here and that another node is there.

        Raises:
            Refused: changed, maintenance_mode, no_quorum, fencing_pending, node_unclean, no_place,
                marks_unreadable or too_many_owners.
        """
        compare.as_expected(job.expect, job.node)
        sight, rule = pacemaker_verbs.calm(job.target, job.node), pacemaker_verbs.rule_of(job)
        if not any(seen.able for one, seen in sight.nodes.items() if one != rule.member):
            raise Refused(Reason.NO_PLACE, "no other node is online that may run anything")
        mark_verbs.room_for_owner(job, STANDBY)

    def run(self, job: Job) -> Outcome:
        """Put it in standby, and wait until Pacemaker runs nothing here."""
        return standing_by.standby(job.node, job.target, mark_verbs.owner(job), job.deadline)
