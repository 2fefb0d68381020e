"""database.restart: let Patroni restart this node's PostgreSQL, so that it knows why it was gone."""

from gate import compare, database_verbs, databases
from gate.expect import Expect
from gate.patroni import NotSent, Unanswered
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, done, failed, unknown


class DatabaseRestart(TakingVerb):
    """POST /restart, then proof that PostgreSQL runs and was started anew. A leader that is back in time stays one."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"database": NAME}`.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return database_verbs.name_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected: whoever takes a replica to be restarted never restarts a leader.

        Raises:
            Refused: changed, paused or scheduled.
        """
        compare.as_expected(job.expect, job.node)
        databases.at_rest(job.target, database_verbs.sight_of(job))

    def run(self, job: Job) -> Outcome:
        """Restart it, and judge by how it is then."""
        rule = database_verbs.rule_of(job)
        before = database_verbs.own_or_none(job)
        try:
            said = job.node.patroni.post(rule, "/restart", {}, job.deadline.left())
        except NotSent as error:
            return failed(Reason.START_FAILED, f"not restarted: {error}")
        except Unanswered as error:
            return unknown(Reason.DEADLINE, f"Patroni may still restart it: {error}")
        after = database_verbs.own_or_none(job)
        answer = f"Patroni said {said.status} {said.text}"
        if after is None:
            return unknown(Reason.UNREADABLE, f"{answer}; then it could not be asked")
        anew = before is None or after.started_at != before.started_at
        if after.state == "running" and after.started_at and anew and said.good:
            return done(Reason.RESTARTED, f"running since {after.started_at}")
        return failed(Reason.START_FAILED, f"{after.state}; {answer}")
