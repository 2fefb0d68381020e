"""database.reinit: let Patroni copy this node's replica anew from another member, never the last good copy."""

from gate import compare, database_verbs, databases
from gate.expect import Expect
from gate.patroni import NotSent, Said, Unanswered
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, done, failed, unknown

LOOK_SECONDS = 1.0
BUSY, AT_IT = "already in progress", "reinitialize already in progress"
"""What Patroni 3.0 says while it does something else, such as starting a replica again and again."""


class DatabaseReinit(TakingVerb):
    """POST /reinitialize, which removes the data of this member, then the wait until it is a good copy again."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"database": NAME}`.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return database_verbs.name_of(args, expect, node)

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that this is a replica and that two good copies are left.

        Raises:
            Refused: changed, paused, scheduled, not_leader, leads or last_copy.
        """
        compare.as_expected(job.expect, job.node)
        rule, sight = database_verbs.rule_of(job), database_verbs.sight_of(job)
        databases.at_rest(job.target, sight)
        databases.may_be_wiped(rule.member, sight, rule)

    def run(self, job: Job) -> Outcome:
        """Have it copied anew. What takes longer than the deadline goes on, and its end is looked at by the healer."""
        before = database_verbs.own_or_none(job)
        try:
            said = _asked(job)
        except NotSent as error:
            return failed(Reason.NOT_REINITIALIZED, f"nothing was asked of Patroni: {error}")
        except Unanswered as error:
            return unknown(Reason.UNREADABLE, f"Patroni may yet do it: {error}")
        if not said.good:
            return failed(Reason.NOT_REINITIALIZED, f"Patroni said {said.status} {said.text}")
        return _proof(job, before.started_at if before is not None else "")


def _asked(job: Job) -> Said:
    """Ask, and a second time by force where Patroni only tries to start what is broken."""
    rule = database_verbs.rule_of(job)
    said = job.node.patroni.post(rule, "/reinitialize", {}, job.deadline.left())
    if said.good or BUSY not in said.text or AT_IT in said.text:
        return said
    return job.node.patroni.post(rule, "/reinitialize", {"force": True}, job.deadline.left())


def _proof(job: Job, started_at: str) -> Outcome:
    """Wait until its PostgreSQL was started anew, and is a good copy now.

    Args:
        job: What was asked for.
        started_at: When PostgreSQL had been started before; empty where it did not run.
    """
    rule, seen = database_verbs.rule_of(job), "not seen"
    while job.deadline.left():
        job.node.clock.sleep(LOOK_SECONDS)
        own = database_verbs.own_or_none(job)
        if own is None:
            continue
        seen = own.state
        if not own.started_at or own.started_at == started_at:
            continue
        try:
            sight = job.node.patroni.look(rule)
        except Unanswered as error:
            seen = str(error)
            continue
        if databases.is_good(rule.member, sight, rule) and own.timeline == sight.timeline:
            return done(Reason.REINITIALIZED, f"running on timeline {sight.timeline}")
    return unknown(Reason.DEADLINE, f"{seen}; Patroni may still be copying")
