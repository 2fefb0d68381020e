"""The block `backup` of a database: where pgBackRest keeps it, what is promised of it, and how that is proved.

Rule: as for `backups`; and since the write-ahead log is archived all the time, the recovery point is a promise of that
archive and not of the last backup.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cluster.backups import Drill, KeptKey, SizeDrop
from cluster.fields import AtLeastOne, Block, File, Period
from cluster.schedule import DAY, Schedule

CONFIGURATION = "/etc/pgbackrest"
LOCKS = "/run/pgbackrest"
"""pgBackRest's own folders, the second one PostgreSQL's user's."""

# What render knows to write: a directory that all members see, or an object store.
REPOSITORY_PATTERN = r"^(/[A-Za-z0-9_./@+=:,-]{1,1000}|s3:https://[A-Za-z0-9.:-]{1,255}/[a-z0-9.-]{3,63}(/[A-Za-z0-9_./-]{1,500})?)$"


def _repository(text: str) -> str:
    if re.fullmatch(REPOSITORY_PATTERN.strip("^$"), text, re.ASCII) is None:
        raise ValueError(
            f"{text!r} is no repository that all members can see. Write /DIR, or s3:https://HOST/BUCKET/DIR."
        )
    return text


class KeepCopies(Block):
    """How many backups stay; with a full one go all that depend on it, and the log that only they needed."""

    full: AtLeastOne
    differential: AtLeastOne | None = None


class ArchiveCheck(Block):
    """How often it is proved that what is written comes into the archive."""

    schedule: Schedule = Schedule.model_validate({"every": "5m"})


class DatabaseBackup(Block):
    """How a database is backed up, on whichever member leads.

    Attributes:
        repository: The same one for all members.
        mount: A mount point that the repository is on; without it nothing is backed up.
        secrets: pgBackRest's own configuration with `repo1-cipher-pass`, which PostgreSQL's user can read.
        key_kept: Where people find the key when no node is left.
        full_every: Seconds after which a backup is a full one again; those in between hold what changed since.
        recovery_point: Seconds; what is lost at the most.
        recovery_time: Seconds that a restore takes at the most.
        keep: None where nothing is removed.
        size_drop: One that is smaller than the one before by more than this share is not believed.
    """

    repository: Annotated[
        str,
        AfterValidator(_repository),
        Field(json_schema_extra={"pattern": REPOSITORY_PATTERN}),
    ]
    mount: File | None = None
    secrets: File
    key_kept: KeptKey | None = None
    schedule: Schedule
    full_every: Period = 7.0 * DAY
    recovery_point: Period
    recovery_time: Period
    keep: KeepCopies | None = None
    check: ArchiveCheck = ArchiveCheck()
    drill: Drill | None = None
    size_drop: SizeDrop = 0.5

    @model_validator(mode="after")
    def _mounted(self) -> "DatabaseBackup":
        if self.mount is not None and not f"{self.repository}/".startswith(f"{self.mount}/"):
            raise ValueError(
                f"the repository is not below {self.mount}. Write the mount point that it is on."
            )
        return self

    @property
    def archive_timeout(self) -> int:
        """Seconds after which PostgreSQL hands over a file of its log that is not full."""
        return max(1, int(self.recovery_point / 2))

    @property
    def timers(self) -> tuple[tuple[str, Schedule], ...]:
        """Return the systemd units that run by themselves, without their instance, each with when."""
        drill = () if self.drill is None else (("hale-backup-drill", self.drill.schedule),)
        return (
            ("hale-backup", self.schedule),
            ("hale-backup-check", self.check.schedule),
            *drill,
        )
