"""The one word of every outcome that is not good, and how it is carried. docs/backups.md says what to do about each."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a run, check, drill or restore failed."""

    BUSY = "busy"
    MISCONFIGURED = "misconfigured"
    NO_TOOL = "no_tool"
    REPOSITORY_UNUSABLE = "repository_unusable"
    SOURCE_MISSING = "source_missing"
    SOURCE_UNREADABLE = "source_unreadable"
    INCOMPLETE = "incomplete"
    SIZE_DROPPED = "size_dropped"
    BACKUP_FAILED = "backup_failed"
    FORGET_FAILED = "forget_failed"
    CHECK_FAILED = "check_failed"
    SOURCE_CORRUPT = "source_corrupt"
    NO_SNAPSHOT = "no_snapshot"
    NO_MANIFEST = "no_manifest"
    MANIFEST_CHANGED = "manifest_changed"
    NO_ROOM = "no_room"
    RESTORE_FAILED = "restore_failed"
    DIFFERS = "differs"
    NOTHING_PROVEN = "nothing_proven"
    NOT_PROVEN = "not_proven"
    OTHER_SNAPSHOT = "other_snapshot"
    MOUNT_POINT = "mount_point"
    NOT_MOUNTED = "not_mounted"
    FAILING_DISK = "failing_disk"
    SERVICE_STUCK = "service_stuck"
    NOT_SWITCHED = "not_switched"
    INTERRUPTED = "interrupted"
    UNREPORTED = "unreported"
    ROLE_UNKNOWN = "role_unknown"
    NOT_LEADER = "not_leader"
    ARCHIVE_FAILED = "archive_failed"
    WAL_MISSING = "wal_missing"
    NOT_REACHED = "not_reached"
    NOT_STARTED = "not_started"
    TOO_SLOW = "too_slow"
    DAMAGED = "damaged"
    TOO_OLD = "too_old"
    BY_A_PERSON = "by_a_person"


class Failed(Exception):  # reads as what happened
    """A job did not do what it is for. What that left behind stands in the docstring of who raises it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
