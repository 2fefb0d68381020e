"""Ladders: what is tried for an alert, in which order, and how each try is proven.

Rule: a rung that changes something is verified; one that is not verified has failed.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.conditions import Failure, When
from cluster.fields import (
    NOT_EMPTY,
    AtLeastOne,
    Block,
    Flag,
    Metric,
    Name,
    Period,
    Seconds,
    between,
)


class Mode(Enum):
    """How far the healer may go, from the most cautious on."""

    EXPLAIN = "explain"
    APPROVE = "approve"
    ACT = "act"

    def __lt__(self, other: "Mode") -> bool:
        order = list(Mode)
        return order.index(self) < order.index(other)


class Verb(StrEnum):
    """What a gate does for a healer, and keeps a spacing of."""

    SERVICE_RESTART = "service.restart"
    SERVICE_RELOAD = "service.reload"
    POOL_DRAIN = "pool.drain"
    POOL_RETURN = "pool.return"
    ADDRESS_DECLINE = "address.decline"
    ADDRESS_ACCEPT = "address.accept"
    DATABASE_SWITCHOVER = "database.switchover"
    DATABASE_RESTART = "database.restart"
    DATABASE_REINIT = "database.reinit"
    DATABASE_BAR = "database.bar"
    DATABASE_ADMIT = "database.admit"
    SENTINEL_FAILOVER = "sentinel.failover"
    PACEMAKER_CLEANUP = "pacemaker.cleanup"
    PACEMAKER_STANDBY = "pacemaker.standby"
    PACEMAKER_UNSTANDBY = "pacemaker.unstandby"
    DISK_FREE = "disk.free"
    FILES_RESTORE = "files.restore"
    PACKAGE_RESTORE = "package.restore"
    NODE_REBOOT = "node.reboot"
    NODE_LOCK = "node.lock"
    NODE_UNLOCK = "node.unlock"
    NODE_PATCH = "node.patch"
    NODE_FENCE = "node.fence"
    NODE_UNFENCE = "node.unfence"


class Action(StrEnum):
    """What a rung can do. Giving back (pool.return, address.accept, ...) follows by itself and is no rung.

    Nor are node.unfence, which follows a person's `admit`, and pacemaker.standby, which is for upkeep.
    """

    SERVICE_RESTART = "service.restart"
    SERVICE_RELOAD = "service.reload"
    POOL_DRAIN = "pool.drain"
    ADDRESS_DECLINE = "address.decline"
    DATABASE_SWITCHOVER = "database.switchover"
    DATABASE_RESTART = "database.restart"
    DATABASE_REINIT = "database.reinit"
    DATABASE_BAR = "database.bar"
    SENTINEL_FAILOVER = "sentinel.failover"
    PACEMAKER_CLEANUP = "pacemaker.cleanup"
    DISK_FREE = "disk.free"
    FILES_RESTORE = "files.restore"
    PACKAGE_RESTORE = "package.restore"
    NODE_REBOOT = "node.reboot"
    NODE_FENCE = "node.fence"
    PERSON_CALL = "person.call"

    @property
    def verb(self) -> bool:
        """Whether a gate runs it, so that it can change something on a node."""
        return self is not Action.PERSON_CALL

    @property
    def of_service(self) -> bool:
        """Whether it is about one service, which a rung may name in place of the alert's own."""
        return self in _OF_SERVICE


_OF_SERVICE = frozenset(
    {Action.SERVICE_RESTART, Action.SERVICE_RELOAD, Action.POOL_DRAIN}
    | {Action.FILES_RESTORE, Action.PACKAGE_RESTORE}
) | {action for action in Action if action.startswith(("database.", "sentinel.", "pacemaker."))}

_COPY = "hale:database_member_good"

# What a rung gets where it says nothing else. Once taken away is taken away: a second try of these
# would find nothing to do, or do more harm than the first. That a fenced node is off its power device
# has said twice by then; proved is that nobody hears of it, and once admitted, that somebody does.
_PROOF: Mapping[str, Mapping[str, Any]] = {
    Action.POOL_DRAIN: {"metric": "hale:pool_member_up", "want": 0},
    Action.ADDRESS_DECLINE: {"metric": "hale_virtual_address_held", "want": 0},
    Action.DATABASE_SWITCHOVER: {"metric": "patroni_primary", "want": 0},
    Action.DATABASE_BAR: {"metric": "patroni_primary", "want": 0},
    Action.SENTINEL_FAILOVER: {"metric": "hale:redis_master", "want": 0},
    Action.PACEMAKER_CLEANUP: {"metric": "hale:pacemaker_resource_clean", "within": "3m"},
    Action.DATABASE_RESTART: {"metric": _COPY, "within": "3m"},
    Action.DATABASE_REINIT: {"metric": _COPY, "within": "15m"},
    Action.DISK_FREE: {"metric": "hale:filesystem_has_room"},
    Action.PACKAGE_RESTORE: {
        "metric": "hale_service_package_damaged_files",
        "want": 0,
        "within": "5m",
    },
    Action.NODE_REBOOT: {"within": "5m"},
    Action.NODE_FENCE: {"metric": "up", "want": 0, "within": "5m", "soak": "0s"},
}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    Action.POOL_DRAIN: {"attempts": 1},
    Action.ADDRESS_DECLINE: {"attempts": 1},
    Action.DATABASE_SWITCHOVER: {"attempts": 1, "deadline": "2m"},
    Action.DATABASE_BAR: {"attempts": 1, "deadline": "1m"},
    Action.SENTINEL_FAILOVER: {"attempts": 1, "deadline": "1m"},
    Action.PACEMAKER_CLEANUP: {"attempts": 1, "deadline": "1m"},
    Action.DATABASE_RESTART: {"attempts": 1, "deadline": "5m"},
    Action.DATABASE_REINIT: {"attempts": 1, "deadline": "30m"},
    Action.DISK_FREE: {"attempts": 1, "deadline": "2m"},
    Action.FILES_RESTORE: {"deadline": "15m"},
    Action.PACKAGE_RESTORE: {"deadline": "5m"},
    Action.NODE_REBOOT: {"attempts": 1, "deadline": "5m"},
    Action.NODE_FENCE: {"attempts": 1, "deadline": "1m"},
}


class Verify(Block):
    """The proof that a rung helped.

    Attributes:
        metric: Whose samples about the target must all equal `want`, newer than the action's end.
        within: Seconds after the action's end in which it must first be so.
        soak: Seconds that it must then stay so.
        lookback: Seconds for which it, or an alert, may still be of before the action, where no rule says so itself.
    """

    metric: Metric = "hale_service_up"
    want: float = 1.0
    within: Period = 90.0
    soak: Seconds = 30.0
    lookback: Annotated[Seconds, between(0, 86400.0)] = 0.0


def _backoff(value: float) -> float:
    if not 1 <= value <= 10:
        raise ValueError(f"{value:g} is out of range. Write 1 to 10, as 2 to double each wait.")
    return value


class Rung(Block):
    """One step of a ladder.

    Attributes:
        service: The service to act on; None for the one that the alert names.
        fast: Whether an alert that Prometheus has not confirmed yet may start it; of a restart only.
        deadline: Seconds that the action itself may take; of others than restarts and drains see _DEFAULTS.
        verify: None only for `person.call`, which proves nothing.
        attempts: Tries before the next rung; 1 for all but service.restart and service.reload.
        wait: Seconds between the first two tries.
        backoff: By how much each later wait is longer than the one before.
        max_wait: Seconds that no wait is longer than, unless `wait` is.
        approve: Whether a person must agree even where the mode is act; `owner` where it must be an owner.
        when: What must be so; else the rung is passed over. None for always.
    """

    action: Action
    service: Name | None = None
    fast: Flag = False
    deadline: Period = 30.0
    verify: Verify | None = None
    attempts: AtLeastOne = 2
    wait: Seconds = 60.0
    backoff: Annotated[
        float,
        AfterValidator(_backoff),
        Field(json_schema_extra={"minimum": 1, "maximum": 10}),
    ] = 2.0
    max_wait: Seconds = 900.0
    approve: Flag | Literal["owner"] = False
    when: When | None = None

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, data: Any) -> Any:
        """Give every rung that changes something the proof and the numbers that fit it, where none are written."""
        if not isinstance(data, Mapping) or not isinstance(action := data.get("action"), str):
            return data
        if action == Action.PERSON_CALL:
            return data
        proof = _proof(action, data.get("service"))
        written = data.get("verify", {})
        # A proof that is written in part keeps the rest of what fits its action, unless it asks something else.
        own = isinstance(written, Mapping) and "metric" not in written
        verify = {**proof, **written} if own else written
        return {**_DEFAULTS.get(action, {}), **data, "verify": verify}

    @model_validator(mode="after")
    def _coherent(self) -> "Rung":
        if self.action.verb and self.verify is None:
            raise ValueError("an action that is not verified has failed. Remove `verify: null`.")
        if not self.action.verb and (unused := self.model_fields_set - {"action"}):
            raise ValueError(f"{self.action} takes no {', '.join(sorted(unused))}. Remove it.")
        if "max_wait" in self.model_fields_set and self.max_wait < self.wait:
            raise ValueError("max_wait is shorter than wait. Lengthen it, or shorten wait.")
        if self.service is not None and not self.action.of_service:
            raise ValueError(f"{self.action} takes no service. Remove it.")
        if self.fast and self.action is not Action.SERVICE_RESTART:
            raise ValueError(
                f"only {Action.SERVICE_RESTART} may be fast: what Prometheus has not confirmed "
                "starts nothing that takes more away. Remove it."
            )
        return self


def _proof(action: str, service: object) -> Mapping[str, Any]:
    # The exporter cannot report itself; Prometheus' own `up` does.
    return {"metric": "up"} if service == EXPORTER else _PROOF.get(action, {})


class Ladder(Block):
    """An ordered list of rungs.

    Attributes:
        mode: None for the healer's.
        rungs: A person is called after the last one, whether written or not.
    """

    name: SkipJsonSchema[Name]
    mode: Mode | None = None
    rungs: Annotated[tuple[Rung, ...], NOT_EMPTY]


EXPORTER = "hale-exporter"

_CALL = {"action": "person.call"}

# What the packaged rules name in their `heal` label, so it must always be there; and what one's own
# rules may name. The healer passes over a rung that cannot apply, as pool.drain outside of every pool.
DEFAULT_LADDERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "restart-service": {
            "rungs": [
                {"action": "service.restart", "fast": True},
                {"action": "pool.drain"},
                _CALL,
            ]
        },
        "restart-exporter": {"rungs": [{"action": "service.restart", "service": EXPORTER}, _CALL]},
        "free-disk": {"rungs": [{"action": "disk.free"}, _CALL]},
        "reboot-node": {"rungs": [{"action": "node.reboot"}, _CALL]},
        # Of what only one node may run, on one that could: the guard `fenced` has each other one proven off first.
        "take-over": {"rungs": [{"action": "service.restart"}, _CALL]},
        # Of a node that nobody hears of and that may still write: off for certain, once a person agrees.
        "fence-node": {"rungs": [{"action": "node.fence", "approve": True}, _CALL]},
        # Of a node of which something fails that nothing on it repairs: users first, then a person.
        # Of a database the leader is moved, and any other member kept from leading.
        "move-away": {
            "rungs": [
                {"action": "database.switchover"},
                {"action": "database.bar"},
                {"action": "sentinel.failover"},
                {"action": "pool.drain"},
                {"action": "address.decline"},
                _CALL,
            ]
        },
        # Patroni does the rest by itself: it starts what has stopped, and chooses who leads.
        "database": {
            "rungs": [{"action": "database.restart"}, {"action": "database.reinit"}, _CALL]
        },
        # Pacemaker has tried by itself; it may once more, after it has forgotten what failed.
        "pacemaker": {"rungs": [{"action": "pacemaker.cleanup"}, _CALL]},
        # What was there stays beside it, and an owner agrees, unless all of it can be made anew.
        "backup": {"rungs": [{"action": "files.restore"}, _CALL]},
        # Of a service that runs on, until its next start: the same version again, and that start.
        "package": {"rungs": [{"action": "package.restore"}, _CALL]},
        # No gate has a verb for these yet that could be proved to help.
        "monitoring": {"rungs": [_CALL]},
        "clock": {"rungs": [_CALL]},
    }
)

# What answers each failure that a log line, a sensor or a device proves, for rules that name one.
LADDER_OF: Mapping[Failure, str] = MappingProxyType(
    {
        Failure.DISK: "move-away",
        Failure.MEMORY_HW: "move-away",
        Failure.CPU_HW: "move-away",
        Failure.THERMAL_POWER: "move-away",
        Failure.NETWORK_LINK: "move-away",
        # Broken, not full: what is written to it may be lost.
        Failure.FILESYSTEM: "move-away",
        Failure.OOM: "restart-service",
        Failure.PROCESS_CRASH: "restart-service",
        Failure.SERVICE_FAILED: "restart-service",
        Failure.KERNEL_PANIC_HANG: "reboot-node",
        Failure.TIME_SYNC: "clock",
        # Whoever came in is not thrown out by a restart.
        Failure.AUTH_SECURITY: "none",
    }
)
