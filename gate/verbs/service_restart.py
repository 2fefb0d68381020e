"""service.restart: restart one listed unit, after its own configuration check has agreed."""

from gate import compare, unit_verbs
from gate.expect import Expect, UnitExpect
from gate.process import NotStarted, Ran
from gate.strict_json import JsonObject
from gate.units import Unreadable
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, done, failed, unknown


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
        systemd, unit = job.node.systemd, job.target
        try:
            if systemd.reset_failed(unit, job.deadline.left()).code is None:
                return failed(
                    Reason.DEADLINE, "systemctl reset-failed took too long; not restarted"
                )
            # Whether reset-failed succeeded does not matter: it fails for a unit that never failed.
            ran = systemd.restart(unit, job.deadline.left())
        except NotStarted as error:
            return failed(Reason.START_FAILED, f"not restarted: {error}")
        if ran.code is None:
            return unknown(Reason.DEADLINE, "systemctl took too long; PID 1 may still restart it")
        if ran.code < 0:
            return unknown(Reason.INTERRUPTED, f"systemctl was ended by signal {-ran.code}")
        return _proof(unit, unit_verbs.before(job), ran, job.node)


def _proof(target: str, before: UnitExpect, ran: Ran, node: Node) -> Outcome:
    """Judge a restart that has ended by what the unit is now."""
    try:
        (unit,) = node.systemd.show((target,))
    except Unreadable as error:
        return unknown(Reason.UNREADABLE, f"systemctl ended with {ran.code}, then: {error}")
    serving = unit.active_state == "active"
    anew = unit.invocation_id not in ("", before.invocation_id)
    said = f"{unit.active_state} ({unit.sub_state}), result {unit.result}"
    if ran.code == 0 and serving and anew:
        return done(Reason.RESTARTED, f"{said}, invocation {unit.invocation_id}")
    if ran.code == 0 or not serving:
        return failed(Reason.START_FAILED, f"{said}; systemctl said: {ran.last_line}")
    return unknown(
        Reason.UNREADABLE, f"systemctl ended with {ran.code} ({ran.last_line}), yet it is {said}"
    )
