"""When a rung applies: to which failures, how severe, of whom, and in which hours.

Rule: what is not written sets no condition, and of a list one is enough.
"""

import re
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.fields import NOT_EMPTY, Block, Name


class Role(StrEnum):
    """What a group is for."""

    SERVICE = "service"
    CONTROL = "control"
    WEB = "web"
    BALANCER = "balancer"
    CACHE = "cache"
    DATABASE = "database"
    QUEUE = "queue"
    STORAGE = "storage"
    BACKUP = "backup"


class Failure(StrEnum):
    """What a log line, a sensor or a device can prove of a node."""

    DISK = "disk"
    FILESYSTEM = "filesystem"
    MEMORY_HW = "memory_hw"
    CPU_HW = "cpu_hw"
    THERMAL_POWER = "thermal_power"
    NETWORK_LINK = "network_link"
    OOM = "oom"
    KERNEL_PANIC_HANG = "kernel_panic_hang"
    PROCESS_CRASH = "process_crash"
    SERVICE_FAILED = "service_failed"
    AUTH_SECURITY = "auth_security"
    TIME_SYNC = "time_sync"


class Severity(StrEnum):
    """How urgent an alert is."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


HOURS_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


def minutes(text: str) -> tuple[int, int]:
    """Return the minutes since midnight at which `HH:MM-HH:MM` begins and ends."""
    begins, ends = ((int(one[:2]) * 60 + int(one[3:])) for one in text.split("-"))
    return begins, ends


def _hours(text: str) -> str:
    if re.fullmatch(HOURS_PATTERN.strip("^$"), text, re.ASCII) is None:
        raise ValueError(f"{text!r} are no hours. Write HH:MM-HH:MM, as 22:00-06:00.")
    begins, ends = minutes(text)
    if begins == ends:
        raise ValueError(f"{text!r} begins when it ends. Leave hours out for the whole day.")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{text!r} is no time zone that this machine knows. Write UTC, or one as Europe/Vienna."
        ) from None
    return text


TimeZone = Annotated[str, AfterValidator(_zone)]


class Window(Block):
    """Hours of the week, in the cluster's time zone.

    Attributes:
        days: On which it begins.
        hours: From when to when; one that ends before it begins ends on the next day.
    """

    name: SkipJsonSchema[Name]
    days: Annotated[tuple[Day, ...], NOT_EMPTY] = tuple(Day)
    hours: Annotated[
        str, AfterValidator(_hours), Field(json_schema_extra={"pattern": HOURS_PATTERN})
    ] = "00:00-24:00"


class When(Block):
    """What must be so for a rung to be tried; else it is passed over.

    Attributes:
        failure: What the cause's alert proves.
        severity: The cause's.
        group: One of those that the target belongs to.
        role: That of one of these groups.
        window: It is within one of these hours.
    """

    failure: tuple[Failure, ...] = ()
    severity: tuple[Severity, ...] = ()
    group: tuple[Name, ...] = ()
    role: tuple[Role, ...] = ()
    window: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> "When":
        if not any((self.failure, self.severity, self.group, self.role, self.window)):
            raise ValueError("no condition is set. Write one, or remove it.")
        return self
