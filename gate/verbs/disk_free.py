"""disk.free: make room on one file system with what is listed as waste, and nothing else."""

from typing import ClassVar

from gate import compare, mounts
from gate.child import Hung
from gate.expect import Expect
from gate.listed import ReclaimRule
from gate.mounts import APT_ARCHIVES, JOURNALS, Mount, Unmeasurable
from gate.process import NotStarted
from gate.reclaim import Freed
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, done, failed, unknown

CACHE_SECONDS = 30.0
"""For the package manager and the journal, each; both lock, and may have to wait."""

MEASURE_SECONDS = 10.0
_APT_CLEAN = ("apt-get", "clean")
_VACUUM = ("journalctl", "--vacuum-size=64M")


class DiskFree(TakingVerb):
    """Listed files, then the package archives and old journals where the mount holds them."""

    without_ledger: ClassVar[bool] = True

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"mountpoint": PATH}`, where PATH is / or holds a directory that gate.json lists.

        Raises:
            Refused: bad_argument or not_listed.
        """
        path = args.get("mountpoint")
        if not isinstance(path, str) or len(args) != 1:
            raise Refused(Reason.BAD_ARGUMENT, 'args: want {"mountpoint": PATH} and nothing else')
        if expect.boot_id is None:
            raise Refused(Reason.BAD_ARGUMENT, "expect: want boot_id")
        compare.listed(expect, node.config)
        try:
            found = mounts.listed(path, node.config, node.disks.mounts())
        except Unmeasurable as error:
            raise Refused(Reason.NOT_LISTED, str(error)) from error
        if found is None:
            raise Refused(
                Reason.NOT_LISTED, f"{path[:80]!r} is no mount point with anything to reclaim"
            )
        return path

    def compare(self, job: Job) -> None:
        """Compare the boot and the device of the file system, which must have been seen when this was decided.

        Raises:
            Refused: changed.
        """
        compare.as_expected(job.expect, job.node)
        if job.target not in job.expect.filesystems:
            detail = f"{job.target} device: expected nothing, for it was not seen before"
            raise Refused(Reason.CHANGED, detail)

    def run(self, job: Job) -> Outcome:
        """Remove what may be removed; say `freed` only when something was."""
        try:
            table = job.node.disks.mounts()
            mount = mounts.listed(job.target, job.node.config, table)
            if mount is None:
                return failed(Reason.NOTHING_TO_FREE, "it is no longer mounted")
            return _free(job, mount, table)
        except Hung as error:
            return unknown(Reason.DEADLINE, f"the disk does not answer: {error}")
        except (Unmeasurable, OSError) as error:
            return unknown(Reason.UNREADABLE, f"some may be removed: {error}")


def _free(job: Job, mount: Mount, table: tuple[Mount, ...]) -> Outcome:
    node = job.node
    rules: tuple[ReclaimRule, ...] = tuple(
        rule for rule in node.config.reclaim if mounts.holding(rule.path, table) == mount
    )
    freed = node.disks.reclaim(rules, mount, job.deadline.left()) if rules else Freed()
    caches: list[tuple[str, ...]] = [
        command
        for path, command in ((APT_ARCHIVES, _APT_CLEAN), (JOURNALS, _VACUUM))
        if mounts.holding(path, table) == mount
    ]
    cached = _clean(job, caches) if caches else 0
    said = f"{freed.files} files, {freed.bytes} bytes; caches {cached} bytes"
    if not freed.whole:
        said += "; not all was looked at"
    if freed.files or cached:
        return done(Reason.FREED, said)
    return failed(Reason.NOTHING_TO_FREE, said)


def _clean(job: Job, commands: list[tuple[str, ...]]) -> int:
    """Let their own programs clean the caches; return the bytes that this gave back.

    A program that fails or is missing costs nothing but what it would have freed.
    """
    before = sum(job.node.disks.caches(MEASURE_SECONDS))
    for command in commands:
        try:
            job.node.programs(command, min(CACHE_SECONDS, job.deadline.left()))
        except NotStarted:
            continue
    return max(0, before - sum(job.node.disks.caches(MEASURE_SECONDS)))
