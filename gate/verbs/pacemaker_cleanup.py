"""pacemaker.cleanup: have Pacemaker forget how a resource failed on this node, so that it may run here again."""

from gate import compare, pacemaker, pacemaker_verbs
from gate.expect import Expect
from gate.pacemaker import Failures, NotDone, Unanswered
from gate.pacemaker_rule import PacemakerRule
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, done, failed, unknown

LOOK_SECONDS = 0.5


class PacemakerCleanup(TakingVerb):
    """crm_resource --cleanup, then the wait until the failures are forgotten. What follows Pacemaker decides."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"pacemaker": NAME, "resource": ID}` and return `NAME/ID`.

        Raises:
            Refused: bad_argument, also when `expect` lacks the resource's failures; or not_listed.
        """
        name = pacemaker_verbs.name_of(args, expect, node, "resource")
        resource = args["resource"]
        if not isinstance(resource, str):
            raise Refused(Reason.BAD_ARGUMENT, "args.resource: want the id of a resource")
        if resource not in node.config.pacemakers[name].resources:
            raise Refused(Reason.NOT_LISTED, f"{resource[:80]!r} is not listed in gate.json")
        if resource not in expect.pacemakers[name].failures:
            raise Refused(Reason.BAD_ARGUMENT, f"expect: want the failures of {resource}")
        return f"{name}/{resource}"

    def compare(self, job: Job) -> None:
        """Compare what was expected, then insist that Pacemaker decides here and that something failed.

        Raises:
            Refused: changed, maintenance_mode, no_quorum, fencing_pending, node_unclean or not_failed.
        """
        compare.as_expected(job.expect, job.node)
        name, resource, rule = _parts(job)
        sight = pacemaker_verbs.calm(name, job.node)
        if not sight.failed(resource, rule.member).count:
            raise Refused(Reason.NOT_FAILED, f"{resource} has not failed on {rule.member}")

    def run(self, job: Job) -> Outcome:
        """Ask for it, and look whether the failures are gone and stay so."""
        name, resource, rule = _parts(job)
        before = Failures(*_expected(job, name, resource), age_seconds=None)
        try:
            pacemaker.cleanup(rule, resource, job.node.programs, job.deadline.left())
            answer = "asked"
        except NotDone as error:
            return failed(Reason.NOT_CLEANED_UP, str(error))
        except Unanswered as error:
            answer = f"asked, without an answer: {error}"
        return _proof(job, before, answer)


def _parts(job: Job) -> tuple[str, str, PacemakerRule]:
    name, _, resource = job.target.partition("/")
    return name, resource, job.node.config.pacemakers[name]


def _expected(job: Job, name: str, resource: str) -> tuple[int, str]:
    found = job.expect.pacemakers[name].failures[resource]
    return found.count, found.last


def _proof(job: Job, before: Failures, answer: str) -> Outcome:
    """Look until the failures are forgotten, at most until the deadline; one that is new has failed again."""
    _, resource, rule = _parts(job)
    seen = "nothing"
    while job.deadline.left():
        try:
            sight = pacemaker_verbs.sight_of(rule, job.node)
        except Unanswered as error:
            seen = str(error)
        else:
            now = sight.failed(resource, rule.member)
            if not now.count:
                seen_at = sight.resources.get(resource)
                nodes = ", ".join(seen_at.nodes) if seen_at is not None else ""
                where = f"on {nodes}" if nodes else "nowhere yet"
                return done(Reason.CLEANED_UP, f"{resource} runs {where}")
            if now.last != before.last:
                return failed(Reason.NOT_CLEANED_UP, f"{resource} failed again at {now.last}")
            seen = f"{now.count} failures still"
        job.node.clock.sleep(LOOK_SECONDS)
    return unknown(Reason.DEADLINE, f"{seen}; {answer}")
