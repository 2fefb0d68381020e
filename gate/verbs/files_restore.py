"""files.restore: put a proven backup of files in place, by hale-backup, and keep what was there."""

from gate import compare, restores, units
from gate.expect import Expect
from gate.process import NotStarted
from gate.restore_rule import RestoreRule
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, done, failed, unknown

UNIT = "hale-backup-restore@{}:{}.service"
"""Of hale-backup, for a backup and a snapshot. It is PID 1's, so a session that ends takes nothing with it."""

_STOP_SECONDS = 5.0
_CALLING_OFF = units.SHOW_SECONDS + _STOP_SECONDS
"""The last seconds of our time, in which one that still waits for its turn is called off."""


class FilesRestore(TakingVerb):
    """`systemctl start` of hale-backup's unit, which checks all of it again and verifies before it touches anything."""

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"backup": NAME}`.

        Raises:
            Refused: bad_argument, also where `expect` lacks the boot or the snapshot; or not_listed.
        """
        name = args.get("backup")
        if not isinstance(name, str) or len(args) != 1:
            raise Refused(Reason.BAD_ARGUMENT, 'args: want {"backup": NAME} and nothing else')
        if name not in node.config.restores:
            raise Refused(Reason.NOT_LISTED, f"gate.json lists no backup {name[:80]!r}")
        if expect.boot_id is None or name not in expect.backups:
            raise Refused(Reason.BAD_ARGUMENT, f"expect: want boot_id and backups[{name!r}]")
        compare.listed(expect, node.config)
        return name

    def compare(self, job: Job) -> None:
        """Compare the boot, and the snapshot that was agreed to with the one that may be put back now.

        Raises:
            Refused: changed.
        """
        compare.as_expected(job.expect, job.node)

    def run(self, job: Job) -> Outcome:
        """Have it restored; say `restored` only where its report says so of this snapshot."""
        rule, snapshot = job.node.config.restores[job.target], job.expect.backups[job.target]
        unit = UNIT.format(job.target, snapshot)
        before, invocation = _told(rule).get("ended_at"), _invocation(job.node, unit)
        try:
            seconds = max(1.0, job.deadline.left() - _CALLING_OFF)
            ran = job.node.programs(("systemctl", "start", unit), seconds)
        except NotStarted as error:
            return failed(Reason.NOT_RESTORED, f"nothing was touched: {error}")
        if ran.code is None:
            return _late(job, unit)
        if ran.code < 0:
            return unknown(Reason.INTERRUPTED, f"systemctl was ended by signal {-ran.code}")
        told = _told(rule)
        if told and told.get("ended_at") != before:
            return _said(told, snapshot)
        if invocation is not None and _invocation(job.node, unit) == invocation:
            return failed(Reason.NOT_RESTORED, f"{unit} did not begin; {ran.last_line}")
        return unknown(
            Reason.INTERRUPTED,
            f"{unit} ended without a report, so a part may be in place; it can be run again",
        )


def _late(job: Job, unit: str) -> Outcome:
    """Call it off where it still waits for its turn; else it would put old files over what a person repairs meanwhile.

    hale-backup has it on record that it begins before it touches anything. Once systemd has stopped the unit no process
    of it is left, so that one that then still waits has touched nothing and never will.
    """
    runs = _invocation(job.node, unit)
    if not runs or not restores.waits(job.target, runs):
        return unknown(Reason.DEADLINE, f"{unit} still runs; it can be run again")
    try:
        stopped = job.node.programs(("systemctl", "stop", unit), _STOP_SECONDS).code == 0
    except NotStarted:
        stopped = False
    if not stopped:
        return unknown(Reason.DEADLINE, f"{unit} waits for its turn and could not be stopped")
    if not restores.waits(job.target, runs):
        return unknown(Reason.INTERRUPTED, f"{unit} had just begun when it was stopped; run again")
    why = f"another job of {job.target} ran until our time was up"
    return failed(Reason.NOT_RESTORED, f"busy: {why}; the restore was called off before it began")


def _told(rule: RestoreRule) -> JsonObject:
    try:
        return restores.read(rule.report)
    except restores.Unreadable:
        return {}


def _invocation(node: Node, unit: str) -> str | None:
    """Return which run of the unit systemd knows, empty for none; None where it does not say.

    One that failed stays known; one whose conditions do not hold never begins (systemd.exec(5), $INVOCATION_ID).
    """
    try:
        return node.systemd.show((unit,))[0].invocation_id
    except units.Unreadable:
        return None


def _said(told: JsonObject, snapshot: str) -> Outcome:
    if told.get("ok") is True and told.get("snapshot") == snapshot:
        return done(Reason.RESTORED, f"{snapshot[:8]} of {told.get('snapshot_at')} is in place")
    return failed(Reason.NOT_RESTORED, f"{told.get('reason')}: {told.get('detail')}"[:400])
