"""sentinel.failover: have Sentinel let a replica be the master in this node's place; which one, it says itself."""

from gate import compare, resp
from gate.expect import Expect
from gate.resp import Unanswered
from gate.sentinel import Sight
from gate.sentinel_rule import SentinelRule
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, done, failed, unknown

LOOK_SECONDS = 0.5


class SentinelFailover(TakingVerb):
    """SENTINEL FAILOVER, then the wait until another node has the master and this one does not."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"database": NAME}`.

        Raises:
            Refused: bad_argument, also when `expect` lacks the boot or the database; or not_listed.
        """
        name = args.get("database")
        if not isinstance(name, str) or len(args) != 1:
            raise Refused(Reason.BAD_ARGUMENT, 'args: want {"database": NAME}')
        if name not in node.config.sentinels:
            raise Refused(Reason.NOT_LISTED, f"{name[:80]!r} is no master of gate.json's sentinels")
        if expect.boot_id is None or name not in expect.databases:
            wanted = f"expect: want boot_id and databases with leader and timeline of {name}"
            raise Refused(Reason.BAD_ARGUMENT, wanted)
        compare.listed(expect, node.config)
        return name

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that this node has the master and that another one could.

        Raises:
            Refused: changed, not_leader, scheduled, no_quorum or not_streaming.
        """
        compare.as_expected(job.expect, job.node)
        rule = _rule(job)
        try:
            sight = job.node.sentinel.look(rule)
        except Unanswered as error:
            raise Refused(Reason.CHANGED, f"{job.target} cannot be read: {error}") from error
        if sight.leader != rule.member:
            leader = sight.leader or "nobody"
            raise Refused(Reason.NOT_LEADER, f"{rule.member} does not lead, {leader} does")
        if sight.busy:
            raise Refused(Reason.SCHEDULED, f"Sentinel is about to move {job.target} already")
        if not sight.quorum:
            detail = "fewer Sentinels are there than may agree on a failover, so who leads may be disputed"
            raise Refused(Reason.NO_QUORUM, detail)
        if not sight.able():
            raise Refused(Reason.NOT_STREAMING, "no replica follows that may take over")

    def run(self, job: Job) -> Outcome:
        """Ask for it, and judge by who leads then."""
        rule = _rule(job)
        try:
            refusal = job.node.sentinel.failover(rule)
        except resp.NotSent as error:
            return failed(Reason.NOT_SWITCHED, f"Sentinel was not asked: {error}")
        except Unanswered as error:
            return _proof(job, f"asked, without an answer: {error}")
        if refusal:
            return failed(Reason.NOT_SWITCHED, f"Sentinel said {refusal}")
        return _proof(job, "Sentinel said OK")


def _rule(job: Job) -> SentinelRule:
    return job.node.config.sentinels[job.target]


def _proof(job: Job, answer: str) -> Outcome:
    """Look until another node leads in a later epoch and is reached, at most until the deadline."""
    before, seen = job.expect.databases[job.target].timeline or 0, "nothing"
    while job.deadline.left():
        try:
            sight = job.node.sentinel.look(_rule(job))
        except Unanswered as error:
            seen = str(error)
        else:
            if _moved(sight, _rule(job).member, before):
                return done(Reason.SWITCHED_OVER, f"{sight.leader} leads in epoch {sight.epoch}")
            seen = f"{sight.leader or 'nobody'} leads in epoch {sight.epoch}"
        job.node.clock.sleep(LOOK_SECONDS)
    return unknown(Reason.DEADLINE, f"{seen}; {answer}")


def _moved(sight: Sight, member: str, before: int) -> bool:
    return sight.leader_reached and sight.leader != member and sight.epoch > before
