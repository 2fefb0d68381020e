"""database.bar: keep this node's member of a database from being made its leader."""

from gate import barring, compare, database_verbs, databases, mark_verbs, owners
from gate.expect import Expect
from gate.mark import BAR
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused


class DatabaseBar(TakingVerb):
    """The mark, then the tag nofailover in Patroni's configuration, then proof that Patroni has it."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the database's name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        owners.from_healer(args.get("owner"))
        return database_verbs.name_of(args, expect, node, "owner")

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that another member could lead.

        Raises:
            Refused: changed, marks_unreadable, too_many_owners or last_member.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.room_for_owner(job, BAR)
        rule, sight = database_verbs.rule_of(job), database_verbs.sight_of(job)
        if not databases.others_to_lead(rule.member, sight, rule):
            raise Refused(Reason.LAST_MEMBER, f"no other member of {job.target} could lead")

    def run(self, job: Job) -> Outcome:
        """Bar it."""
        return barring.bar(job.node, job.target, mark_verbs.owner(job), job.deadline)
