"""What disk.free may remove of a service's files: what is listed here, and nothing else.

Rule: a path passes only if nothing that the system, Hale or a database needs can be below it.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from cluster.fields import Block, Count, File, Period

MATCH_PATTERN = r"^[^/\x00-\x1f\x7f]{1,255}$"

# Neither these nor anything below them.
_NEVER = (
    *(
        "/bin",
        "/boot",
        "/dev",
        "/efi",
        "/etc",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/lost+found",
    ),
    *("/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/opt/hale", "/var/lock", "/var/run"),
    *("/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/log/journal", "/var/backups"),
    *(
        "/var/lib/etcd",
        "/var/lib/mysql",
        "/var/lib/postgresql",
        "/var/lib/redis",
        "/var/lib/mongodb",
    ),
)
_HALES_OWN = "/var/lib/hale-"
# Of these the gate's unit sees its own or only reads them (PrivateTmp=, ProtectHome=), so nothing would come of it.
_UNSEEN = ("/home", "/tmp", "/var/tmp")  # noqa: S108  # refused
# Not these themselves: each holds what belongs to many.
_NOT_WHOLE = (
    *("/", "/media", "/mnt", "/opt", "/srv", "/var", "/var/cache"),
    *("/var/lib", "/var/local", "/var/log", "/var/mail", "/var/opt", "/var/spool"),
)


def _reclaimable(text: str) -> str:
    within = next((tree for tree in _NEVER if f"{text}/".startswith(f"{tree}/")), None)
    if within is not None or text.startswith(_HALES_OWN):
        raise ValueError(
            f"{text} holds what the system, a database or Hale needs. "
            "Write a directory that only one service fills."
        )
    if any(f"{text}/".startswith(f"{tree}/") for tree in _UNSEEN):
        raise ValueError(
            f"{text} is not the gate's to free: its unit has a /tmp of its own and only reads /home. "
            "Write a directory elsewhere that only one service fills."
        )
    if text in _NOT_WHOLE:
        raise ValueError(
            f"{text} belongs to more than one service. Write a directory below it that only one fills."
        )
    return text


def _match(text: str) -> str:
    shaped = re.fullmatch(MATCH_PATTERN.strip("^$"), text) is not None
    # What cannot be seen in a page or a terminal could be another pattern than it seems.
    if not shaped or not text.isprintable() or text in (".", ".."):
        raise ValueError(
            f"{text!r} is not a pattern for a file's name, which has no '/'. Write \"*.tmp\"."
        )
    return text


class Reclaim(Block):
    """Plain files directly in a directory or below it.

    Attributes:
        path: The directory. Links are not followed, and other file systems below it are left.
        match: Their name, with `*`, `?` and `[...]`.
        older_than: Seconds since their last change.
        keep: So many of the newest are kept.
    """

    path: Annotated[File, AfterValidator(_reclaimable)]
    match: Annotated[
        str, AfterValidator(_match), Field(json_schema_extra={"pattern": MATCH_PATTERN})
    ]
    older_than: Period
    keep: Count = 0
