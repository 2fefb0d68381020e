"""database.admit: let one owner of a barred member go; the last one lets Patroni make it the leader again."""

from gate import barring, compare, database_verbs, databases, mark_verbs, owners
from gate.expect import Expect
from gate.mark import BAR
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused


class DatabaseAdmit(TakingVerb):
    """Patroni's configuration, then the mark goes. Only of a member that has what the leader has."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the database's name and the owner.

        Raises:
            Refused: bad_argument or not_listed.
        """
        owners.from_healer(args.get("owner"))
        return database_verbs.name_of(args, expect, node, "owner")

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that the member is a healthy one.

        Raises:
            Refused: changed, marks_unreadable or not_replica.
        """
        compare.as_expected(job.expect, job.node)
        mark_verbs.readable(job, BAR)
        rule, sight = database_verbs.rule_of(job), database_verbs.sight_of(job)
        if not databases.is_healthy(rule.member, sight, rule):
            raise Refused(Reason.NOT_REPLICA, barring.described(rule.member, sight))

    def run(self, job: Job) -> Outcome:
        """Let the owner go. What other owners or a person's own hand hold back stays barred."""
        return barring.admit(job.node, job.target, mark_verbs.owner(job), job.deadline)
