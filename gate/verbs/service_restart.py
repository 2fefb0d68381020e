"""service.restart: restart one listed unit, after its own configuration check has agreed."""

from gate import places, unit_verbs
from gate.verb import Job
from gate.words import Outcome


class ServiceRestart(unit_verbs.UnitVerb):
    """`systemctl reset-failed UNIT`, then `systemctl restart UNIT`, then proof that it runs anew."""

    def check(self, job: Job) -> None:
        """Run the declared configuration check; where Pacemaker stops with it, ask whether others run what that runs.

        Raises:
            Refused: config_check or no_place.
        """
        super().check(job)
        places.without_unit(job.target, job.node)

    def run(self, job: Job) -> Outcome:
        """Restart, and say `done` only for a unit that is active under a new InvocationID."""
        return unit_verbs.restart(job)
