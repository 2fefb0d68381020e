"""The command `hale-backup`, and the one place where it is put together."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from backup import checking, config, drilling, moment, restoring, saving, status, turn
from backup.fields import NAME
from backup.job import Job, Reporting, Unread, outcome, reported, unbegun
from backup.places import PATIENCE, Places, leftover, locked, remove
from backup.postgres import checking as stanza_checking
from backup.postgres import drilling as stanza_drilling
from backup.postgres import restoring as stanza_restoring
from backup.postgres import saving as stanza_saving
from backup.postgres import telling as stanza_told
from backup.postgres.job import StanzaJob
from backup.postgres.stanza import Stanza
from backup.turn import Turn
from backup.words import Failed, Reason

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

of a database (docs/backups.md):
  hale-backup init main                  make its stanza, once, by a person and where it leads
  hale-backup drill main --to 2026-11-28T09:30:00Z
                                         recover to that moment in a scratch place, and count what was there
  hale-backup restore main --into /var/lib/postgresql/15/main.new --to 2026-11-28T09:30:00Z
                                         the same into a new folder, for a person to take from
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
        root = "; it has to be run as root" if isinstance(error, PermissionError) else ""
        print(f"hale-backup: {error}{root}", file=sys.stderr)
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
    drill = add("drill", _drill, "restore the newest into a scratch place and compare")
    restore = add(
        "restore", _restore, "put the newest proven one in place, and keep what was there"
    )
    restore.add_argument("--snapshot", metavar="ID", help="this one, which must be proven too")
    restore.add_argument("--into", metavar="DIR", type=Path, help="of a database: a new folder")
    for command in (drill, restore):
        command.add_argument("--to", metavar="TIME", help="of a database: as it was at that moment")
    show = add("status", _status, "say how each backup stands")
    show.add_argument("--output", choices=("text", "json"), default="text")
    return parser


def _places(options: argparse.Namespace) -> Places:
    return Places(options.reports, options.state, options.run, options.cache)


def _job(options: argparse.Namespace) -> Job | StanzaJob:
    found = config.load(options.config)
    backup = found.backup(options.name.partition(":")[0])
    if isinstance(backup, Stanza):
        return StanzaJob(backup, _places(options))
    for key in ("to", "into"):
        if getattr(options, key, None) is not None:
            raise config.ConfigError(f"--{key}: {backup.name} is no database")
    return Job(backup, found.node, _places(options))


def _init(options: argparse.Namespace) -> int:
    job = _job(options)
    with locked(job.places, job.name):
        if isinstance(job, StanzaJob):
            stanza_saving.init(job)
        else:
            job.restic.init()
    return _said(job, None, "made")


def _run(options: argparse.Namespace) -> int:
    job, drop = _job(options), options.accept_drop
    with _alone(job):
        if isinstance(job, StanzaJob):
            failure = reported(job, "run", lambda one: stanza_saving.run(one, accept_drop=drop))
        else:
            failure = reported(job, "run", lambda one: saving.run(one, accept_drop=drop))
    return _said(job, failure, "backed up")


def _check(options: argparse.Namespace) -> int:
    job = _job(options)
    if isinstance(job, StanzaJob):
        # It touches nothing that a drill needs, and a drill may take longer than what may be lost.
        with locked(job.places, f"{job.name}-check"):
            failure = reported(job, "check", stanza_checking.run)
    else:
        with _alone(job):
            failure = reported(job, "check", checking.run)
    return _said(job, failure, "checked")


def _drill(options: argparse.Namespace) -> int:
    job, to = _job(options), _moment(options.to)
    with _alone(job):
        if not isinstance(job, StanzaJob):
            failure = drilling.run(job)
        elif to is None:
            failure = stanza_drilling.run(job)
        else:
            failure = stanza_drilling.until(job, to)
    return _said(job, failure, "proved")


def _restore(options: argparse.Namespace) -> int:
    # The gate starts hale-backup-restore@NAME:ID.service, an instance of which systemd passes on as one word.
    name, _, agreed = options.name.partition(":")
    try:
        job, to, into = _job(options), _moment(options.to), options.into
    except config.ConfigError as error:
        if agreed and NAME.fullmatch(name):  # the gate hears of it by the report alone
            why = Failed(Reason.MISCONFIGURED, f"{error}; nothing was touched")
            unbegun(Unread(name, _places(options)), "restore", why)
        raise
    if isinstance(job, StanzaJob):
        stanza_restoring.new_folder(job, into)  # else it would wait for what it may not do
    patience = PATIENCE
    if agreed:
        patience = turn.PATIENCE
        turn.tell(job.places, name, Turn.WAITS)
    failure: Failed | None
    try:
        with _alone(job, patience, first=True):
            if isinstance(job, StanzaJob):
                failure = outcome(job, lambda one: stanza_restoring.run(one, into, to))
            else:
                work = partial(restoring.run, wanted=options.snapshot, agreed=agreed or None)
                failure = reported(job, "restore", work)
    except Failed as busy:
        failure = busy if isinstance(job, StanzaJob) else unbegun(job, "restore", busy)
    return _said(job, failure, "restored")


def _moment(written: str | None) -> str | None:
    try:
        return None if written is None else moment.exact(written)
    except ValueError:
        example = "2026-11-28T09:30:00Z"
        raise config.ConfigError(f"--to: want a time with its zone, as {example}") from None


def _status(options: argparse.Namespace) -> int:
    rows = status.table(config.load(options.config), _places(options), time.time())
    for line in status.written(rows, options.output):
        print(line)
    return 3 if any(row["proven"] is None for row in rows.values()) else 0


@contextmanager
def _alone(
    job: Job | StanzaJob, patience: float = PATIENCE, *, first: bool = False
) -> Iterator[None]:
    """Keep other jobs of this backup away, and remove what a killed drill left behind."""
    folder = job.stanza.scratch if isinstance(job, StanzaJob) else job.backup.scratch
    with locked(job.places, job.name, patience, first=first):
        try:
            remove(leftover(folder, job.name))
        except (
            OSError
        ) as error:  # the next drill stumbles over it and says so; no other job needs the place
            print(f"hale-backup: what a killed drill left is still there: {error}", file=sys.stderr)
        yield


def _said(job: Reporting, failure: Failed | None, word: str) -> int:
    if failure is not None:
        print(f"hale-backup: {failure}", file=sys.stderr)
        return 1
    for line in stanza_told.lines(job.told):
        print(line)
    if links := job.told.get("links_not_kept"):
        print(f"hale-backup: this restic cannot keep where these links lead: {', '.join(links)}")
    for old in job.told.get("kept", ()):
        print(f"hale-backup: what was there is kept, and is yours to remove: {old}")
    took = f" in {job.told['seconds']:g} s" if "seconds" in job.told else ""
    print(f"hale-backup: {job.name} {stanza_told.turn(job.told) or word}{took}")
    return 0
