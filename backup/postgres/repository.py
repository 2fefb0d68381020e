"""pgBackRest, as Debian 12's 2.45 speaks: backups, the write-ahead log's archive, and what it says of them.

Sources: pgBackRest's command and configuration references, and src/command/info/info.c for its JSON. Rule: pgBackRest
runs as PostgreSQL's own user, and never with a path of our own but where a copy is restored to.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from backup.postgres import info
from backup.postgres.info import Info
from backup.postgres.stanza import Stanza
from backup.program import Ran, account, run
from backup.words import Failed, Reason

FULL, DIFFERENTIAL = "full", "diff"


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository of one stanza."""

    stanza: Stanza

    def create(self) -> None:
        """Make it known, so that the write-ahead log is taken; nothing happens where that was done.

        Raises:
            Failed: repository_unusable.
        """
        ran = self._run("stanza-create")
        if ran.code != 0:
            raise Failed(Reason.REPOSITORY_UNUSABLE, said(ran))

    def info(self) -> Info:
        """Return what is in it.

        Raises:
            Failed: repository_unusable; network, key, or it was never made.
        """
        ran = self._run("info", "--output=json")
        if ran.code != 0:
            raise Failed(Reason.REPOSITORY_UNUSABLE, said(ran))
        return info.parse(ran.out, self.stanza.name)

    def backup(self, kind: str, *, accept_drop: bool) -> None:
        """Back up, and remove what is not to be kept.

        Args:
            kind: FULL or DIFFERENTIAL.
            accept_drop: Whether it is believed although it is much smaller than the one before.

        Raises:
            Failed: backup_failed; what was there is there.
        """
        accepted = (f"--annotation={info.ACCEPTED}=yes",) if accept_drop else ()
        ran = self._run("backup", f"--type={kind}", *accepted)
        if ran.code != 0:
            raise Failed(Reason.BACKUP_FAILED, said(ran))

    def check(self) -> None:
        """See that what PostgreSQL writes now comes into the archive; it begins a new file of its log for that.

        Raises:
            Failed: archive_failed.
        """
        ran = self._run("check")
        if ran.code != 0:
            raise Failed(Reason.ARCHIVE_FAILED, said(ran))

    def restore(self, label: str, target: Path) -> None:
        """Restore a backup into a folder that is not there yet. It is not consistent before its log is replayed.

        Raises:
            Failed: restore_failed; something lies in the folder.
        """
        ran = self._run(
            "restore",
            f"--set={label}",
            "--type=none",
            f"--pg1-path={target}",
            f"--tablespace-map-all={target}-tablespaces",
        )
        if ran.code != 0:
            raise Failed(Reason.RESTORE_FAILED, said(ran))

    def fetch_command(self, target: Path) -> str:
        """Return the restore_command of a PostgreSQL whose files are in a folder."""
        words = ("pgbackrest", *self._options, f"--pg1-path={target}", "archive-get")
        return f'{shlex.join(words)} %f "%p"'

    @property
    def _options(self) -> tuple[str, ...]:
        return (f"--config-path={self.stanza.configuration}", f"--stanza={self.stanza.name}")

    def _run(self, command: str, *words: str) -> Ran:
        argv = ("pgbackrest", *self._options, *words, command)
        return run(argv, account=account(self.stanza.user))


def said(ran: Ran) -> str:
    """Return why pgBackRest failed: its first error, after which hints may follow."""
    lines = (ran.err or ran.out).decode("utf-8", "replace").splitlines()
    errors = [line.strip() for line in lines if "ERROR:" in line]
    return errors[0][:300] if errors else f"status {ran.code}: {ran.last_line}"
