"""node.patch: run the one command that gate.json declares for patching, on a node that is locked."""

from gate import compare, places
from gate.expect import Expect
from gate.listed import PatchRule
from gate.mark import LOCK
from gate.marks import MarksUnreadable
from gate.process import NotStarted
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, done, failed, unknown

UNIT = "hale-patch.service"
CHECK_SECONDS = 30.0
_WAITING = 5.0
"""Seconds beyond the command's own time in which systemd ends it and tells."""


class NodePatch(TakingVerb):
    """The command in a unit of its own, so that it has what the gate's unit lacks and outlives our session."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take no arguments, a boot id, and a node whose gate.json says how it is patched.

        Raises:
            Refused: bad_argument or not_listed.
        """
        if args or expect.boot_id is None:
            raise Refused(Reason.BAD_ARGUMENT, "want no args, and boot_id in expect")
        if node.config.patch is None:
            raise Refused(Reason.NOT_LISTED, "gate.json does not say how this node is patched")
        compare.listed(expect, node.config)
        return node.config.node

    def check(self, job: Job) -> None:
        """Insist that what Pacemaker runs here would run somewhere else: a patch may restart it.

        Raises:
            Refused: no_place, also where Pacemaker does not say.
        """
        places.without_node(job)

    def compare(self, job: Job) -> None:
        """Compare the boot, and insist that the node is locked: others then take nothing beside it.

        Raises:
            Refused: changed, marks_unreadable or not_locked.
        """
        compare.as_expected(job.expect, job.node)
        try:
            locked = (LOCK, job.target) in job.node.marks.read()
        except MarksUnreadable as error:
            raise Refused(Reason.MARKS_UNREADABLE, str(error)) from error
        if not locked:
            raise Refused(Reason.NOT_LOCKED, f"{job.target} is not locked")

    def run(self, job: Job) -> Outcome:
        """Patch it, and say whether it has to boot."""
        rule = job.node.config.patch
        if rule is None:  # `target` has seen to it
            return failed(Reason.PATCH_FAILED, "gate.json does not say how")
        seconds = min(rule.seconds, max(1.0, job.deadline.left() - _WAITING))
        try:
            ran = job.node.programs(_in_unit(rule, seconds), seconds + _WAITING)
        except NotStarted as error:
            return failed(Reason.PATCH_FAILED, str(error))
        if ran.code is None:
            return unknown(Reason.DEADLINE, f"systemd did not tell of the end; look at {UNIT}")
        if ran.code != 0:
            return failed(Reason.PATCH_FAILED, f"it ended with {ran.code}: {ran.last_line}")
        return _needs(job, rule, ran.last_line)


def _in_unit(rule: PatchRule, seconds: float) -> tuple[str, ...]:
    limit = f"--property=RuntimeMaxSec={seconds:.0f}"
    runner = ("systemd-run", "--wait", "--pipe", "--collect", "--quiet", f"--unit={UNIT}", limit)
    return (*runner, "--", *rule.command)


def _needs(job: Job, rule: PatchRule, said: str) -> Outcome:
    """Say whether a boot is needed; where that cannot be told it counts as needed."""
    if not rule.reboot_check:
        needed = job.node.machine().reboot_required is not False
    else:
        try:
            needed = job.node.programs(rule.reboot_check, CHECK_SECONDS).code in (0, None)
        except NotStarted:
            needed = True
    return done(Reason.PATCHED_NEEDS_REBOOT if needed else Reason.PATCHED, said)
