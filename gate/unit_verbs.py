"""What verbs of a unit have in common: all but what they do, and a restart with its proof."""

from gate import compare
from gate.config import Config
from gate.expect import Expect, UnitExpect
from gate.process import NotStarted, Ran
from gate.strict_json import JsonObject
from gate.units import Unreadable
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, done, failed, unknown

CONFIG_CHECK_SECONDS = 10.0
CONFIG_CHECK_BYTES = 16 * 1024


def unit_of(args: JsonObject, expect: Expect, config: Config) -> str:
    """Take `{"unit": NAME}`, where gate.json lists NAME with `"restart": true`.

    Raises:
        Refused: bad_argument, also when `expect` lacks the boot or the unit; or not_listed.
    """
    unit = args.get("unit")
    if not isinstance(unit, str) or len(args) != 1:
        raise Refused(Reason.BAD_ARGUMENT, 'args: want {"unit": NAME} and nothing else')
    rule = config.units.get(unit)
    if rule is None or not rule.restart:
        why = "is not listed" if rule is None else "is listed without restart"
        raise Refused(Reason.NOT_LISTED, f"{unit[:80]!r} {why} in gate.json")
    if expect.boot_id is None or unit not in expect.units:
        raise Refused(
            Reason.BAD_ARGUMENT,
            "expect: want boot_id and units with active_state and invocation_id of " + unit,
        )
    compare.listed(expect, config)
    return unit


def config_check(job: Job) -> None:
    """Run the declared configuration check, for 10 s at most.

    Raises:
        Refused: config_check, with the last line that the check wrote.
    """
    argv = job.node.config.units[job.target].config_check
    if not argv:
        return
    seconds = min(CONFIG_CHECK_SECONDS, job.deadline.left())
    try:
        ran = job.node.programs(argv, seconds, CONFIG_CHECK_BYTES)
    except NotStarted as error:
        raise Refused(Reason.CONFIG_CHECK, str(error)) from error
    if ran.code is None:
        raise Refused(Reason.CONFIG_CHECK, f"took longer than {seconds:.1f} s: {ran.last_line}")
    if ran.code != 0:
        raise Refused(Reason.CONFIG_CHECK, f"ended with {ran.code}: {ran.last_line}")


class UnitVerb(TakingVerb):
    """A verb of one listed unit, which is done once the unit's own configuration check has agreed."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"unit": NAME}`.

        Raises:
            Refused: bad_argument or not_listed.
        """
        return unit_of(args, expect, node.config)

    def check(self, job: Job) -> None:
        """Run the declared configuration check.

        Raises:
            Refused: config_check, with the last line that the check wrote.
        """
        config_check(job)

    def compare(self, job: Job) -> None:
        """Compare the boot, and state and InvocationID of each unit that is expected.

        Raises:
            Refused: changed, with both values, also when the present ones cannot be read.
        """
        compare.as_expected(job.expect, job.node)


def before(job: Job) -> UnitExpect:
    """Return what the decision took the unit to be; `unit_of` saw to it that it was said."""
    return job.expect.units[job.target]


def restart(job: Job) -> Outcome:
    """Restart the unit, and say `done` only where it is active under a new InvocationID."""
    systemd, unit = job.node.systemd, job.target
    try:
        if systemd.reset_failed(unit, job.deadline.left()).code is None:
            return failed(Reason.DEADLINE, "systemctl reset-failed took too long; not restarted")
        # Whether reset-failed succeeded does not matter: it fails for a unit that never failed.
        ran = systemd.restart(unit, job.deadline.left())
    except NotStarted as error:
        return failed(Reason.START_FAILED, f"not restarted: {error}")
    if ran.code is None:
        return unknown(Reason.DEADLINE, "systemctl took too long; PID 1 may still restart it")
    if ran.code < 0:
        return unknown(Reason.INTERRUPTED, f"systemctl was ended by signal {-ran.code}")
    return _proof(unit, before(job), ran, job.node)


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
