"""The block `backups`: what is backed up where, what is promised of it, and how that is proved.

Rule: a promise is a number here, and check holds it against the schedules that have to keep it.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.fields import NOT_EMPTY, AtLeastOne, Block, File, Flag, Name, Period
from cluster.schedule import Schedule

# restic's own ways to write where a repository is.
REPOSITORY_PATTERN = r"^(/|sftp:|rest:https?://|s3:|b2:|azure:|gs:|swift:|rclone:)[!-~]{1,1000}$"
# No brackets, whose negation Go and Python write in two ways, and no `!`, which some versions of restic read.
EXCLUDE_PATTERN = r"^(/[A-Za-z0-9_./@+=:,-]{1,1000}|[A-Za-z0-9_.,@+=:*?~#-]{1,255})$"
LONGEST_KEPT = 200
SCRATCH = "/var/lib/hale-backup/scratch"
"""Where drills restore to, if nothing else is written."""

# None of these can be put back as a whole: each holds what belongs to many, or what Hale itself runs on.
_NOT_WHOLE = frozenset(
    {
        *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32"),
        *("/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp"),  # noqa: S108  # refused
        *("/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share", "/var"),
        *("/var/cache", "/var/lib", "/var/lib/dpkg", "/var/lib/systemd", "/var/log", "/var/opt"),
        *("/var/spool", "/var/tmp", "/etc/hale", "/etc/systemd", "/opt/hale", "/usr/lib/hale"),  # noqa: S108
    }
)


def _repository(text: str) -> str:
    if re.fullmatch(REPOSITORY_PATTERN.strip("^$"), text, re.ASCII) is None:
        raise ValueError(
            f"{text!r} is no repository of restic. Write /DIR, sftp:USER@HOST:/DIR, rest:https://HOST/ "
            "or s3:https://HOST/BUCKET."
        )
    scheme, _, rest = text.partition(":")
    if scheme != "sftp" and "@" in urlsplit(rest).netloc:
        raise ValueError("a password does not belong here. Write it into environment_file.")
    return text


def _exclude(text: str) -> str:
    if re.fullmatch(EXCLUDE_PATTERN.strip("^$"), text, re.ASCII) is None:
        raise ValueError(
            f"{text!r} is neither an absolute path nor a pattern of a file's name. "
            'Write /srv/site/cache or "*.tmp".'
        )
    return text


def _kept(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_KEPT:
        raise ValueError(f"this must be one line of at most {LONGEST_KEPT} characters.")
    return text


def _share(value: float) -> float:
    if not 0.01 <= value <= 0.99:
        raise ValueError(f"{value:g} is out of range. Write 0.01 to 0.99, as 0.5 for half of it.")
    return value


KeptKey = Annotated[
    str,
    AfterValidator(_kept),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_KEPT}),
]
SizeDrop = Annotated[
    float,
    AfterValidator(_share),
    Field(json_schema_extra={"minimum": 0.01, "maximum": 0.99}),
]


class Keep(Block):
    """How many backups stay: the newest, and the newest of each hour, day, week, month and year."""

    last: AtLeastOne | None = None
    hourly: AtLeastOne | None = None
    daily: AtLeastOne | None = None
    weekly: AtLeastOne | None = None
    monthly: AtLeastOne | None = None
    yearly: AtLeastOne | None = None

    @model_validator(mode="after")
    def _something(self) -> "Keep":
        if not any(getattr(self, kind) for kind in type(self).model_fields):
            raise ValueError("nothing would be kept. Write last, daily, weekly, ...")
        return self


class RepositoryCheck(Block):
    """How the repository is read through, and with it the source.

    Attributes:
        parts: So many checks read all of it; restic takes 256 at the most.
    """

    schedule: Schedule = Schedule(at="03:30")
    parts: Annotated[int, Field(strict=True, ge=1, le=256)] = 7


class Drill(Block):
    """How it is proved that the backup can be restored.

    Attributes:
        period: Seconds for which a proof counts; what no drill proved since is not restored by Hale.
        scratch: Where it is restored to.
    """

    schedule: Schedule
    period: Period
    scratch: File = SCRATCH


class Backup(Block):
    """One job, the same on each of its nodes.

    Attributes:
        group: On whose nodes it runs; of `group` and `nodes` exactly one.
        paths: Directories and files.
        excludes: Absolute paths below them, and patterns of a file's own name.
        repository: As restic names it.
        mount: A mount point that the repository is on; without it nothing is backed up.
        password_file: On each node, root's alone.
        environment_file: KEY=VALUE lines that the repository needs, such as of an object store; root's alone.
        key_kept: Where people find the key when no node is left.
        recovery_point: Seconds; what is lost at the most.
        recovery_time: Seconds that a restore takes at the most.
        keep: None where its nodes may not remove backups, as with a repository that only takes new ones.
        size_drop: One that is smaller than the one before by more than this share is not believed.
        service: What uses the files: stopped while they are put in place.
        restore: Whether a gate may put it back.
        rebuildable: Whether all of it can be made anew, so that it may be put back without a person.
    """

    name: SkipJsonSchema[Name]
    group: Name | None = None
    nodes: Annotated[tuple[Name, ...], NOT_EMPTY] | None = None
    paths: Annotated[tuple[File, ...], NOT_EMPTY]
    excludes: tuple[
        Annotated[
            str, AfterValidator(_exclude), Field(json_schema_extra={"pattern": EXCLUDE_PATTERN})
        ],
        ...,
    ] = ()
    repository: Annotated[
        str,
        AfterValidator(_repository),
        Field(json_schema_extra={"pattern": REPOSITORY_PATTERN}),
    ]
    mount: File | None = None
    password_file: File
    environment_file: File | None = None
    key_kept: KeptKey | None = None
    schedule: Schedule
    recovery_point: Period
    recovery_time: Period
    keep: Keep | None = None
    check: RepositoryCheck = RepositoryCheck()
    drill: Drill | None = None
    size_drop: SizeDrop = 0.5
    service: Name | None = None
    restore: Flag = False
    rebuildable: Flag = False

    @model_validator(mode="after")
    def _somewhere(self) -> "Backup":
        if (self.group is None) == (self.nodes is None):
            raise ValueError("exactly one of group and nodes is needed.")
        return self

    @model_validator(mode="after")
    def _proved(self) -> "Backup":
        if self.restore and self.drill is None:
            raise ValueError(
                "only what a drill proved is put back. Write drill, or restore: false."
            )
        if self.restore and self.service is None:
            raise ValueError("what uses the files has to be stopped. Write service.")
        whole = [
            path for path in self.paths if path in _NOT_WHOLE or path.startswith("/var/lib/hale-")
        ]
        if self.restore and whole:
            raise ValueError(
                f"{whole[0]} cannot be put back as a whole. Write directories below it."
            )
        return self

    @model_validator(mode="after")
    def _apart(self) -> "Backup":
        for path in self.paths:
            inside = [one for one in self.paths if one != path and one.startswith(f"{path}/")]
            if inside:
                raise ValueError(f"{inside[0]} is in {path} already. Remove it.")
            if f"{self.repository}/".startswith(f"{path}/"):
                raise ValueError(f"the repository is in {path}, which it is to protect. Move it.")
        if self.mount is not None and not f"{self.repository}/".startswith(f"{self.mount}/"):
            raise ValueError(
                f"the repository is not below {self.mount}. Write the mount point that it is on."
            )
        return self

    @property
    def timers(self) -> tuple[tuple[str, Schedule], ...]:
        """Return the systemd units that run by themselves, without their instance, each with when."""
        drill = () if self.drill is None else (("hale-backup-drill", self.drill.schedule),)
        return (
            ("hale-backup", self.schedule),
            ("hale-backup-check", self.check.schedule),
            *drill,
        )
