"""Every answer that the gate can give: how a request stands, and the one word why."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a request stands. All but BEGUN and RUNNING are final."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    VOIDED = "voided"
    RUNNING = "running"


class Reason(StrEnum):
    """Why an answer is what it is; docs/gate.md says what to do about each."""

    # refused: nothing was touched
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    VERSION = "version"
    MISCONFIGURED = "misconfigured"
    UNREACHABLE = "unreachable"
    WRONG_CLUSTER = "wrong_cluster"
    WRONG_NODE = "wrong_node"
    UNKNOWN_VERB = "unknown_verb"
    BAD_ARGUMENT = "bad_argument"
    NOT_LISTED = "not_listed"
    STALE_NONCE = "stale_nonce"
    LEDGER_UNWRITABLE = "ledger_unwritable"
    LOWER_TOKEN = "lower_token"  # noqa: S105  # a fencing token is no secret
    OTHER_STORE = "other_store"
    ID_REUSED = "id_reused"
    VOIDED = "voided"
    OLDER_THAN_LEDGER = "older_than_ledger"
    HELD = "held"
    BUSY = "busy"
    SPACING = "spacing"
    CONFIG_CHECK = "config_check"
    CHANGED = "changed"
    MARKS_UNREADABLE = (
        "marks_unreadable"  # of `failed` too, as are the next two, between begun and the effect
    )
    TOO_MANY_OWNERS = "too_many_owners"
    LAST_MEMBER = "last_member"
    NOT_LOCKED = "not_locked"
    NOT_OBTAINABLE = "not_obtainable"
    PAUSED = "paused"
    SCHEDULED = "scheduled"
    NOT_LEADER = "not_leader"
    NO_QUORUM = "no_quorum"
    LEADS = "leads"
    NOT_STREAMING = "not_streaming"
    LAGGING = "lagging"
    OTHER_TIMELINE = "other_timeline"
    CANDIDATE_BARRED = "candidate_barred"
    NOT_SYNCHRONOUS = "not_synchronous"
    LAST_COPY = "last_copy"
    NOT_REPLICA = "not_replica"
    MAINTENANCE_MODE = "maintenance_mode"
    FENCING_PENDING = "fencing_pending"
    NODE_UNCLEAN = "node_unclean"
    NOT_FAILED = "not_failed"
    NO_PLACE = "no_place"
    # failed: the verb ran and did not succeed
    START_FAILED = "start_failed"
    RELOAD_FAILED = "reload_failed"
    MARKS_UNWRITABLE = "marks_unwritable"
    NOT_DRAINED = "not_drained"
    NOT_RETURNED = "not_returned"
    NOT_DECLINED = "not_declined"
    NOT_ACCEPTED = "not_accepted"
    NOT_SWITCHED = "not_switched"
    NOT_REINITIALIZED = "not_reinitialized"
    NOT_BARRED = "not_barred"
    NOT_ADMITTED = "not_admitted"
    NOT_CLEANED_UP = "not_cleaned_up"
    NOT_STANDING_BY = "not_standing_by"
    NOT_BACK_IN_CLUSTER = "not_back_in_cluster"
    NOTHING_TO_FREE = "nothing_to_free"
    NOT_RESTORED = "not_restored"
    NOT_REINSTALLED = "not_reinstalled"
    NOT_REBOOTED = "not_rebooted"
    PATCH_FAILED = "patch_failed"
    NO_AGENT = "no_agent"
    SECRETS_UNREADABLE = "secrets_unreadable"
    FENCE_REFUSED = "fence_refused"
    STILL_ON = "still_on"
    STILL_OFF = "still_off"
    DEADLINE = "deadline"  # of `unknown` too, when PID 1 may still be at it
    # unknown: it may have happened; never run again
    INTERRUPTED = "interrupted"
    OTHER_BOOT = "other_boot"
    TORN_RECORD = "torn_record"
    RUNNING = "running"
    UNREADABLE = "unreadable"
    POWER_UNREAD = "power_unread"
    # done
    RESTARTED = "restarted"
    RELOADED = "reloaded"
    DRAINED = "drained"
    RETURNED = "returned"
    DECLINED = "declined"
    LAST_CANDIDATE = "last_candidate"
    ACCEPTED = "accepted"
    STILL_MARKED = "still_marked"
    SWITCHED_OVER = "switched_over"
    REINITIALIZED = "reinitialized"
    BARRED = "barred"
    ADMITTED = "admitted"
    CLEANED_UP = "cleaned_up"
    STANDING_BY = "standing_by"
    BACK_IN_CLUSTER = "back_in_cluster"
    FREED = "freed"
    RESTORED = "restored"
    REINSTALLED = "reinstalled"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    PATCHED = "patched"
    PATCHED_NEEDS_REBOOT = "patched_needs_reboot"
    REBOOTED = "rebooted"
    FENCED = "fenced"
    UNFENCED = "unfenced"
    SETTLED = "settled"


class Refused(Exception):  # reads as what happened
    """The gate says no. Nothing was touched."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Unreadable(Refused):
    """The line is not one of the protocol's. Nothing was touched, and the connection must end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action stands: what the last line says of it, and what settle returns.

    Attributes:
        reason: A Reason, or the word that another version of the gate has stored.
        started_at: When `begun` became durable, None if it never did. RFC 3339, the node's wall clock.
        ended_at: None while running and where nobody saw the end.
        boot_id: The boot in which it ran.
    """

    state: State
    reason: str
    detail: str
    started_at: str | None = None
    ended_at: str | None = None
    boot_id: str | None = None


def done(reason: Reason, detail: str) -> Outcome:
    """Say that it is done."""
    return Outcome(State.DONE, reason, detail)


def failed(reason: Reason, detail: str) -> Outcome:
    """Say that it ran and did not succeed."""
    return Outcome(State.FAILED, reason, detail)


def unknown(reason: Reason, detail: str) -> Outcome:
    """Say that nobody knows, and that it will not run again."""
    return Outcome(State.UNKNOWN, reason, detail)
