"""service.restart: restart one listed unit, after its own configuration check has agreed."""

from gate import compare, unit_verbs
from gate.expect import Expect
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome


class ServiceRestart(TakingVerb):
    """`systemctl reset-failed UNIT`, then `systemctl restart UNIT`, then proof that it runs anew."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"unit": NAME}`.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return unit_verbs.unit_of(args, expect, node.config)

    def check(self, job: Job) -> None:
        """Run the declared configuration check.

        Raises:
            Refused: config_check, with the last line that the check wrote.
        """
        unit_verbs.config_check(job)

    def compare(self, job: Job) -> None:
        """Compare the boot, and state and InvocationID of each unit that is expected.

        Raises:
            Refused: changed, with both values, also when the present ones cannot be read.
        """
        compare.as_expected(job.expect, job.node)

    def run(self, job: Job) -> Outcome:
        """Restart, and say `done` only for a unit that is active under a new InvocationID."""
        return unit_verbs.restart(job)
