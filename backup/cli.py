"""The command `hale-backup`, and the one place where it is put together."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backup import checking, config, drilling, restoring, saving, status
from backup.job import Job, reported
from backup.places import Places, leftover, locked, remove
from backup.words import Failed

EXIT_CODES = """\
exit codes:
  0  done; for status: every backup has a snapshot that may be restored
  1  failed; the first word says why, and the report in /var/lib/hale-backups has it too
  2  the command line or backup.json is wrong
  3  status only: some backup has no snapshot that may be restored

examples:
  hale-backup init site                  make the repository, once and by a person
  hale-backup run site                   what hale-backup@site.service runs
  hale-backup run site --accept-drop     believe a backup that is much smaller than the one before
  hale-backup check site                 read the next part of the repository, and of the source
  hale-backup drill site                 restore the newest into a scratch place, compare, clean up
  hale-backup restore site               put the newest proven one in place, and keep what was there
  hale-backup status --output json
"""


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; return the exit status that --help documents."""
    options = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except config.ConfigError as error:
        print(f"hale-backup: {error}", file=sys.stderr)
        return 2
    except Failed as error:
        print(f"hale-backup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"hale-backup: {error}; it has to be run as root", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hale-backup",
        description="Backs this node up, proves that it can be restored, and restores.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    usual = Places()
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, default=Path("/etc/hale/backup.json"))
    for name in ("reports", "state", "run", "cache"):
        shared.add_argument(f"--{name}", type=Path, default=getattr(usual, name))

    def add(
        name: str, run: Callable[[argparse.Namespace], int], line: str
    ) -> argparse.ArgumentParser:
        instance = "" if name == "status" else " site"
        command = commands.add_parser(
            name,
            help=line,
            description=line,
            parents=[shared],
            epilog=f"exit codes: see hale-backup --help\n\nexample:\n  hale-backup {name}{instance}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(command=run)
        if name != "status":
            command.add_argument("name", metavar="NAME")
        return command

    add("init", _init, "make the repository of a backup")
    run = add("run", _run, "back up")
    run.add_argument("--accept-drop", action="store_true", help="believe one that is much smaller")
    add("check", _check, "read the next part of the repository and of the source")
    add("drill", _drill, "restore the newest into a scratch place and compare")
    restore = add(
        "restore", _restore, "put the newest proven one in place, and keep what was there"
    )
    restore.add_argument("--snapshot", metavar="ID", help="this one, which must be proven too")
    show = add("status", _status, "say how each backup stands")
    show.add_argument("--output", choices=("text", "json"), default="text")
    return parser


def _places(options: argparse.Namespace) -> Places:
    return Places(options.reports, options.state, options.run, options.cache)


def _job(options: argparse.Namespace) -> Job:
    found = config.load(options.config)
    return Job(found.backup(options.name.partition(":")[0]), found.node, _places(options))


def _init(options: argparse.Namespace) -> int:
    job = _job(options)
    with locked(job.places, job.name):
        job.restic.init()
    return _said(job, None, "made")


def _run(options: argparse.Namespace) -> int:
    job = _job(options)
    with _alone(job):
        failure = reported(job, "run", lambda one: saving.run(one, accept_drop=options.accept_drop))
    return _said(job, failure, "backed up")


def _check(options: argparse.Namespace) -> int:
    job = _job(options)
    with _alone(job):
        failure = reported(job, "check", checking.run)
    return _said(job, failure, "checked")


def _drill(options: argparse.Namespace) -> int:
    job = _job(options)
    with _alone(job):
        failure = drilling.run(job)
    return _said(job, failure, "proved")


def _restore(options: argparse.Namespace) -> int:
    job = _job(options)
    # The gate starts hale-backup-restore@NAME:ID.service, an instance of which systemd passes on as one word.
    wanted = options.snapshot or options.name.partition(":")[2] or None
    with _alone(job):
        failure = reported(job, "restore", lambda one: restoring.run(one, wanted))
    return _said(job, failure, "restored")


def _status(options: argparse.Namespace) -> int:
    rows = status.table(config.load(options.config), _places(options), time.time())
    for line in status.written(rows, options.output):
        print(line)
    return 3 if any(row["proven"] is None for row in rows.values()) else 0


@contextmanager
def _alone(job: Job) -> Iterator[None]:
    """Keep other jobs of this backup away, and remove what a killed drill left behind."""
    with locked(job.places, job.name):
        remove(leftover(job.backup.scratch, job.name))
        yield


def _said(job: Job, failure: Failed | None, word: str) -> int:
    if failure is not None:
        print(f"hale-backup: {failure}", file=sys.stderr)
        return 1
    took = f" in {job.told['seconds']:g} s" if "seconds" in job.told else ""
    print(f"hale-backup: {job.name} {word}{took}")
    return 0
