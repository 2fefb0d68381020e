"""database.switchover: let another member lead in this node's place, by Patroni's own switchover."""

from gate import barring, compare, database_verbs, databases, mark_verbs, owners
from gate.database_rule import DatabaseRule
from gate.expect import Expect
from gate.mark import BAR
from gate.patroni import NotSent, Said, Sight, Unanswered
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, State, done, failed, unknown

LOOK_SECONDS = 0.5
PROOF_SECONDS = 15.0
"""What is left of the deadline, whenever Patroni answers, to see who leads and to bar who led."""

REFUSED_BY_PATRONI = range(400, 500)
"""Statuses with which it says that it has not even begun (`do_POST_failover`: 400, 401, 412)."""

GAVE_UP = "Switchover failed"
"""What Patroni 3.0 says, with 503, when the leader took the request off the cluster's store without following it."""


class DatabaseSwitchover(TakingVerb):
    """The mark where somebody owns one, then POST /switchover, then the wait until the candidate leads."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take the database's name, who is to lead, and for whom this member is barred then, if for anybody.

        Raises:
            Refused: bad_argument or not_listed.
        """
        if "owner" in args:
            owners.from_healer(args["owner"])
        name = database_verbs.name_of(args, expect, node, "candidate", "owner")
        rule, candidate = node.config.databases[name], args.get("candidate")
        if not isinstance(candidate, str) or candidate == rule.member:
            raise Refused(Reason.BAD_ARGUMENT, "args.candidate: want another member's name")
        if candidate not in rule.members:
            raise Refused(Reason.NOT_LISTED, f"{candidate[:80]!r} is no member of {name}")
        return name

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that this member leads and that the candidate can.

        Raises:
            Refused: changed, not_leader, paused, scheduled, marks_unreadable, too_many_owners, or why the
                candidate is not fit.
        """
        compare.as_expected(job.expect, job.node)
        rule, sight = database_verbs.rule_of(job), database_verbs.sight_of(job)
        own = database_verbs.own_of(job)
        if sight.leader != rule.member or not own.primary:
            leader = sight.leader or "nobody"
            raise Refused(Reason.NOT_LEADER, f"{rule.member} does not lead, {leader} does")
        databases.at_rest(job.target, sight)
        databases.fit_to_lead(str(job.args["candidate"]), sight, own, rule)
        if "owner" in job.args:
            mark_verbs.room_for_owner(job, BAR)

    def run(self, job: Job) -> Outcome:
        """Switch over. Where somebody owns it, this member is marked before and barred after.

        The tag comes last: a leader that has it already could not lead again if the switchover fails. One that
        certainly came to nothing leaves no mark.
        """
        if "owner" not in job.args:
            return _switched(job)
        node, name, owner = job.node, job.target, mark_verbs.owner(job)
        unmarked = barring.mark(node, name, owner, job.deadline)
        if unmarked is not None:
            return unmarked
        outcome = _switched(job)
        if outcome.state is State.FAILED and _still_leads(job):
            barring.unmark(node, name, owner, job.deadline)
        if outcome.state is not State.DONE:
            return outcome
        barred = barring.apply(node, name, job.deadline)
        good = barred.state is State.DONE
        said = "barred" if good else f"not barred yet: {barred.reason} {barred.detail}"
        return done(Reason.SWITCHED_OVER, f"{outcome.detail}; {said}")


def _still_leads(job: Job) -> bool:
    rule = database_verbs.rule_of(job)
    try:
        return job.node.patroni.look(rule).leader == rule.member
    except Unanswered:
        return False


def _switched(job: Job) -> Outcome:
    """Ask Patroni, with both names, then look until the candidate leads on a newer timeline."""
    rule, candidate = database_verbs.rule_of(job), str(job.args["candidate"])
    body: JsonObject = {"leader": rule.member, "candidate": candidate}
    said: Said | None = None
    try:
        seconds = max(1.0, job.deadline.left() - PROOF_SECONDS)
        said = job.node.patroni.post(rule, "/switchover", body, seconds)
    except NotSent as error:
        return failed(Reason.NOT_SWITCHED, f"nothing was asked of Patroni: {error}")
    except Unanswered as error:
        answer = f"no answer to the request: {error}"
    else:
        answer = f"Patroni said {said.status} {said.text}"
    gave_up = said is not None and (
        said.status in REFUSED_BY_PATRONI or said.text.startswith(GAVE_UP)
    )
    return _proof(job, candidate, answer, gave_up)


def _proof(job: Job, candidate: str, answer: str, gave_up: bool) -> Outcome:
    """Judge by who leads; look once where Patroni gave up, else until the deadline."""
    rule = database_verbs.rule_of(job)
    before = job.expect.databases[job.target].timeline or 0
    problem, sight = "", None
    while True:
        try:
            sight, problem = job.node.patroni.look(rule), ""
        except Unanswered as error:
            problem = str(error)
        if sight is not None and not problem:
            if _leads(candidate, sight, before):
                return done(Reason.SWITCHED_OVER, f"{candidate} leads on timeline {sight.timeline}")
            if gave_up and sight.leader == rule.member:
                return failed(Reason.NOT_SWITCHED, answer)
            if _other_leads(candidate, rule, sight, before):
                return failed(Reason.NOT_SWITCHED, f"{sight.leader} leads instead; {answer}")
        if not job.deadline.left():
            seen = problem or f"{(sight.leader if sight else None) or 'nobody'} leads"
            return unknown(Reason.DEADLINE, f"{seen}; {answer}")
        job.node.clock.sleep(LOOK_SECONDS)


def _leads(candidate: str, sight: Sight, before: int) -> bool:
    newer = sight.timeline is not None and sight.timeline > before
    return sight.leader == candidate and newer and sight.members[candidate].running


def _other_leads(candidate: str, rule: DatabaseRule, sight: Sight, before: int) -> bool:
    newer = sight.timeline is not None and sight.timeline > before
    return sight.leader not in (None, candidate, rule.member) and newer
