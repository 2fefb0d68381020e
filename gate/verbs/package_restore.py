"""package.restore: put back what is damaged of a unit's packages, in the version that is installed, and restart it."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gate import compare, packages, places, unit_verbs
from gate.expect import Expect
from gate.packages import Package, Places, Unsaid
from gate.process import NotStarted
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, State, done, failed, unknown

UNIT = "hale-package-restore.service"
_WAITING = 5.0
"""Seconds beyond dpkg's own time in which systemd ends it and tells."""

_RESTARTING = 30.0
"""Seconds that are left for the restart after it."""


class PackageRestore(TakingVerb):
    """`dpkg --install` of package files of the very version that is installed, then proof, then a restart.

    Nothing is upgraded, no other package is touched, and configuration stays as it is.
    """

    def __init__(self, places: Places = Places()) -> None:  # noqa: B008  # frozen
        """Take package files from `places`."""
        self._places = places

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take `{"unit": NAME}`, for which gate.json lists packages.

        Raises:
            Refused: bad_argument or not_listed.
        """
        unit = unit_verbs.unit_of(args, expect, node.config)
        if not node.config.units[unit].packages:
            raise Refused(Reason.NOT_LISTED, f"gate.json lists no packages of {unit}")
        return unit

    def check(self, job: Job) -> None:
        """See that something is damaged, and that it can be had; a package file may be fetched for that.

        Raises:
            Refused: changed or not_obtainable; no_place where Pacemaker stops with the unit, and others would not run
                what it runs.
        """
        places.without_unit(job.target, job.node)
        self._files(job)

    def compare(self, job: Job) -> None:
        """Compare the boot and the unit.

        Raises:
            Refused: changed.
        """
        compare.as_expected(job.expect, job.node)

    def run(self, job: Job) -> Outcome:
        """Put it back; say `reinstalled` only where dpkg finds nothing damaged any more, and the unit runs anew."""
        try:
            found = self._files(job)
        except Refused as error:
            return failed(error.reason, error.detail)
        said = ", ".join(str(package) for package in found)
        if (trouble := _installed(job, tuple(found.values()))) is not None:
            return trouble
        self._forget(found.values())
        try:
            left = [path for name in found for path in _damaged(name.name, job)]
            unit_verbs.config_check(job)
        except Unsaid as error:
            return unknown(Reason.UNREADABLE, f"{said} is installed again, then: {error}")
        except Refused as error:
            return failed(error.reason, f"{said} is back, not restarted: {error.detail}")
        if left:
            return failed(Reason.NOT_REINSTALLED, f"still not as dpkg put it: {left[0]}")
        outcome = unit_verbs.restart(job)
        if outcome.state is not State.DONE:
            return outcome
        return done(Reason.REINSTALLED, f"{said} is as dpkg put it; {outcome.detail}")

    def _files(self, job: Job) -> dict[Package, Path]:
        """Return each damaged package with a file that gives it back."""
        try:
            names = job.node.config.units[job.target].packages
            hurt = [name for name in names if _damaged(name, job)]
        except Unsaid as error:
            raise Refused(Reason.CHANGED, f"packages cannot be read: {error}") from error
        if not hurt:
            raise Refused(Reason.CHANGED, f"nothing of {', '.join(names)} is damaged")
        programs, found = job.node.programs, {}
        try:
            for name in hurt:
                package = packages.installed(name, programs, job.deadline.left())
                file = packages.fetched(package, self._places, programs, job.deadline.left())
                found[package] = file
        except Unsaid as error:
            raise Refused(Reason.NOT_OBTAINABLE, str(error)) from error
        return found

    def _forget(self, files: Iterable[Path]) -> None:
        """Remove what was fetched; what apt has kept stays."""
        with suppress(OSError):
            for file in files:
                if file.parent == self._places.own:
                    file.unlink(missing_ok=True)


def _damaged(name: str, job: Job) -> tuple[str, ...]:
    return packages.damaged(name, job.node.programs, job.deadline.left())


def _installed(job: Job, files: tuple[Path, ...]) -> Outcome | None:
    """Let dpkg install the files, in a unit of its own, which may write where ours may not; None where it did."""
    seconds = max(1.0, job.deadline.left() - _RESTARTING)
    limit = f"--property=RuntimeMaxSec={seconds:.0f}"
    runner = ("systemd-run", "--wait", "--pipe", "--collect", "--quiet", f"--unit={UNIT}", limit)
    plain = "--setenv=DEBIAN_FRONTEND=noninteractive"
    words = ("dpkg", "--force-confold", "--install", *map(str, files))
    try:
        ran = job.node.programs((*runner, plain, "--", *words), seconds + _WAITING)
    except NotStarted as error:
        return failed(Reason.NOT_REINSTALLED, f"nothing was touched: {error}")
    if ran.code is None:
        return unknown(Reason.DEADLINE, f"systemd did not tell of the end; look at {UNIT}")
    if ran.code < 0:
        return unknown(Reason.INTERRUPTED, f"systemd-run was ended by signal {-ran.code}")
    if ran.code != 0:
        return failed(Reason.NOT_REINSTALLED, f"dpkg ended with {ran.code}: {ran.last_line}")
    return None
