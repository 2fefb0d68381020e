"""pool.drain: take one member out of this node's HAProxy, never the last one that serves."""

from gate import compare, mark_verbs, pool_verbs, pools
from gate.expect import Expect
from gate.haproxy import Unanswered
from gate.mark import DRAIN
from gate.marks import OWNERS_LIMIT, MarksUnreadable
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused


class PoolDrain(TakingVerb):
    """The mark, then `set server ... state drain`, then proof that HAProxy has it so."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take pool, member and owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return pool_verbs.subject_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that the pool can spare the member.

        Raises:
            Refused: changed, marks_unreadable, too_many_owners or last_member.
        """
        compare.as_expected(job.expect, job.node)
        member = pool_verbs.member(job)
        try:
            marks = job.node.marks.read()
            sight = job.node.balancer.look(member.rule.socket)
        except MarksUnreadable as error:
            raise Refused(Reason.MARKS_UNREADABLE, str(error)) from error
        except Unanswered as error:
            raise Refused(Reason.CHANGED, f"{member.subject} cannot be read: {error}") from error
        mark = marks.get((DRAIN, member.subject))
        if mark and mark_verbs.owner(job) not in mark.owners and len(mark.owners) >= OWNERS_LIMIT:
            raise Refused(
                Reason.TOO_MANY_OWNERS, f"{member.subject} has {len(mark.owners)} owners already"
            )
        if not pools.others_serving(member, sight, marks):
            raise Refused(
                Reason.LAST_MEMBER, f"no other member of {member.pool} is up and ready here"
            )

    def run(self, job: Job) -> Outcome:
        """Mark and drain. All is looked at once more first, while nobody else can change a mark."""
        member, owner = pool_verbs.member(job), mark_verbs.owner(job)
        return pools.drain(job.node, member, owner, job.deadline.left())
